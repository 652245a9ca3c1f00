import { constants, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Failure } from '../errors/index.js';
import { loadOrCreateKeys } from '../vault/index.js';
import { captureFileOn, createCaptureFile, type CaptureFile } from './capture-file.js';
import type { CaptureEvent } from './event.js';
import type { CaptureRecord } from './format.js';
import { killedAfter } from './killed-script.fixture.js';
import { readCapture, type CaptureOutcome } from './reader.js';
import { openCaptureWriter, writeCapture, type CaptureWriterOptions } from './writer.js';

const home = t.testdir();
const keys = await loadOrCreateKeys(join(home, 'keys'));
const begin = { captureId: 'c1', sessionId: 's1', recorder: 'r1', metadata: {} };
const byHand = { flushMs: 1e6 };
const packet = Buffer.alloc(172, 7);

async function readAll(path: string): Promise<{ records: CaptureRecord[]; outcome: CaptureOutcome | undefined }> {
  const reading = readCapture(path, keys);
  const records: CaptureRecord[] = [];
  for await (const record of reading) records.push(record);
  return { records, outcome: reading.outcome };
}

const noSpace = (): Error => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

/** A real file whose next writes, syncs and closes a test may fail or hold. */
async function troubledFile(path: string): Promise<{ file: CaptureFile; trouble: Partial<Record<'write' | 'sync' | 'close', () => Promise<void>>>; calls: string[] }> {
  const real = await createCaptureFile(path);
  const trouble: Partial<Record<'write' | 'sync' | 'close', () => Promise<void>>> = {};
  const calls: string[] = [];
  const run = async (name: 'write' | 'sync' | 'close', work: () => Promise<void>): Promise<void> => {
    calls.push(name);
    await trouble[name]?.();
    await work();
  };
  const write = (bytes: Buffer): Promise<void> => {
    const taken = Buffer.from(bytes);
    return run('write', () => real.write(taken));
  };
  const file: CaptureFile = { write, sync: () => run('sync', () => real.sync()), close: () => run('close', () => real.close()) };
  return { file, trouble, calls };
}

t.test('a capture is in the file from the start, is written by the timer, and says what it holds', async (t) => {
  const path = join(t.testdir(), 'c');
  const writer = await openCaptureWriter(path, keys.public, begin, { flushMs: 20, syncMs: 20 });
  t.equal((await readAll(path)).records.length, 1, 'the begin event');
  const beginBytes = writer.stats.writtenBytes;
  for (let at = 0; at < 10; at += 1) writer.packet(at % 2, Date.now(), false, packet);
  t.match(writer.stats, { packets: 10, bytes: 1720, droppedPackets: 0, writtenPackets: 0, writtenBytes: beginBytes });
  while (writer.stats.writtenPackets < 10) await new Promise((resolve) => setImmediate(resolve));
  t.equal((await readAll(path)).records.length, 11);
  const summary = await writer.close('bye');
  t.match(summary, { state: 'closed', packets: 10, bytes: 1720, droppedPackets: 0, droppedEvents: 0, writtenPackets: 10, writtenBytes: statSync(path).size });
  t.equal(await writer.close('again'), summary, 'closing twice is closing once');
  writer.packet(0, Date.now(), false, packet);
  writer.event({ type: 'end', reason: 'late' });
  await writer.flush();
  t.match(writer.stats, { packets: 10, droppedPackets: 1, droppedEvents: 1 });
  t.match((await readAll(path)).records.at(-1), { kind: 'event', event: { type: 'end', reason: 'bye' } });
});

t.test('a full chunk is written without waiting for the timer', async (t) => {
  const path = join(t.testdir(), 'c');
  const writer = await openCaptureWriter(path, keys.public, begin, byHand);
  for (let at = 0; at < 3000; at += 1) writer.packet(0, Date.now(), false, packet);
  while (writer.stats.writtenPackets === 0) await new Promise((resolve) => setImmediate(resolve));
  t.ok(writer.stats.writtenPackets < 3000);
  await writer.close('bye');
  t.equal((await readAll(path)).records.length, 3002);
});

t.test('an event may be as long as a megabyte, a longer one is dropped and counted', async (t) => {
  const path = join(t.testdir(), 'c');
  const writer = await openCaptureWriter(path, keys.public, begin, byHand);
  const ofBytes = (bytes: number): CaptureEvent => ({ type: 'end', reason: 'x'.repeat(bytes - '{"type":"end","reason":""}'.length) });
  writer.packet(0, 1, false, packet);
  writer.event(ofBytes(1024 * 1024));
  writer.event(ofBytes(1024 * 1024 + 1));
  writer.packet(0, 2, false, packet);
  await writer.close('bye');
  t.equal(writer.stats.droppedEvents, 1);
  const { records, outcome } = await readAll(path);
  t.strictSame(records.map(({ kind }) => kind), ['event', 'packet', 'event', 'packet', 'event']);
  t.equal(outcome?.state, 'closed');
});

t.test('a capture is not begun in a file that exists, in no folder, or with endless metadata', async (t) => {
  const dir = t.testdir({ there: 'x' });
  await t.rejects(openCaptureWriter(join(dir, 'there'), keys.public, begin), { code: 'CAPTURE_WRITE', message: /there cannot be written/ });
  await t.rejects(openCaptureWriter(join(dir, 'none', 'c'), keys.public, begin), { code: 'CAPTURE_WRITE' });
  await t.rejects(openCaptureWriter(join(dir, 'c'), keys.public, { ...begin, metadata: { x: 'x'.repeat(2e6) } }), { code: 'CAPTURE_WRITE', message: /metadata is longer/ });
});

t.test('a full disk fails the beginning of a capture', async (t) => {
  const failures: Failure[] = [];
  const creating = open('/dev/full', constants.O_WRONLY).then((handle) => captureFileOn(handle, '/dev'));
  await t.rejects(writeCapture(creating, '/dev/full', keys.public, begin, { onFailure: (failure) => failures.push(failure) }), { code: 'CAPTURE_WRITE', message: /no space is left/, facts: { errno: 'ENOSPC' } });
  t.equal(failures.length, 0, 'whoever begins it learns by the rejection alone');
});

t.test('a disk that fills up is told once; the capture then drops and counts, and what was written stays readable', async (t) => {
  const path = join(t.testdir(), 'c');
  const { file, trouble, calls } = await troubledFile(path);
  const failures: Failure[] = [];
  const writer = await writeCapture(Promise.resolve(file), path, keys.public, begin, { ...byHand, onFailure: (failure) => failures.push(failure) });
  for (let at = 0; at < 5; at += 1) writer.packet(0, at, false, packet);
  await writer.flush();
  trouble.write = () => Promise.reject(noSpace());
  for (let at = 5; at < 8; at += 1) writer.packet(0, at, false, packet);
  await writer.flush();
  t.equal(failures.length, 1);
  t.match(failures[0], { code: 'CAPTURE_WRITE', message: /no space is left/, facts: { path, errno: 'ENOSPC' } });
  t.match(writer.stats, { packets: 5, bytes: 5 * 172, droppedPackets: 3, writtenPackets: 5 });
  delete trouble.write;
  writer.packet(0, 8, false, packet);
  writer.event({ type: 'streams', streams: [] });
  await writer.flush();
  const writes = calls.filter((call) => call === 'write').length;
  t.match(await writer.close('bye'), { state: 'failed', packets: 5, droppedPackets: 4, droppedEvents: 1 });
  t.equal(calls.filter((call) => call === 'write').length, writes, 'nothing is written behind the gap');
  t.equal(calls.at(-1), 'close');
  t.equal(failures.length, 1, 'told once');
  const { records, outcome } = await readAll(path);
  t.equal(records.length, 6);
  t.equal(outcome?.state, 'cut');
});

t.test('a sync or close that fails is a failure too', async (t) => {
  for (const name of ['sync', 'close'] as const) {
    const path = join(t.testdir(), name);
    const { file, trouble } = await troubledFile(path);
    const failures: Failure[] = [];
    const writer = await writeCapture(Promise.resolve(file), path, keys.public, begin, { ...byHand, onFailure: (failure) => failures.push(failure) });
    trouble[name] = () => Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }));
    t.match(await writer.close('bye'), { state: 'failed' });
    t.match(failures, [{ code: 'CAPTURE_WRITE', message: /the disk failed/ }]);
  }
});

t.test('a write and a sync that fail at once are one failure', async (t) => {
  const path = join(t.testdir(), 'c');
  const { file, trouble, calls } = await troubledFile(path);
  const failures: Failure[] = [];
  const writer = await writeCapture(Promise.resolve(file), path, keys.public, begin, { flushMs: 5, syncMs: 5, onFailure: (failure) => failures.push(failure) });
  let fail: (error: Error) => void = () => undefined;
  const disk = new Promise<void>((_, reject) => (fail = reject));
  trouble.write = trouble.sync = () => disk;
  calls.length = 0;
  writer.packet(0, 1, false, packet);
  while (!calls.includes('write') || !calls.includes('sync')) {
    writer.packet(0, 1, false, packet);
    await new Promise((resolve) => setImmediate(resolve));
  }
  fail(noSpace());
  t.match(await writer.close('bye'), { state: 'failed', packets: 0 });
  t.equal(failures.length, 1);
});

t.test('while the disk hangs packets wait up to the bound, are dropped beyond it, and all that waited is written when it answers', async (t) => {
  const path = join(t.testdir(), 'c');
  const { file, trouble } = await troubledFile(path);
  const writer = await writeCapture(Promise.resolve(file), path, keys.public, begin, { ...byHand, maxPendingBytes: 1_000_000 });
  let answer: () => void = () => undefined;
  const hang = new Promise<void>((resolve) => (answer = resolve));
  trouble.write = () => hang;
  for (let at = 0; at < 10_000; at += 1) writer.packet(0, at, false, packet);
  const { packets, droppedPackets } = writer.stats;
  t.equal(packets + droppedPackets, 10_000);
  // Up to the bound, and the chunk that was already taken out and sealed.
  t.ok(packets * 185 > 900_000 && packets * 185 < 1_300_000, `${packets}`);
  writer.event({ type: 'streams', streams: [] });
  t.equal(writer.stats.droppedEvents, 0, 'an event has room beyond');
  answer();
  await writer.flush();
  t.equal(writer.stats.writtenPackets, packets);
  writer.packet(0, 10_000, false, packet);
  t.match(await writer.close('bye'), { state: 'closed', packets: packets + 1, droppedPackets });
  t.equal((await readAll(path)).records.length, packets + 4);
});

t.test('a disk that never answers does not keep a capture from closing', async (t) => {
  const path = join(t.testdir(), 'c');
  const { file, trouble, calls } = await troubledFile(path);
  const failures: Failure[] = [];
  const writer = await writeCapture(Promise.resolve(file), path, keys.public, begin, { ...byHand, diskTimeoutMs: 500, onFailure: (failure) => failures.push(failure) });
  writer.packet(0, 1, false, packet);
  let answer: () => void = () => undefined;
  const hang = new Promise<void>((resolve) => (answer = resolve));
  trouble.write = () => hang;
  t.match(await writer.close('bye'), { state: 'failed', packets: 0, droppedPackets: 1 });
  t.match(failures, [{ code: 'CAPTURE_WRITE', message: /did not answer within 500 ms/ }]);
  t.notOk(calls.includes('close'));
  answer();
  while (!calls.includes('close')) await new Promise((resolve) => setImmediate(resolve));
  t.pass('the file is closed when the disk comes back');
  let created: (file: CaptureFile) => void = () => undefined;
  const late = new Promise<CaptureFile>((resolve) => (created = resolve));
  await t.rejects(writeCapture(late, path, keys.public, begin, { diskTimeoutMs: 10 }), { code: 'CAPTURE_WRITE', message: /did not answer/ });
  await new Promise<void>((resolve) => {
    const close = (): Promise<void> => {
      resolve();
      return Promise.resolve();
    };
    created({ ...file, close });
  });
  t.pass('a file that opens too late is closed');
});

t.test('captures sync by themselves, and close with a sync of their last chunk', async (t) => {
  const dir = t.testdir();
  const options: CaptureWriterOptions = { flushMs: 10, syncMs: 20 };
  const all = await Promise.all(
    Array.from({ length: 8 }, async (_, at) => {
      const path = join(dir, `${at}`);
      const troubled = await troubledFile(path);
      return { ...troubled, writer: await writeCapture(Promise.resolve(troubled.file), path, keys.public, begin, options) };
    }),
  );
  while (!all.every(({ calls }) => calls.includes('sync'))) await new Promise((resolve) => setImmediate(resolve));
  for (const { writer } of all) writer.packet(0, 1, false, packet);
  await Promise.all(all.map(({ writer }) => writer.close('bye')));
  for (const { calls } of all) t.strictSame(calls.slice(-3), ['write', 'sync', 'close']);
});

t.test('files by themselves sync not more than two at a time', async (t) => {
  const dir = t.testdir();
  let [under, most] = [0, 0];
  const datasync = async (): Promise<void> => {
    most = Math.max(most, (under += 1));
    await new Promise((resolve) => setImmediate(resolve));
    under -= 1;
  };
  const files = Array.from({ length: 8 }, () => captureFileOn({ datasync } as FileHandle, dir));
  await Promise.all(files.map((file) => file.sync()));
  t.equal(most, 2);
});

t.test('a writer shows no packet and no key', async (t) => {
  const writer = await openCaptureWriter(join(t.testdir(), 'c'), keys.public, begin, byHand);
  writer.packet(0, 1, false, Buffer.from('audio'));
  t.strictSame(Reflect.ownKeys(writer), [], 'nothing for an inspection to follow');
  await writer.close('bye');
});

t.test('a process killed while it captures loses at most what came after its last flush', async (t) => {
  const path = join(t.testdir(), 'c');
  const script = `
    const { writeSync } = await import('node:fs');
    const { openCaptureWriter } = await import(${JSON.stringify(new URL('./index.js', import.meta.url).href)});
    const { loadPublic } = await import(${JSON.stringify(new URL('../vault/index.js', import.meta.url).href)});
    const writer = await openCaptureWriter(${JSON.stringify(path)}, await loadPublic(${JSON.stringify(join(home, 'keys'))}), ${JSON.stringify(begin)});
    let number = 0;
    setInterval(() => {
      const at = Date.now();
      writer.packet(number % 2, at, false, Buffer.from(String(number)));
      writeSync(1, number + ' ' + at + '\\n');
      number += 1;
    }, 2);`;
  const said = await killedAfter(300, script);
  const given = said.map((line) => Number(line.split(' ')[1]));
  const { records, outcome } = await readAll(path);
  const packets = records.filter((record) => record.kind === 'packet');
  t.strictSame(packets.map(({ bytes }) => Number(bytes.toString())), [...packets.keys()], 'from the first on, without a hole');
  const lostMs = given.at(-1)! - packets.at(-1)!.arrivedAtMs;
  t.ok(lostMs <= 300, `lost ${lostMs} ms of ${given.length} packets`);
  t.equal(outcome?.state, 'cut');
});
