import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Failure } from '../errors/index.js';
import { lockFolder } from './lock.js';

const folder = await mkdtemp(join(tmpdir(), 'twintrack-lock-'));
const dir = join(folder, 'ledger');
const path = `${dir}.lock`;

await t.test('the lock names its process, keeps others out, and leaves nothing behind', async (t) => {
  const lock = await lockFolder(dir);
  t.match(await readFile(path, 'utf8'), new RegExp(`^${process.pid}\n`));
  await t.rejects(lockFolder(dir), { code: 'LEDGER_LOCKED', message: new RegExp(`process ${process.pid}:`) });
  await lock.release();
  t.same(await readdir(folder), []);
  await lock.release();
});

await t.test('a living process that holds the lock is respected, a dead one is replaced', async (t) => {
  const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(holder, 'spawn');
  await writeFile(path, `${holder.pid}`);
  await t.rejects(lockFolder(dir), { code: 'LEDGER_LOCKED', message: new RegExp(`process ${holder.pid}:`) });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await (await lockFolder(dir)).release();
});

await t.test('a process that was given the number of a dead holder is not taken for it', async (t) => {
  await writeFile(path, `${process.pid}\n1\n`);
  const lock = await lockFolder(dir);
  t.not((await readFile(path, 'utf8')).split('\n')[1], '1');
  await lock.release();
});

await t.test('a lock file without sense is replaced', async (t) => {
  for (const content of ['', 'nonsense', '-1', '0', '99999999999999999999']) {
    await writeFile(path, content);
    await (await lockFolder(dir)).release();
  }
  t.same(await readdir(folder), []);
});

const dead = '99999999\n';
/** Who holds this file, and nobody else, may remove the lock with that content. */
const guardOf = (content: string): string => `${path}.${createHash('sha256').update(content).digest('hex').slice(0, 32)}`;

await t.test('a dead lock that another process is about to replace is left to that one', async (t) => {
  await writeFile(path, dead);
  await writeFile(guardOf(dead), `${process.pid}\n`);
  await t.rejects(lockFolder(dir), { code: 'LEDGER_LOCKED' });
  t.equal(await readFile(path, 'utf8'), dead);
  await rm(guardOf(dead));
  await (await lockFolder(dir)).release();
});

await t.test('of many who come to a dead lock at once, one gets it', async (t) => {
  for (let round = 0; round < 20; round += 1) {
    await writeFile(path, dead);
    // The first to replace it died at that, in the worst place.
    if (round % 2 === 0) await writeFile(guardOf(dead), '99999998\n');
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder(dir)));
    const held = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    t.equal(held.length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') t.ok(outcome.reason instanceof Failure && outcome.reason.code === 'LEDGER_LOCKED');
    }
    for (const outcome of held) await outcome.value.release();
    t.same(await readdir(folder), []);
  }
});

await t.test('a folder where nothing can be written is a failure with its reason', async (t) => {
  await t.rejects(lockFolder(join(folder, 'missing', 'ledger')), { code: 'LEDGER_UNAVAILABLE', message: /ENOENT/ });
});

await rm(folder, { recursive: true });
