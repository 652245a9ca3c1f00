import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Failure } from '../errors/index.js';
import { createSealer, loadOrCreateKeys } from '../vault/index.js';
import { framedBytes, magic, sealChunk } from './file-layout.js';
import { encodeEvent } from './event.js';
import { encodeEventRecord, recordHeadBytes, type CaptureRecord } from './format.js';
import { readCapture, type CaptureOutcome } from './reader.js';
import { openCaptureWriter } from './writer.js';

const keys = await loadOrCreateKeys(join(t.testdir(), 'keys'));
const begin = { captureId: 'c1', sessionId: 's1', recorder: 'r1', metadata: { trunk: 'a' } };
const now = (): number => 1_795_228_200_000;
const headBytes = magic.length + 120;
// Only flush() writes in these tests.
const byHand = { flushMs: 1e6, now };

async function readAll(path: string): Promise<{ records: CaptureRecord[]; outcome: CaptureOutcome | undefined }> {
  const reading = readCapture(path, keys);
  const records: CaptureRecord[] = [];
  for await (const record of reading) records.push(record);
  return { records, outcome: reading.outcome };
}

const codeOf = (path: string): Promise<unknown> =>
  readAll(path).then(
    ({ outcome }) => outcome?.state,
    (error: unknown) => (error instanceof Failure ? error.code : error),
  );

/** A closed capture of 6 chunks; `ends` are the offsets of the ends of its chunks, `counts` the records up to there. */
async function smallCapture(path: string): Promise<{ records: CaptureRecord[]; ends: number[]; counts: number[] }> {
  const writer = await openCaptureWriter(path, keys.public, begin, byHand);
  const records: CaptureRecord[] = [{ kind: 'event', atMs: now(), event: { type: 'begin', ...begin } }];
  const ends = [writer.stats.writtenBytes];
  const counts = [1];
  for (let chunk = 0; chunk < 4; chunk += 1) {
    for (let at = 0; at <= chunk; at += 1) {
      const bytes = Buffer.from(`packet ${chunk}.${at}`);
      writer.packet(at, now() + chunk + 0.125, at === 1, bytes);
      records.push({ kind: 'packet', stream: at, arrivedAtMs: now() + chunk + 0.125, rtcp: at === 1, bytes });
    }
    await writer.flush();
    ends.push(writer.stats.writtenBytes);
    counts.push(records.length);
  }
  const summary = await writer.close('bye');
  records.push({ kind: 'event', atMs: now(), event: { type: 'end', reason: 'bye' } });
  return { records, ends: [...ends, summary.writtenBytes], counts: [...counts, records.length] };
}

t.test('a closed capture gives back all that went in, and says so', async (t) => {
  const path = join(t.testdir(), 'c');
  const { records, ends } = await smallCapture(path);
  t.strictSame(await readAll(path), { records, outcome: { state: 'closed', wholeBytes: ends.at(-1), droppedBytes: 0 } });
  t.equal(statSync(path).size, ends.at(-1));
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.notOk(readFileSync(path).includes('packet'), 'nothing readable at rest');
});

t.test('cut at every byte, a capture gives exactly the records of its whole chunks', async (t) => {
  const path = join(t.testdir(), 'c');
  const { records, ends, counts } = await smallCapture(path);
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length += 1) {
    writeFileSync(path, whole.subarray(0, length));
    if (length < headBytes) {
      t.equal(await codeOf(path), 'CAPTURE_INVALID', `${length}`);
      continue;
    }
    const chunks = ends.filter((end) => end <= length).length;
    const wholeBytes = chunks === 0 ? headBytes : ends[chunks - 1]!;
    const expected = { records: records.slice(0, chunks === 0 ? 0 : counts[chunks - 1]), outcome: { state: 'cut', cause: 'ended', wholeBytes, droppedBytes: length - wholeBytes } };
    t.strictSame(await readAll(path), expected, `${length}`);
  }
});

t.test('with a byte flipped anywhere, a capture gives exactly the records of the chunks before', async (t) => {
  const path = join(t.testdir(), 'c');
  const { records, ends, counts } = await smallCapture(path);
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at += 1) {
    const flipped = Buffer.from(whole);
    flipped[at]! ^= 1 << (at & 7);
    writeFileSync(path, flipped);
    // The last 24 bytes of the head are the stream's nonce: with another one no chunk opens.
    if (at < headBytes - 24) {
      t.equal(await codeOf(path), 'CAPTURE_INVALID', `${at}`);
      continue;
    }
    const chunks = ends.filter((end) => end <= at).length;
    const read = await readAll(path);
    t.strictSame(read.records, records.slice(0, chunks === 0 ? 0 : counts[chunks - 1]), `${at}`);
    t.equal(read.outcome?.state, 'cut', `${at}`);
  }
});

t.test('bytes after the end of a closed capture are dropped and counted', async (t) => {
  const path = join(t.testdir(), 'c');
  const { records, ends } = await smallCapture(path);
  appendFileSync(path, 'xyz');
  t.strictSame(await readAll(path), { records, outcome: { state: 'closed', wholeBytes: ends.at(-1), droppedBytes: 3 } });
});

t.test('a capture that is still being written reads as cut, and again later as more', async (t) => {
  const path = join(t.testdir(), 'c');
  const writer = await openCaptureWriter(path, keys.public, begin, byHand);
  const reading = readCapture(path, keys);
  const count = async (): Promise<number> => {
    let records = 0;
    for await (const _ of reading) records += 1;
    return records;
  };
  t.equal(reading.outcome, undefined);
  t.equal(await count(), 1);
  t.match(reading.outcome, { state: 'cut', cause: 'ended', droppedBytes: 0 });
  writer.packet(0, 1, false, Buffer.from('x'));
  await writer.flush();
  t.equal(await count(), 2);
  await writer.close('bye');
  t.equal(await count(), 3);
  t.match(reading.outcome, { state: 'closed' });
});

t.test('a consumer that stops early learns no outcome', async (t) => {
  const path = join(t.testdir(), 'c');
  await smallCapture(path);
  const reading = readCapture(path, keys);
  for await (const record of reading) if (record.kind === 'packet') break;
  t.equal(reading.outcome, undefined);
});

t.test('what is no capture, or not for these keys, is refused with words', async (t) => {
  const dir = t.testdir({ text: 'not a capture, but long enough to be one if it were one: '.repeat(9), empty: '', folder: {} });
  const refused = (path: string, message: RegExp, as = keys): Promise<unknown> =>
    t.rejects(
      (async () => {
        for await (const _ of readCapture(path, as));
      })(),
      { code: 'CAPTURE_INVALID', message },
    );
  await refused(join(dir, 'text'), /no capture/);
  await refused(join(dir, 'empty'), /shorter than the head/);
  await refused(join(dir, 'none'), /no such file/);
  await refused(join(dir, 'folder'), /cannot be read/);
  await smallCapture(join(dir, 'c'));
  await refused(join(dir, 'c'), /sealed for the keys/, await loadOrCreateKeys(join(dir, 'other')));
});

t.test('authentic chunks that do not hold what they should end or refuse a capture, and never throw otherwise', async (t) => {
  const path = join(t.testdir(), 'c');
  const eventRecord = (json: Buffer): Buffer => {
    const record = Buffer.alloc(recordHeadBytes + json.length);
    encodeEventRecord(record, 0, now(), json);
    return record;
  };
  const write = async (...chunks: Buffer[]): Promise<void> => {
    const sealer = await createSealer(keys.public);
    writeFileSync(path, Buffer.concat([magic, sealer.header, ...chunks.map((chunk) => sealChunk(sealer, Buffer.alloc(framedBytes(chunk.length)), chunk))]));
    sealer.close();
  };
  const beginning = eventRecord(encodeEvent({ type: 'begin', ...begin }));
  await write(eventRecord(encodeEvent({ type: 'end', reason: 'bye' })), beginning);
  t.equal(await codeOf(path), 'CAPTURE_INVALID', 'no begin');
  await write(Buffer.concat([beginning, Buffer.from([9])]), beginning);
  t.match(await readAll(path), { records: [], outcome: { state: 'cut', cause: 'malformed' } });
  await write(beginning, eventRecord(Buffer.from('{"type":"new"}')), beginning);
  const read = await readAll(path);
  t.equal(read.records.length, 1);
  t.match(read.outcome, { state: 'cut', cause: 'malformed' });
});

t.test('a length beyond any chunk is damage and is not allocated', async (t) => {
  const path = join(t.testdir(), 'c');
  await smallCapture(path);
  const whole = readFileSync(path);
  whole.writeUInt32BE(0xffff_fff0, headBytes);
  writeFileSync(path, whole);
  t.match(await readAll(path), { records: [], outcome: { state: 'cut', cause: 'damaged' } });
});

t.test('generated captures round trip, whatever is flushed when', async (t) => {
  const dir = t.testdir();
  let number = 0;
  const packet = fc.record({ stream: fc.nat(0xffff), us: fc.nat(4e15), rtcp: fc.boolean(), bytes: fc.uint8Array({ maxLength: 1600 }), flush: fc.boolean() });
  const big = fc.record({ stream: fc.nat(3), us: fc.nat(4e15), rtcp: fc.boolean(), bytes: fc.nat(65_535).map((length) => Buffer.alloc(length, length)), flush: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof({ arbitrary: packet, weight: 5 }, big), { maxLength: 30 }), async (packets) => {
      const path = join(dir, `${(number += 1)}`);
      const writer = await openCaptureWriter(path, keys.public, begin, byHand);
      for (const { stream, us, rtcp, bytes, flush } of packets) {
        const datagram = Buffer.from(bytes);
        writer.packet(stream, us / 1000, rtcp, datagram);
        // The socket uses its buffer again.
        datagram.fill(0xee);
        if (flush) await writer.flush();
      }
      await writer.close('bye');
      const { records, outcome } = await readAll(path);
      t.strictSame(
        records.slice(1, -1),
        packets.map(({ stream, us, rtcp, bytes }) => ({ kind: 'packet', stream, arrivedAtMs: us / 1000, rtcp, bytes: Buffer.from(bytes) })),
      );
      t.equal(outcome?.state, 'closed');
    }),
    { numRuns: 40 },
  );
});
