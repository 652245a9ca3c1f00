import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeFolder, openTemporary, temporaryPrefix, writeWhole } from './durable-file.js';

t.test('a file has its name only when it is published, and folders on its way are made', async (t) => {
  const folder = t.testdir();
  const target = join(folder, 'a', 'b', 'file');
  const temporary = await openTemporary(folder, 0o640);
  await temporary.write(Buffer.from('one '));
  await temporary.write(Buffer.from('two'));
  t.match(readdirSync(folder), [new RegExp(`^${temporaryPrefix}`)]);
  t.ok(await temporary.publish(target, 'replace'));
  await temporary.discard();
  t.equal(readFileSync(target, 'utf8'), 'one two');
  t.equal(statSync(target).mode & 0o777, 0o640);
  t.strictSame(readdirSync(folder), ['a']);
});

t.test('a discarded file leaves nothing, and discarding twice does no harm', async (t) => {
  const folder = t.testdir();
  const temporary = await openTemporary(folder, 0o600);
  await temporary.write(Buffer.from('x'));
  await temporary.discard();
  await temporary.discard();
  t.strictSame(readdirSync(folder), []);
});

t.test('a name that is taken is kept or replaced, as asked', async (t) => {
  const folder = t.testdir({ file: 'old' });
  const target = join(folder, 'file');
  t.notOk(await writeWhole(target, Buffer.from('new'), { folder, mode: 0o600, existing: 'keep' }));
  t.equal(readFileSync(target, 'utf8'), 'old');
  t.ok(await writeWhole(target, Buffer.from('new'), { folder, mode: 0o600, existing: 'replace' }));
  t.equal(readFileSync(target, 'utf8'), 'new');
  t.strictSame(readdirSync(folder), ['file']);
});

t.test('of many that write one name at once and keep, one wins and all others learn it', async (t) => {
  const folder = t.testdir();
  const target = join(folder, 'file');
  const won = await Promise.all(
    Array.from({ length: 10 }, (_, number) => writeWhole(target, Buffer.from(String(number)), { folder, mode: 0o600, existing: 'keep' })),
  );
  t.strictSame(won.map((one, number) => (one ? String(number) : '')).join(''), readFileSync(target, 'utf8'));
  t.strictSame(readdirSync(folder), ['file']);
});

t.test('a file that cannot be published is removed and says why', async (t) => {
  const folder = t.testdir({ taken: 'x' });
  await t.rejects(writeWhole(join(folder, 'taken', 'file'), Buffer.from('x'), { folder, mode: 0o600, existing: 'replace' }));
  t.strictSame(readdirSync(folder), ['taken']);
  await makeFolder(join(folder, 'there'));
  await makeFolder(join(folder, 'there'));
  writeFileSync(join(folder, 'there', 'x'), '');
});
