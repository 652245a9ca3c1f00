import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { DiskThread } from './disk-thread.js';
import { WriteRooms } from './write-rooms.js';

t.test('what many files are given is in each of them, whole and in order', async (t) => {
  const dir = t.testdir();
  const disk = new DiskThread();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), { minLength: 1, maxLength: 20 }), async (files) => {
      run += 1;
      const paths = files.map((_, n) => join(dir, `${run}-${n}`));
      await Promise.all(
        files.map(async (parts, n) => {
          const handle = await open(paths[n] ?? '', 'ax');
          for (const part of parts) await disk.write(handle.fd, part);
          await handle.close();
        }),
      );
      return files.every((parts, n) => readFileSync(paths[n] ?? '').equals(Buffer.concat(parts)));
    }),
    { numRuns: 25 },
  );
  await disk.worker?.terminate();
});

t.test('what is given is copied before its owner has it again', async (t) => {
  const disk = new DiskThread();
  const path = join(t.testdir(), 'f');
  const handle = await open(path, 'ax');
  const bytes = Buffer.from('one');
  const written = disk.write(handle.fd, bytes);
  await Promise.resolve();
  bytes.fill('x');
  await written;
  t.equal(readFileSync(path, 'latin1'), 'one');
  await handle.close();
  await disk.worker?.terminate();
});

t.test('of shared memory it reads what is there, after what others gave before it', async (t) => {
  const disk = new DiskThread();
  const path = join(t.testdir(), 'f');
  const handle = await open(path, 'ax');
  const rooms = new WriteRooms();
  const room = rooms.take(3);
  room.write('two---');
  await Promise.all([disk.write(handle.fd, Buffer.from('one')), disk.writeShared(handle.fd, room.subarray(0, 3))]);
  t.equal(readFileSync(path, 'latin1'), 'onetwo');
  rooms.giveBack(room);
  t.equal(rooms.take(1), room, 'it is used again');
  t.not(rooms.take(1), room, 'by one at a time');
  t.ok(rooms.take(100_000).length >= 100_000);
  await handle.close();
  await disk.worker?.terminate();
});

t.test('a file that cannot be written fails alone, with what the system said', async (t) => {
  const disk = new DiskThread();
  const path = join(t.testdir(), 'f');
  const [full, fine] = [await open('/dev/full', 'w'), await open(path, 'ax')];
  const outcomes = await Promise.allSettled([disk.write(full.fd, Buffer.from('lost')), disk.write(fine.fd, Buffer.from('kept')), disk.write(-1, Buffer.from('x'))]);
  t.match(outcomes, [{ status: 'rejected', reason: { code: 'ENOSPC', syscall: 'write' } }, { status: 'fulfilled' }, { status: 'rejected' }]);
  t.equal(readFileSync(path, 'latin1'), 'kept');
  await Promise.all([full.close(), fine.close()]);
  await disk.worker?.terminate();
});

t.test('when the thread dies what is under way has failed, and the next write starts another', async (t) => {
  const disk = new DiskThread();
  const path = join(t.testdir(), 'f');
  const handle = await open(path, 'ax');
  await disk.write(handle.fd, Buffer.from('one'));
  const first = disk.worker;
  const lost = disk.write(handle.fd, Buffer.from('two'));
  const died = first?.terminate();
  await Promise.allSettled([lost, died]);
  await disk.write(handle.fd, Buffer.from('three'));
  t.not(disk.worker, first);
  t.match(readFileSync(path, 'latin1'), /^one(two)?three$/);
  await handle.close();
  await disk.worker?.terminate();
});

t.test('it does not keep the process from ending, whether it has written anything or not; what is under way is written before', async (t) => {
  const path = join(t.testdir(), 'f');
  const script = (act: string): string => `
    import { openSync } from 'node:fs';
    import { diskThread } from ${JSON.stringify(new URL('./disk-thread.js', import.meta.url).href)};
    ${act}`;
  const write = `void diskThread.write(openSync(${JSON.stringify(path)}, 'ax'), Buffer.from('kept'));`;
  for (const act of ['diskThread.start();', write]) {
    await promisify(execFile)('env', ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', script(act)], { timeout: 20_000 });
  }
  t.equal(readFileSync(path, 'latin1'), 'kept');
});
