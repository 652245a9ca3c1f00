import t from 'tap';
import { encodeRtp, encodeTelephoneEvent } from '../../media/index.js';
import { readSdp, type SdpMedia } from '../../sip/index.js';
import { PressedKeys } from './pressed-keys.js';

const mediaOf = (protocol: string, payloadType: number): SdpMedia | undefined => {
  const sdp = readSdp(`v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 ${protocol} 0 ${payloadType}\r\na=rtpmap:${payloadType} telephone-event/8000\r\n`);
  return typeof sdp === 'string' ? undefined : sdp.media[0];
};
const event = (number: number, timestamp: number, { end = false, payloadType = 101, ssrc = 7 } = {}): Buffer =>
  encodeRtp({ payloadType, sequenceNumber: 1, timestamp, ssrc, payload: encodeTelephoneEvent({ event: number, end, volume: 10, durationTicks: 160 }) });

function open(protocol = 'RTP/AVP') {
  const told: string[] = [];
  const keys = new PressedKeys((from, key) => told.push(`${from} ${key}`));
  keys.describe('caller', mediaOf(protocol, 101));
  keys.describe('callee', mediaOf(protocol, 96));
  return { keys, told };
}

t.test('RFC 4733 §2.5.1: an event of many packets, its end thrice, is one key; the next has another timestamp', (t) => {
  const { keys, told } = open();
  for (const packet of [event(10, 800), event(10, 800), event(10, 800, { end: true }), event(10, 800, { end: true }), event(1, 2_400), event(10, 800, { end: true }), event(1, 2_400, { end: true }), event(1, 4_000, { end: true })]) keys.hear('caller', packet);
  t.strictSame(told, ['caller *', 'caller 1', 'caller 1']);
  t.end();
});

t.test('RFC 3264 §5.1: each side\'s events have the payload type that the other asked for', (t) => {
  const { keys, told } = open();
  keys.hear('callee', event(11, 1));
  keys.hear('callee', event(11, 2, { payloadType: 96 }));
  t.strictSame(told, ['callee #']);
  keys.describe('callee', undefined);
  keys.hear('callee', event(11, 3, { payloadType: 96 }));
  t.equal(told.length, 1, 'after the line has gone nothing is heard');
  t.end();
});

t.test('what is encrypted, no event, no key or no RTP tells nothing', (t) => {
  const encrypted = open('RTP/SAVP');
  encrypted.keys.hear('caller', event(1, 1));
  t.strictSame(encrypted.told, []);
  const { keys, told } = open();
  keys.hear('caller', event(16, 1));
  keys.hear('caller', event(1, 1).subarray(0, 14));
  keys.hear('caller', event(1, 1).subarray(0, 10));
  keys.hear('caller', Buffer.alloc(0));
  t.strictSame(told, []);
  t.end();
});
