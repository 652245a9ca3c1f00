import fc from 'fast-check';
import t from 'tap';
import { encodeRtp, encodeTelephoneEvent, parseRtp, parseTelephoneEvent, type RtpFields } from '../../media/index.js';
import { readSdp, type SdpMedia } from '../../sip/index.js';
import { EventPackets, withoutKey } from './event-packets.js';

const mediaOf = (protocol: string, payloadType: number): SdpMedia | undefined => {
  const sdp = readSdp(`v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 ${protocol} 0 ${payloadType}\r\na=rtpmap:${payloadType} telephone-event/8000\r\n`);
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
    const masked = parseRtp(withoutKey(bytes));
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
  t.equal(withoutKey(bytes).length, 12);
  t.equal(withoutKey(Buffer.alloc(3)).length, 3);
  t.end();
});
