import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { sharedSecret } from './shared-secret.js';

const server = { host: '127.0.0.1', port: 9022 };
const fileWith = (text: string): string => {
  const file = join(t.testdir({}), 'secret');
  writeFileSync(file, text);
  return file;
};

t.test('the secret of drachtio-server stands in the configuration or in a file', async (t) => {
  t.equal(await sharedSecret({ ...server, secret: 'cymru' }), 'cymru');
  t.equal(await sharedSecret({ ...server, secretFile: fileWith('from a file\n') }), 'from a file');
});

t.test('a file without one secret is a failure that names the file and never its content', async (t) => {
  for (const text of ['', '\n', 'hidden\nhidden too\n', 'hidden|admin', 'hidden'.repeat(1_000)]) {
    const secretFile = fileWith(text);
    await t.rejects(sharedSecret({ ...server, secretFile }), { code: 'CONFIG_UNREADABLE', message: new RegExp(`secretFile ${secretFile}(?!.*hidden)`, 'su') });
  }
  await t.rejects(sharedSecret({ ...server, secretFile: '/nowhere/secret' }), { code: 'CONFIG_UNREADABLE', message: /\/nowhere\/secret.*ENOENT/u });
});
