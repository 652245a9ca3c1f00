import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { loadOrCreateKeys } from '../vault/index.js';
import { limitFiles } from './full-disk.fixture.js';
import { killedAfter } from './killed-script.fixture.js';
import { encodeEntry, closed, entryBytes, journalMagic, parseEntry } from './journal-format.js';
import { CaptureJournal, type JournalOptions } from './journal.js';
import { readCapture } from './reader.js';
import { replayJournals } from './replay-journals.js';
import { openCaptureWriter } from './writer.js';

const home = t.testdir();
const keys = await loadOrCreateKeys(join(home, 'keys'));
const never = 1e8;

function openJournal(t: Test, options: JournalOptions = {}) {
  const folder = t.testdir();
  const journal = new CaptureJournal(folder, { settleMs: never, syncWithinMs: 0, ...options });
  const segments = (): string[] => readdirSync(folder).filter((name) => name.startsWith('journal-')).sort();
  return { folder, journal, segments, path: (name: string) => join(folder, name), in: (name: string) => readFileSync(join(folder, name)).toString() };
}

const segmentOf = (...entries: readonly (readonly [name: string, offset: number, bytes: string])[]): Buffer =>
  Buffer.concat([journalMagic, ...entries.map(([name, offset, bytes]) => encodeEntry(Buffer.from(name), offset, Buffer.from(bytes)))]);

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setImmediate(resolve));
};

t.test('what is written is in the journal at once, in the file when that settles or is closed, and then in no journal', async (t) => {
  const bed = openJournal(t);
  const file = await bed.journal.createFile(bed.path('a'));
  await file.write(Buffer.from('one '));
  await file.write(Buffer.from('two'));
  t.equal(bed.in('a'), '');
  t.match(bed.in(bed.segments()[0]!), /one .*two/su);
  await file.sync();
  await file.close();
  t.equal(bed.in('a'), 'one two');
  await bed.journal.close();
  t.strictSame(bed.segments(), []);
});

t.test('after its time a segment makes room for another, its captures write their files, and it is removed', async (t) => {
  const bed = openJournal(t, { settleMs: 5 });
  const [a, b] = [await bed.journal.createFile(bed.path('a')), await bed.journal.createFile(bed.path('b'))];
  await Promise.all([a.write(Buffer.from('a1')), b.write(Buffer.from('b1'))]);
  const [first] = bed.segments();
  await until(() => bed.in('a') === 'a1' && bed.in('b') === 'b1' && !bed.segments().includes(first!));
  t.equal(bed.segments().length, 1, 'the next one');
  await a.write(Buffer.from('a2'));
  await Promise.all([a.close(), b.close()]);
  t.strictSame([bed.in('a'), bed.in('b')], ['a1a2', 'b1']);
  await bed.journal.close();
});

t.test('a segment that is long enough makes room as well', async (t) => {
  const bed = openJournal(t, { segmentBytes: 100 });
  const file = await bed.journal.createFile(bed.path('a'));
  for (let n = 0; n < 20; n += 1) await file.write(Buffer.alloc(60, 'x'));
  await until(() => statSync(bed.path('a')).size > 0);
  await file.close();
  t.equal(statSync(bed.path('a')).size, 1_200);
  await bed.journal.close();
});

t.test('what many append in one turn is one write', async (t) => {
  const bed = openJournal(t);
  const files = await Promise.all(Array.from({ length: 50 }, (_, n) => bed.journal.createFile(bed.path(`f${n}`))));
  const writes = files.map((file, n) => file.write(Buffer.from(`bytes of ${n}`)));
  await Promise.all(writes);
  t.ok(files.length === 50 && readFileSync(bed.path(bed.segments()[0]!)).length > 50 * 30);
  await Promise.all(files.map((file) => file.close()));
  for (const [n] of files.entries()) t.equal(bed.in(`f${n}`), `bytes of ${n}`);
  await bed.journal.close();
});

t.test('a process killed while it captures loses nothing that was acknowledged, whenever that is', async (t) => {
  for (const settleMs of [20, never]) {
    const folder = t.testdir({ [String(settleMs)]: {} });
    const dir = join(folder, String(settleMs));
    const here = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
    const script = `
      const { writeSync } = await import('node:fs');
      const { CaptureJournal, openCaptureWriter } = await import(${here('./index.js')});
      const { loadPublic } = await import(${here('../vault/index.js')});
      const to = await loadPublic(${JSON.stringify(join(home, 'keys'))});
      const journal = new CaptureJournal(${JSON.stringify(dir)}, { settleMs: ${settleMs} });
      const writers = await Promise.all([0, 1, 2].map((n) => openCaptureWriter(${JSON.stringify(dir)} + '/c' + n, to, { captureId: 'c' + n, sessionId: 's', recorder: 'r', metadata: {} }, { journal, flushMs: 10 })));
      let number = 0;
      setInterval(() => {
        for (const writer of writers) writer.packet(0, Date.now(), false, Buffer.from(String(number).padStart(12, '0')));
        number += 1;
        writeSync(1, writers.map(({ stats }) => stats.writtenPackets).join(' ') + '\\n');
      }, 1);`;
    const said = await killedAfter(300, script);
    const acknowledged = said.at(-1)!.split(' ').map(Number);
    t.equal((await replayJournals(dir)).length, 3);
    t.strictSame(readdirSync(dir).sort(), ['c0', 'c1', 'c2']);
    for (const n of [0, 1, 2]) {
      const reading = readCapture(join(dir, `c${n}`), keys);
      const numbers: number[] = [];
      for await (const record of reading) if (record.kind === 'packet') numbers.push(Number(record.bytes.toString()));
      t.strictSame(numbers, [...numbers.keys()], 'from the first on, without a hole');
      t.ok(numbers.length >= acknowledged[n]! && acknowledged[n]! > 0, `${numbers.length} of ${acknowledged[n]} that were acknowledged`);
      t.equal(reading.outcome?.state, 'cut');
    }
  }
});

t.test('a journal cut anywhere gives all that is whole before the cut', async (t) => {
  const whole = segmentOf(['a', 0, 'abc'], ['b', 0, 'xyz'], ['a', 3, 'def']);
  const ends = [[0, ''], [8 + 18 + 1 + 3, 'abc'], [whole.length, 'abcdef']] as const;
  for (let length = 0; length <= whole.length; length += 1) {
    const folder = t.testdir({ cut: {} });
    const dir = join(folder, 'cut');
    writeFileSync(join(dir, 'journal-000000000001'), whole.subarray(0, length));
    await replayJournals(dir);
    const [, expected] = ends.findLast(([end]) => length >= end)!;
    const got = readdirSync(dir).includes('a') ? readFileSync(join(dir, 'a')).toString() : '';
    if (got !== expected) t.fail(`${length} bytes gave ${got}`);
    rmSync(dir, { recursive: true });
  }
  t.pass();
});

t.test('replaying twice is replaying once, and a file that has more already keeps it', async (t) => {
  const segment = segmentOf(['a', 0, 'abc'], ['a', 3, 'def']);
  const dir = t.testdir({ 'journal-000000000001': segment, a: 'abcdef and more' });
  t.equal((await replayJournals(dir)).length, 1);
  t.equal(readFileSync(join(dir, 'a')).toString(), 'abcdef and more');
  writeFileSync(join(dir, 'journal-000000000002'), segment);
  truncateSync(join(dir, 'a'), 4);
  t.equal((await replayJournals(dir)).length, 1);
  t.equal(readFileSync(join(dir, 'a')).toString(), 'abcdef');
  t.strictSame(readdirSync(dir), ['a']);
  t.equal((await replayJournals(dir)).length, 0);
});

t.test('what was closed is not touched, and what was removed does not come back; nothing is written outside of the folder', async (t) => {
  const dir = t.testdir({
    captures: {
      'journal-000000000001': segmentOf(['short', 0, 'x'], ['long', 5_000, 'y'], ['../out', 0, 'z'], ['journal-000000000009', 0, 'z'], ['.hidden', 0, 'z'], ['hole', 5, 'late']),
      'journal-000000000002': segmentOf(['short', closed, '']),
      hole: 'abc',
    },
  });
  t.equal((await replayJournals(join(dir, 'captures'))).length, 0);
  t.strictSame(readdirSync(dir), ['captures']);
  t.strictSame(readdirSync(join(dir, 'captures')), ['hole']);
  t.equal(readFileSync(join(dir, 'captures', 'hole')).toString(), 'abc');
});

t.test('a disk that is full fails those who write; when it takes more, others go on, and what they were told is there', async (t) => {
  const bed = openJournal(t);
  const [a, b] = [await bed.journal.createFile(bed.path('a')), await bed.journal.createFile(bed.path('b'))];
  await a.write(Buffer.from('before'));
  limitFiles(process.pid, 60);
  await t.rejects(a.write(Buffer.alloc(100, 'x')), { code: 'EFBIG' });
  limitFiles(process.pid, undefined);
  await b.write(Buffer.from('after'));
  t.equal(bed.segments().length, 2, 'nothing is written behind what is torn');
  // As after a kill, of a copy: this journal lives, and may be writing the file of the first.
  const copy = join(home, 'copy');
  cpSync(bed.folder, copy, { recursive: true });
  await replayJournals(copy);
  t.equal(readFileSync(join(copy, 'a')).subarray(0, 6).toString(), 'before');
  t.equal(readFileSync(join(copy, 'b')).toString(), 'after');
  t.strictSame(readdirSync(copy).sort(), ['a', 'b']);
  await Promise.all([a.close(), b.close()]);
  await bed.journal.close();
});

t.test('what was acknowledged and the disk does not take into its file goes there when it does, and the journal keeps it until then', async (t) => {
  const rescued: string[] = [];
  const bed = openJournal(t, { settleMs: never, rescueEveryMs: 10, onRescued: (name: string) => rescued.push(name) });
  const [a, b] = [await bed.journal.createFile(bed.path('a')), await bed.journal.createFile(bed.path('b'))];
  await a.write(Buffer.alloc(100, 'x'));
  await b.write(Buffer.from('short'));
  limitFiles(process.pid, 60);
  await t.rejects(a.close(), { code: 'EFBIG' });
  t.strictSame([bed.segments().length, rescued], [1, []]);
  limitFiles(process.pid, undefined);
  await until(() => rescued.length > 0);
  t.strictSame([rescued, bed.in('a')], [['a'], 'x'.repeat(100)]);
  await b.close();
  await bed.journal.close();
  t.strictSame(bed.segments(), [], 'nobody needs it any more');
});

t.test('a capture that the disk still refuses holds up no other, and is not forgotten for it', async (t) => {
  const rescued: string[] = [];
  const bed = openJournal(t, { settleMs: never, rescueEveryMs: 10, onRescued: (name: string) => rescued.push(name) });
  t.teardown(() => limitFiles(process.pid, undefined));
  const [long, short] = [await bed.journal.createFile(bed.path('long')), await bed.journal.createFile(bed.path('short'))];
  await long.write(Buffer.alloc(200, 'x'));
  await short.write(Buffer.alloc(100, 'y'));
  limitFiles(process.pid, 60);
  for (const file of [long, short]) await t.rejects(file.close(), { code: 'EFBIG' });
  limitFiles(process.pid, 150);
  await until(() => rescued.length > 0);
  t.strictSame([rescued, bed.in('short')], [['short'], 'y'.repeat(100)]);
  limitFiles(process.pid, undefined);
  await until(() => rescued.length > 1);
  t.strictSame([rescued, bed.in('long')], [['short', 'long'], 'x'.repeat(200)]);
  await bed.journal.close();
  t.strictSame(bed.segments(), []);
});

t.test('what the disk has not taken when the process ends is put there by the next one, which tells whose it was', async (t) => {
  const bed = openJournal(t, { settleMs: never });
  const a = await bed.journal.createFile(bed.path('a'));
  await a.write(Buffer.alloc(100, 'x'));
  limitFiles(process.pid, 60);
  await t.rejects(a.close(), { code: 'EFBIG' });
  await bed.journal.close();
  limitFiles(process.pid, undefined);
  t.strictSame(await replayJournals(bed.folder), ['a']);
  t.equal(bed.in('a'), 'x'.repeat(100));
});

t.test('a capture that is gone takes nobody with it', async (t) => {
  const bed = openJournal(t);
  const to = { captureId: 'c', sessionId: 's', recorder: 'r', metadata: {} };
  const writer = await openCaptureWriter(bed.path('c'), keys.public, to, { journal: bed.journal, flushMs: 1e6 });
  writer.packet(0, Date.now(), false, Buffer.alloc(172));
  const summary = await writer.close('bye');
  t.match(summary, { state: 'closed', packets: 1 });
  t.equal(summary.writtenBytes, statSync(bed.path('c')).size);
  await bed.journal.close();
});

t.test('an entry comes back as it was; any change in it, and any bytes at all, are told from one', (t) => {
  const entry = fc.record({ name: fc.string({ minLength: 1, maxLength: 100 }).filter((name) => Buffer.from(name).toString() === name), offset: fc.oneof(fc.maxSafeNat(), fc.constant(closed)), bytes: fc.uint8Array({ maxLength: 300 }) });
  fc.assert(
    fc.property(entry, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ name, offset, bytes }, at, change) => {
      const encoded = encodeEntry(Buffer.from(name), offset, bytes);
      t.equal(entryBytes(encoded.subarray(0, 18)), encoded.length);
      const parsed = parseEntry(encoded);
      if (parsed?.name !== name || parsed.offset !== offset || !parsed.bytes.equals(bytes)) return false;
      encoded[at % encoded.length]! ^= change;
      return parseEntry(encoded) === undefined;
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => parseEntry(Buffer.from(bytes)) === undefined));
  t.end();
});
