import fc from 'fast-check';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import t from 'tap';
import { encodeRtp, isRtcp, parseProtectedRtp, parseRtp, rtpHeaderBytes, RtpView, type RtpFields } from './rtp.js';

// deepEqual minds prototypes.
const plain = { noNullPrototype: true } as const;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const octets = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));

// Every field of RFC 3550 §5.1: padding, extension, two CSRCs, marker.
const everything = hex(`
  b2 88 1234 00010203 deadbeef
  11111111 22222222
  bede 0002 aabbccdd 00112233
  d5d5d5d5
  000003`);

t.test('RFC 3550 §5.1: a plain packet, the payload aliasing the datagram', (t) => {
  const datagram = hex('80 00 0001 000000a0 12345678 ffff');
  t.strictSame(parseRtp(datagram), {
    version: 2,
    marker: false,
    payloadType: 0,
    sequenceNumber: 1,
    timestamp: 160,
    ssrc: 0x12345678,
    csrcs: [],
    extension: undefined,
    payload: hex('ffff'),
    paddingBytes: 0,
  });
  const packet = parseRtp(datagram);
  assert(typeof packet === 'object');
  datagram[12] = 0;
  t.equal(packet.payload[0], 0);
  t.end();
});

t.test('RFC 3550 §5.1: padding, extension, CSRCs and marker', (t) => {
  t.strictSame(parseRtp(everything), {
    version: 2,
    marker: true,
    payloadType: 8,
    sequenceNumber: 0x1234,
    timestamp: 0x00010203,
    ssrc: 0xdeadbeef,
    csrcs: [0x11111111, 0x22222222],
    extension: { profile: 0xbede, data: hex('aabbccdd00112233') },
    payload: hex('d5d5d5d5'),
    paddingBytes: 3,
  });
  t.equal(rtpHeaderBytes(everything), 32);
  t.end();
});

t.test('a packet cut before every field is refused for that field', (t) => {
  const without = (bytes: number): Buffer => everything.subarray(0, bytes);
  for (let bytes = 0; bytes < 12; bytes += 1) t.equal(parseRtp(without(bytes)), 'too-short', `${bytes} octets`);
  for (let bytes = 12; bytes < 20; bytes += 1) t.equal(parseRtp(without(bytes)), 'csrc-past-end', `${bytes} octets`);
  for (let bytes = 20; bytes < 24; bytes += 1) {
    t.equal(parseRtp(without(bytes)), 'extension-header-past-end', `${bytes} octets`);
  }
  for (let bytes = 24; bytes < 32; bytes += 1) {
    t.equal(parseRtp(without(bytes)), 'extension-past-end', `${bytes} octets`);
  }
  t.equal(parseRtp(without(32)), 'padding-past-end', 'the padding flag, and nothing after the header');
  t.equal(parseRtp(without(33)), 'padding-past-end', 'an octet of payload taken for the count');
  t.equal(parseRtp(without(37)), 'padding-zero');
  t.end();
});

t.test('other versions are refused: STUN, DTLS, version 1, the original vat', (t) => {
  for (const first of [0x00, 0x16, 0x40, 0xc0]) {
    t.equal(parseRtp(Buffer.from([first, ...everything.subarray(1)])), 'not-version-2');
  }
  t.end();
});

t.test('padding that takes up all the payload leaves an empty one', (t) => {
  const packet = parseRtp(hex('a0 00 0001 000000a0 12345678 00000004'));
  t.match(packet, { payload: Buffer.alloc(0), paddingBytes: 4 });
  t.equal(parseRtp(hex('a0 00 0001 000000a0 12345678 00000005')), 'padding-past-end');
  t.end();
});

t.test('RFC 3711 §3.1: of a protected packet the last octet is no padding count', (t) => {
  const datagram = hex('a0 80 0001 000000a0 12345678 00112233ff');
  t.equal(parseRtp(datagram), 'padding-past-end');
  t.match(parseProtectedRtp(datagram), { marker: true, payload: hex('00112233ff'), paddingBytes: 0 });
  t.equal(parseProtectedRtp(datagram.subarray(0, 11)), 'too-short');
  t.end();
});

const fields: fc.Arbitrary<RtpFields> = fc.record({
  payloadType: fc.integer({ min: 0, max: 127 }),
  sequenceNumber: u16,
  timestamp: u32,
  ssrc: u32,
  payload: octets(200),
  marker: fc.boolean(),
  csrcs: fc.array(u32, { maxLength: 15 }),
  extension: fc.option(
    fc.record({ profile: u16, data: octets(40).map((data) => data.subarray(0, data.length & ~3)) }, plain),
    { nil: undefined },
  ),
  paddingBytes: fc.integer({ min: 0, max: 255 }),
}, plain);

t.test('what is encoded is parsed again', (t) => {
  fc.assert(fc.property(fields, (packet) => {
    assert.deepEqual(parseRtp(encodeRtp(packet)), { version: 2, ...packet });
  }));
  t.end();
});

t.test('what is parsed is encoded to the same octets, padding aside', (t) => {
  const packet = parseRtp(everything);
  assert(typeof packet === 'object');
  t.strictSame(encodeRtp(packet), everything);
  t.end();
});

t.test('fields out of range are a bug', (t) => {
  const good = { payloadType: 0, sequenceNumber: 0, timestamp: 0, ssrc: 0, payload: Buffer.alloc(1) };
  t.throws(() => encodeRtp({ ...good, payloadType: 128 }));
  t.throws(() => encodeRtp({ ...good, sequenceNumber: 65536 }));
  t.throws(() => encodeRtp({ ...good, timestamp: 2 ** 32 }));
  t.throws(() => encodeRtp({ ...good, csrcs: Array<number>(16).fill(0) }));
  t.throws(() => encodeRtp({ ...good, paddingBytes: 256 }));
  t.throws(() => encodeRtp({ ...good, extension: { profile: 0, data: Buffer.alloc(3) } }));
  t.end();
});

t.test('arbitrary octets never throw', (t) => {
  const begun = octets(80).map((bytes) => Buffer.concat([Buffer.from([0x80 | ((bytes[0] ?? 0) & 0x3f)]), bytes]));
  fc.assert(fc.property(fc.oneof(octets(80), begun), (datagram) => {
    parseRtp(datagram);
    parseProtectedRtp(datagram);
    isRtcp(datagram);
  }), { numRuns: 2000 });
  t.end();
});

t.test('a view tells of a packet, wherever it lies, what parsing tells of the datagram', (t) => {
  // A header of version 2, so that most are packets.
  const likely = fc.tuple(fc.integer({ min: 0x80, max: 0xbf }), octets(80)).map(([first, rest]) => Buffer.concat([Buffer.of(first), rest]));
  fc.assert(fc.property(fc.oneof(likely, octets(80)), octets(20), octets(20), (datagram, before, after) => {
    const packet = parseRtp(datagram);
    const view = new RtpView();
    const reject = view.look(Buffer.concat([before, datagram, after]), before.length, before.length + datagram.length);
    assert.equal(reject, typeof packet === 'string' ? packet : undefined);
    if (typeof packet === 'string') return;
    const { payloadType, sequenceNumber, timestamp, ssrc, payload } = packet;
    assert.deepEqual([view.payloadType, view.sequenceNumber, view.timestamp, view.ssrc, view.payload, view.payloadBytes], [payloadType, sequenceNumber, timestamp, ssrc, payload, payload.length]);
  }), { numRuns: 500 });
  t.end();
});

t.test('RFC 5761 §4: RTCP is told from RTP by its packet type', (t) => {
  for (let second = 0; second < 256; second += 1) {
    t.equal(isRtcp(Buffer.from([0x80, second])), second >= 192 && second <= 223, `second octet ${second}`);
  }
  t.equal(isRtcp(Buffer.from([0x80])), false);
  t.equal(isRtcp(Buffer.from([0x00, 200])), false, 'STUN');
  t.end();
});

interface SecondOpinion {
  type: number;
  seq: number;
  time: number;
  source: number;
  marker: boolean | number;
  payload: Buffer;
  packet: Buffer;
}
const { RtpPacket: NodeRtpPacket } = createRequire(import.meta.url)('node-rtp/lib/RtpPacket.js') as {
  RtpPacket: new (payload: Buffer, whole?: boolean) => SecondOpinion;
};
const plainFields = fc.record({
  payloadType: fc.integer({ min: 0, max: 127 }),
  sequenceNumber: u16,
  timestamp: u32,
  ssrc: u32,
  payload: octets(200),
  marker: fc.boolean(),
}, plain);

t.test('node-rtp reads what we encode', (t) => {
  fc.assert(fc.property(plainFields, (packet) => {
    const theirs = new NodeRtpPacket(encodeRtp(packet), true);
    assert.deepEqual(
      [theirs.type, theirs.seq, theirs.time >>> 0, theirs.source >>> 0, Boolean(theirs.marker), theirs.payload],
      [packet.payloadType, packet.sequenceNumber, packet.timestamp, packet.ssrc, packet.marker, packet.payload],
    );
  }));
  t.end();
});

t.test('we read what node-rtp encodes', (t) => {
  fc.assert(fc.property(plainFields, (packet) => {
    const theirs = new NodeRtpPacket(packet.payload);
    theirs.type = packet.payloadType;
    theirs.seq = packet.sequenceNumber;
    theirs.time = packet.timestamp;
    theirs.source = packet.ssrc;
    theirs.marker = packet.marker;
    const rest = { csrcs: [], extension: undefined, paddingBytes: 0 };
    assert.deepEqual(parseRtp(theirs.packet), { version: 2, ...packet, ...rest });
  }));
  t.end();
});
