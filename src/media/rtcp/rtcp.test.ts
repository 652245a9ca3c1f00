import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { encodeRtcp, parseRtcp, type RtcpPacket } from './index.js';

// deepEqual minds prototypes.
const plain = { noNullPrototype: true } as const;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const nothing = Buffer.alloc(0);

const compound = hex(`
  81 c8 000c 11111111 b44db705 20000000 000000a0 0000000a 00000640
    22222222 40 fffffe 00011234 00000007 b7052000 00054000
  81 ca 0003 11111111 01 05 616c696365 00
  81 cb 0002 11111111 03 627965`);

const meaning: RtcpPacket[] = [
  {
    type: 'SR',
    ssrc: 0x11111111,
    ntp: 0xb44db70520000000n,
    rtpTimestamp: 160,
    packetCount: 10,
    octetCount: 1600,
    reports: [
      {
        ssrc: 0x22222222,
        fractionLost: 64,
        cumulativeLost: -2,
        extendedHighest: 0x11234,
        jitterTicks: 7,
        lastSenderReport: 0xb7052000,
        delaySinceLastSenderReport: 0x54000,
      },
    ],
    profileExtension: nothing,
  },
  { type: 'SDES', chunks: [{ ssrc: 0x11111111, items: [{ item: 1, text: 'alice' }] }] },
  { type: 'BYE', ssrcs: [0x11111111], reason: 'bye' },
];

t.test('RFC 3550 §6: a compound of sender report, description and goodbye', (t) => {
  t.strictSame(parseRtcp(compound), meaning);
  t.strictSame(encodeRtcp(meaning), compound);
  t.end();
});

t.test('RFC 3550 §6.4.2: an empty receiver report', (t) => {
  const octets = hex('80 c9 0001 33333333');
  const packets: RtcpPacket[] = [{ type: 'RR', ssrc: 0x33333333, reports: [], profileExtension: nothing }];
  t.strictSame(parseRtcp(octets), packets);
  t.strictSame(encodeRtcp(packets), octets);
  t.end();
});

t.test('RFC 3550 §6.4.1: padding at the end of the compound', (t) => {
  t.strictSame(parseRtcp(hex('a0 cb 0001 00000004')), [{ type: 'BYE', ssrcs: [], reason: undefined }]);
  t.equal(parseRtcp(hex('a0 c9 0002 33333333 00000004 80 cb 0000')), 'padding-before-last');
  t.end();
});

const rejects: [string, string, string][] = [
  ['nothing', '', 'too-short'],
  ['a header cut', '80 c9 00', 'too-short'],
  ['another version', '40 c9 0001 33333333', 'not-version-2'],
  ['RTP', '80 08 0001 33333333', 'not-rtcp-type'],
  ['a length past the end', '80 c9 0002 33333333', 'length-past-end'],
  ['two octets left over', '80 c9 0001 33333333 80c9', 'too-short'],
  ['padding of no octets', 'a0 c9 0002 33333333 00000000', 'padding-past-end'],
  ['padding of no whole words', 'a0 c9 0002 33333333 00000003', 'padding-past-end'],
  ['padding over the header', 'a0 c9 0002 33333333 0000000c', 'padding-past-end'],
  ['padding without room for its count', 'a0 cb 0000', 'padding-past-end'],
  ['a receiver report without SSRC', '80 c9 0000', 'report-past-end'],
  ['a block that is not there', '81 c9 0001 33333333', 'report-past-end'],
  ['sender information cut', `80 c8 0005 ${'00'.repeat(20)}`, 'report-past-end'],
  ['a chunk without SSRC', '81 ca 0000', 'description-past-end'],
  ['a chunk without end', '81 ca 0001 11111111', 'description-past-end'],
  ['an item without length', '81 ca 0002 11111111 01 01 41 01', 'description-past-end'],
  ['a text past the end', '81 ca 0002 11111111 01 03 4141', 'description-past-end'],
  ['a text to the end, without the null', '81 ca 0002 11111111 01 02 4141', 'description-past-end'],
  ['sources past the end', '82 cb 0001 11111111', 'goodbye-past-end'],
  ['a reason past the end', '81 cb 0002 11111111 04 414141', 'goodbye-past-end'],
];
for (const [what, octets, reason] of rejects) {
  t.test(`${what} is refused as ${reason}`, (t) => {
    t.equal(parseRtcp(hex(octets)), reason);
    t.end();
  });
}

t.test('a compound cut anywhere but between its packets is refused', (t) => {
  const borders = new Set([52, 68]);
  for (let bytes = 1; bytes < compound.length; bytes += 1) {
    const parsed = parseRtcp(compound.subarray(0, bytes));
    t.equal(Array.isArray(parsed), borders.has(bytes), `${bytes} octets`);
  }
  t.end();
});

const u8 = fc.integer({ min: 0, max: 0xff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const words = fc.uint8Array({ maxLength: 32 }).map((bytes) => Buffer.from(bytes.subarray(0, bytes.length & ~3)));
const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((value) => Buffer.byteLength(value) <= 255);
const report = fc.record({
  ssrc: u32,
  fractionLost: u8,
  cumulativeLost: fc.integer({ min: -(2 ** 23), max: 2 ** 23 - 1 }),
  extendedHighest: u32,
  jitterTicks: u32,
  lastSenderReport: u32,
  delaySinceLastSenderReport: u32,
}, plain);
const item = fc.record({ item: fc.integer({ min: 1, max: 255 }), text }, plain);
const reports = fc.array(report, { maxLength: 31 });
const packet: fc.Arbitrary<RtcpPacket> = fc.oneof(
  fc.record({
    type: fc.constant('SR' as const),
    ssrc: u32,
    ntp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    rtpTimestamp: u32,
    packetCount: u32,
    octetCount: u32,
    reports,
    profileExtension: words,
  }, plain),
  fc.record({ type: fc.constant('RR' as const), ssrc: u32, reports, profileExtension: words }, plain),
  fc.record({
    type: fc.constant('SDES' as const),
    chunks: fc.array(
      fc.record({ ssrc: u32, items: fc.array(item, { maxLength: 8 }) }, plain),
      { maxLength: 31 },
    ),
  }, plain),
  fc.record({
    type: fc.constant('BYE' as const),
    ssrcs: fc.array(u32, { maxLength: 31 }),
    reason: fc.option(text, { nil: undefined }),
  }, plain),
  fc.record({
    type: fc.constant('other' as const),
    packetType: fc.constantFrom(192, 195, 204, 205, 206, 207, 223),
    count: fc.integer({ min: 0, max: 31 }),
    body: words,
  }, plain),
);

t.test('what is encoded is parsed again', (t) => {
  fc.assert(fc.property(fc.array(packet, { minLength: 1, maxLength: 6 }), (packets) => {
    assert.deepEqual(parseRtcp(encodeRtcp(packets)), packets);
  }));
  t.end();
});

t.test('values out of range are a bug', (t) => {
  t.throws(() => encodeRtcp([{ type: 'BYE', ssrcs: Array<number>(32).fill(1), reason: undefined }]));
  t.throws(() => encodeRtcp([{ type: 'BYE', ssrcs: [], reason: 'x'.repeat(256) }]));
  t.throws(() => encodeRtcp([{ type: 'other', packetType: 100, count: 0, body: nothing }]));
  t.throws(() => encodeRtcp([{ type: 'other', packetType: 204, count: 0, body: Buffer.alloc(2) }]));
  t.throws(() => encodeRtcp([{ type: 'SDES', chunks: [{ ssrc: 0, items: [{ item: 0, text: '' }] }] }]));
  t.end();
});

t.test('arbitrary octets never throw', (t) => {
  const arbitrary = fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes));
  const headed = fc
    .tuple(u8, fc.constantFrom(200, 201, 202, 203, 204), fc.integer({ min: 0, max: 30 }), arbitrary)
    .map(([first, type, length, rest]) => Buffer.concat([Buffer.from([0x80 | (first & 0x3f), type, 0, length]), rest]));
  fc.assert(fc.property(fc.oneof(arbitrary, headed), (datagram) => void parseRtcp(datagram)), { numRuns: 3000 });
  t.end();
});

t.test('a compound with one octet changed never throws', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: compound.length - 1 }), u8, (at, value) => {
      const changed = Buffer.from(compound);
      changed[at] = value;
      parseRtcp(changed);
    }),
    { numRuns: 2000 },
  );
  t.end();
});
