import fc from 'fast-check';
import t from 'tap';
import { encodeRtp, encodeTelephoneEvent, parseRtp, parseTelephoneEvent, type RtpFields } from '../../media/index.js';
import { readSdp, type SdpMedia } from '../../sip/index.js';
import { EventPackets } from './event-packets.js';

/** Of a caller whose events have the payload type 101, its redundant audio 100. */
const open = (): EventPackets => {
  const events = new EventPackets();
  events.describe('caller', mediaOf('RTP/AVP', 101));
  events.describe('caller', mediaOf('RTP/AVP', 100, 'red'));
  return events;
};
const mediaOf = (protocol: string, payloadType: number, name = 'telephone-event'): SdpMedia | undefined => {
  const sdp = readSdp(`v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 ${protocol} 0 ${payloadType}\r\na=rtpmap:${payloadType} ${name}/8000\r\n`);
  return typeof sdp === 'string' ? undefined : sdp.media[0];
};
const packet = (payloadType: number, more: Partial<RtpFields> = {}): Buffer =>
  encodeRtp({ payloadType, sequenceNumber: 1, timestamp: 1, ssrc: 7, payload: encodeTelephoneEvent({ event: 5, end: true, volume: 10, durationTicks: 160 }), ...more });

t.test('RFC 3264 §5.1: each side\'s events have the payload type that the other asked for, with the marker or without', (t) => {
  const events = new EventPackets();
  t.notOk(events.has('caller', packet(101)), 'before any SDP');
  events.describe('caller', mediaOf('RTP/AVP', 101));
  events.describe('callee', mediaOf('RTP/AVP', 96));
  t.strictSame([events.has('caller', packet(101)), events.has('caller', packet(101, { marker: true })), events.has('caller', packet(96)), events.has('caller', packet(0))], [true, true, false, false]);
  t.strictSame([events.has('callee', packet(96)), events.has('callee', packet(101)), events.has('callee', Buffer.alloc(0))], [true, false, false]);
  t.end();
});

t.test('events that are on their way when the SDP changes are events still; once the media is encrypted none are seen', (t) => {
  const events = new EventPackets();
  events.describe('caller', mediaOf('RTP/AVP', 101));
  events.describe('caller', mediaOf('RTP/AVP', 97));
  events.describe('caller', undefined);
  t.strictSame([events.has('caller', packet(101)), events.has('caller', packet(97))], [true, true]);
  events.describe('caller', mediaOf('RTP/SAVP', 101));
  t.notOk(events.has('caller', packet(101)));
  t.end();
});

t.test('without its key an event has its time, length, volume, end and padding, and no number that names an event', (t) => {
  const event = fc.record({ event: fc.nat(15), end: fc.boolean(), volume: fc.nat(63), durationTicks: fc.nat(0xffff) });
  const around = fc.record({ csrcs: fc.array(fc.nat(), { maxLength: 3 }), paddingBytes: fc.nat(7), marker: fc.boolean(), timestamp: fc.nat() });
  fc.assert(fc.property(fc.array(event, { minLength: 1, maxLength: 3 }), around, (events, more) => {
    const bytes = packet(101, { ...more, payload: Buffer.concat(events.map(encodeTelephoneEvent)) });
    const before = Buffer.from(bytes);
    const masked = parseRtp(open().withoutKey('caller', bytes));
    const plain = parseRtp(bytes);
    if (typeof masked === 'string' || typeof plain === 'string') return false;
    const told = events.map((_one, n) => parseTelephoneEvent(masked.payload.subarray(n * 4)));
    t.strictSame(told, events.map((one) => ({ ...one, event: 22 })));
    t.strictSame({ ...masked, payload: undefined }, { ...plain, payload: undefined });
    return bytes.equals(before);
  }));
  t.end();
});

t.test('of what is no RTP packet nothing is left in which a key could be', (t) => {
  const bytes = packet(101);
  bytes[0] = 0xbf;
  t.equal(open().withoutKey('caller', bytes).length, 12);
  t.equal(open().withoutKey('caller', Buffer.from([0, 101, 5])).length, 3);
  t.end();
});

t.test('RFC 2198: an event within redundant audio loses its number, the audio beside it stays', (t) => {
  const event = encodeTelephoneEvent({ event: 5, end: false, volume: 10, durationTicks: 160 });
  const header = (payloadType: number, bytes: number): Buffer => Buffer.from([0x80 | payloadType, 0, bytes >> 8, bytes & 0xff]);
  const audio = Buffer.alloc(160, 5);
  const payloadOf = (blocks: readonly (readonly [number, Buffer])[], last: readonly [number, Buffer]): Buffer =>
    Buffer.concat([...blocks.map(([payloadType, block]) => header(payloadType, block.length)), Buffer.from([last[0]]), ...blocks.map(([, block]) => block), last[1]]);
  const maskedOf = (payload: Buffer): Buffer => {
    const masked = parseRtp(open().withoutKey('caller', packet(100, { payload })));
    if (typeof masked === 'string') throw new Error(masked);
    return masked.payload;
  };
  const noKey = Buffer.from(event).fill(22, 0, 1);
  t.strictSame(maskedOf(payloadOf([[0, audio], [101, event]], [101, event])), payloadOf([[0, audio], [101, noKey]], [101, noKey]));
  t.strictSame(maskedOf(payloadOf([[101, event]], [0, audio])), payloadOf([[101, noKey]], [0, audio]));
  t.strictSame(maskedOf(Buffer.alloc(0)), Buffer.alloc(0));
  t.strictSame(maskedOf(header(101, 4)), header(101, 4), 'no block');
  t.end();
});

t.test('what is neither event nor redundant audio is not copied', (t) => {
  const speech = packet(0);
  t.equal(open().withoutKey('caller', speech), speech);
  t.equal(open().withoutKey('callee', packet(101)).readUInt8(12), 5, 'of the other side, whose payload types are others');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => open().withoutKey('caller', Buffer.from(bytes)).length <= bytes.length));
  t.end();
});
