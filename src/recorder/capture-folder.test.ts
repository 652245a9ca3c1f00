import { basename } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { captureFolderName, copiesAmong, copyFolder } from './capture-folder.js';

t.test('a plain name of a recorder is the name of its folder; any other is made one, each another', (t) => {
  t.equal(captureFolderName('rec-1.example_a'), 'rec-1.example_a');
  const strange = ['a b', 'a/b', 'a~1', '..', '.', 'é', 'è', 'a\0b', 'journal 1'];
  const names = strange.map(captureFolderName);
  for (const name of names) t.match(name, /^[\w-][-.\w]*-[0-9a-f]{8}$/u);
  t.equal(new Set(names).size, strange.length);
  t.end();
});

t.test('no name leads out of the folder, is too long for a file system, or is taken for a copy', (t) => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 64, unit: 'binary' }), (recorder) => {
      const name = captureFolderName(recorder);
      return basename(name) === name && name !== '..' && name !== '.' && Buffer.byteLength(name) < 200 && !name.includes('~');
    }),
  );
  t.end();
});

t.test('the copies of a folder are told from those of others', (t) => {
  const names = ['a', 'a~1', 'a~12', 'a~x', 'ab~1', 'a-b~1', '~1'];
  t.strictSame(copiesAmong(names, '/captures/a'), ['/captures/a~1', '/captures/a~12']);
  t.equal(copyFolder('/captures/a', 12), '/captures/a~12');
  t.end();
});
