import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeToken } from './site.js';

t.test('a token is made once, for its owner alone, and is the same for every process that starts after', async (t) => {
  const token = join(t.testdir(), 'api.token');
  const made = await makeToken({ token });
  t.match(made, /^[-\w]{43}$/u);
  t.equal(readFileSync(token, 'utf8'), `${made}\n`);
  t.equal(statSync(token).mode & 0o777, 0o600);
  t.equal(await makeToken({ token }), made);
});

t.test('processes that find none at once have the same', async (t) => {
  const dir = t.testdir();
  const made = await Promise.all(Array.from({ length: 20 }, () => makeToken({ token: join(dir, 'api.token') })));
  t.equal(new Set(made).size, 1);
  t.strictSame(readdirSync(dir), ['api.token']);
});

t.test('one that others could read, that is none of our making, or that lies elsewhere is replaced', async (t) => {
  for (const [content, mode] of [[`${'a'.repeat(43)}\n`, 0o640], ['short\n', 0o600], ['', 0o600], [`${'a'.repeat(10_000)}\n`, 0o600]] as const) {
    const dir = t.testdir();
    const token = join(dir, 'api.token');
    writeFileSync(token, content);
    chmodSync(token, mode);
    t.notMatch(await makeToken({ token }), /^a+$/u);
    t.equal(statSync(token).mode & 0o777, 0o600);
    t.strictSame(readdirSync(dir), ['api.token']);
  }
  const dir = t.testdir({ elsewhere: `${'a'.repeat(43)}\n` });
  symlinkSync(join(dir, 'elsewhere'), join(dir, 'api.token'));
  t.notMatch(await makeToken({ token: join(dir, 'api.token') }), /^a+$/u);
  t.equal(readFileSync(join(dir, 'elsewhere'), 'utf8'), `${'a'.repeat(43)}\n`);
});
