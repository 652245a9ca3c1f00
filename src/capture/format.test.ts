import fc from 'fast-check';
import t from 'tap';
import { encodeEvent, type CaptureEvent } from './event.js';
import { encodeEventRecord, encodePacket, parseRecords, recordHeadBytes, type CaptureRecord } from './format.js';

const timeMs = fc.nat(2_000_000_000_000_000).map((us) => us / 1000);
const anEvent: CaptureEvent = { type: 'end', reason: 'bye' };

const record: fc.Arbitrary<CaptureRecord> = fc.oneof(
  fc.record({ kind: fc.constant('packet'), stream: fc.nat(0xffff), arrivedAtMs: timeMs, rtcp: fc.boolean(), bytes: fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes)) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('event'), atMs: timeMs, event: fc.string().map((reason): CaptureEvent => ({ type: 'end', reason })) }, { noNullPrototype: true }),
);

function encode(one: CaptureRecord): Buffer {
  const bytes = one.kind === 'packet' ? one.bytes : encodeEvent(one.event);
  const encoded = Buffer.alloc(recordHeadBytes + bytes.length);
  if (one.kind === 'packet') encodePacket(encoded, 0, one.stream, one.arrivedAtMs, one.rtcp, bytes);
  else encodeEventRecord(encoded, 0, one.atMs, bytes);
  return encoded;
}

t.test('records have the bytes that the head of the format says', (t) => {
  const rtp = Buffer.from('80000001', 'hex');
  const atMs = 1_795_228_200_123.456;
  t.equal(encode({ kind: 'packet', stream: 2, arrivedAtMs: atMs, rtcp: false, bytes: rtp }).toString('hex'), '01' + '0002' + '0004' + '000660c02328bc40' + '80000001');
  t.equal(encode({ kind: 'packet', stream: 0xffff, arrivedAtMs: 0.001, rtcp: true, bytes: Buffer.alloc(0) }).toString('hex'), '02ffff00000000000000000001');
  t.equal(encode({ kind: 'event', atMs: 1, event: anEvent }).toString('latin1'), '\x03\0\0\0\x1d\0\0\0\0\0\0\x03\xe8{"type":"end","reason":"bye"}');
  t.end();
});

t.test('generated runs of records round trip, times to the microsecond', (t) => {
  fc.assert(fc.property(fc.array(record, { maxLength: 20 }), (records) => t.strictSame(parseRecords(Buffer.concat(records.map(encode))), records)));
  fc.assert(
    fc.property(fc.double({ min: 0, max: 2e12, noNaN: true }), (arrivedAtMs) => {
      const [read] = parseRecords(encode({ kind: 'packet', stream: 0, arrivedAtMs, rtcp: false, bytes: Buffer.alloc(0) })) as CaptureRecord[];
      return read?.kind === 'packet' && Math.abs(read.arrivedAtMs - arrivedAtMs) <= 0.000_75;
    }),
  );
  t.end();
});

t.test('a run cut before every byte gives the records before, or says that one is cut', (t) => {
  const records: CaptureRecord[] = [
    { kind: 'packet', stream: 0, arrivedAtMs: 1, rtcp: false, bytes: Buffer.from('packet') },
    { kind: 'event', atMs: 2, event: anEvent },
  ];
  const [first, second] = records.map(encode) as [Buffer, Buffer];
  const whole = Buffer.concat([first, second]);
  for (let length = 0; length < whole.length; length += 1) {
    const parsed = parseRecords(whole.subarray(0, length));
    if (length === 0) t.strictSame(parsed, []);
    else if (length === first.length) t.strictSame(parsed, records.slice(0, 1));
    else t.equal(parsed, 'record-cut', `${length}`);
  }
  t.end();
});

t.test('what is no record is refused with its reason', (t) => {
  const packet = encode({ kind: 'packet', stream: 0, arrivedAtMs: 1, rtcp: false, bytes: Buffer.alloc(2) });
  const changed = (offset: number, value: number): Buffer => Buffer.from(packet.map((byte, at) => (at === offset ? value : byte)));
  t.equal(parseRecords(changed(0, 0)), 'record-kind');
  t.equal(parseRecords(changed(0, 4)), 'record-kind');
  t.equal(parseRecords(changed(4, 3)), 'record-cut');
  t.equal(parseRecords(changed(5, 0xff)), 'record-time', 'a time beyond what a double can count');
  t.equal(parseRecords(Buffer.concat([Buffer.from('0300000002', 'hex'), Buffer.alloc(8), Buffer.from('{}')])), 'event-unknown');
  t.equal(parseRecords(Buffer.concat([Buffer.from('0300000001', 'hex'), Buffer.alloc(8), Buffer.from('{')])), 'event-not-json');
  t.end();
});

t.test('any bytes give a value and never throw', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      parseRecords(Buffer.from(bytes));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(255), (records, at, value) => {
      const run = Buffer.concat(records.map(encode));
      run[at % run.length] = value;
      parseRecords(run);
    }),
    { numRuns: 2000 },
  );
  t.end();
});
