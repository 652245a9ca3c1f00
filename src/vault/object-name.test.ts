import { join, normalize } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { folderOfPrefix, isObjectName } from './object-name.js';

t.test('names as the product makes them are taken', (t) => {
  for (const name of ['a', 'recordings/2026/11/21/0b0f.wav', 'manifests/a_b-c+d=e@f,g:h.json', 'x'.repeat(200)]) t.ok(isObjectName(name), name);
  t.end();
});

t.test('names that leave the vault, hide in it or are no path are refused', (t) => {
  const wrong = ['', '/', '/etc/passwd', '..', '../a', 'a/../b', 'a/..', 'a/../../b', './a', 'a/.', 'a//b', 'a/', '.tmp/a', 'a/.tmp-1', '.hidden', 'a\\b', 'a\0b', 'a b', 'a\n', 'é', 'x'.repeat(201), 'a/'.repeat(16) + 'a'];
  for (const name of wrong) t.notOk(isObjectName(name), JSON.stringify(name));
  t.end();
});

t.test('whatever is a name stays below the root', (t) => {
  const part = fc.constantFrom('.', '..', '/', '\\', 'a', '.tmp', '%2e', '~', '\0', ':');
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.array(part).map((parts) => parts.join(''))), (name) => {
      if (isObjectName(name)) t.equal(normalize(join('/root', name)), `/root/${name}`);
    }),
  );
  t.end();
});

t.test('a prefix is looked for in its folder', (t) => {
  t.equal(folderOfPrefix(''), '');
  t.equal(folderOfPrefix('rec'), '');
  t.equal(folderOfPrefix('recordings/2026/1'), 'recordings/2026/');
  t.equal(folderOfPrefix('recordings/'), 'recordings/');
  t.equal(folderOfPrefix('../'), undefined);
  t.equal(folderOfPrefix('/etc/'), undefined);
  t.end();
});
