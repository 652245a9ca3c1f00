import t from 'tap';
import { encodeRtp, encodeTelephoneEvent } from '../../media/index.js';
import { PressedKeys } from './pressed-keys.js';

const event = (number: number, timestamp: number, { end = false, ssrc = 7 } = {}): Buffer =>
  encodeRtp({ payloadType: 101, sequenceNumber: 1, timestamp, ssrc, payload: encodeTelephoneEvent({ event: number, end, volume: 10, durationTicks: 160 }) });

function open() {
  const told: string[] = [];
  return { keys: new PressedKeys((from, key) => told.push(`${from} ${key}`)), told };
}

t.test('RFC 4733 §2.5.1: an event of many packets, its end thrice, is one key; the next has another timestamp', (t) => {
  const { keys, told } = open();
  for (const packet of [event(10, 800), event(10, 800), event(10, 800, { end: true }), event(10, 800, { end: true }), event(1, 2_400), event(10, 800, { end: true }), event(1, 2_400, { end: true }), event(1, 4_000, { end: true })]) keys.hear('caller', packet);
  t.strictSame(told, ['caller *', 'caller 1', 'caller 1']);
  t.end();
});

t.test('the same event of the other side is another key', (t) => {
  const { keys, told } = open();
  keys.hear('caller', event(10, 800));
  keys.hear('callee', event(10, 800));
  t.strictSame(told, ['caller *', 'callee *']);
  t.end();
});

t.test('what is no key or no RTP tells nothing', (t) => {
  const { keys, told } = open();
  keys.hear('caller', event(16, 1));
  keys.hear('caller', event(1, 1).subarray(0, 14));
  keys.hear('caller', event(1, 1).subarray(0, 10));
  keys.hear('caller', Buffer.alloc(0));
  t.strictSame(told, []);
  t.end();
});
