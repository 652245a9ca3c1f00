import t from 'tap';
import { encodeRtp, encodeTelephoneEvent, RtpView } from '../media/index.js';
import { Speaker } from './call.fixture.js';
import { Presses } from './presses.js';

const packetOf = (bytes: Buffer): RtpView => {
  const packet = RtpView.parse(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
};

t.test('RFC 4733 §2.5.1.2: the packets of one press tell an ever longer one, its end thrice; the next has another timestamp', (t) => {
  const presses = new Presses();
  const anna = new Speaker(1);
  let atMs = 0;
  for (const bytes of [anna.keyPacket(0, 0, 5), anna.keyPacket(1, 0, 5), anna.keyPacket(2, 0, 5, true), anna.keyPacket(4, 4, 5), anna.keyPacket(2, 0, 5, true)]) presses.hear(packetOf(bytes), 8_000, (atMs += 20));
  t.match(presses.list, [
    { ssrc: 1, timestamp: 5_000, durationTicks: 480, arrivedAtMs: 60, ended: true },
    { ssrc: 1, timestamp: 5_640, durationTicks: 160, arrivedAtMs: 80, ended: false },
  ]);
  t.equal(presses.list.length, 2);
  t.end();
});

t.test('RFC 4733 §2.5.1.5: several events in one packet last one after the other', (t) => {
  const presses = new Presses();
  const payload = Buffer.concat([1, 2].map((event) => encodeTelephoneEvent({ event, end: true, volume: 0, durationTicks: 400 })));
  presses.hear(packetOf(encodeRtp({ payloadType: 101, sequenceNumber: 1, timestamp: 7, ssrc: 1, payload })), 8_000, 0);
  t.match(presses.list, [{ durationTicks: 800, ended: true }]);
  t.end();
});

t.test('one that cannot be read is a press all the same', (t) => {
  const presses = new Presses();
  presses.hear(packetOf(encodeRtp({ payloadType: 101, sequenceNumber: 1, timestamp: 7, ssrc: 1, payload: Buffer.alloc(1) })), 8_000, 3);
  t.match(presses.list, [{ durationTicks: 0, ended: false }]);
  t.end();
});

t.test('however many there are the list is bounded, and it is known since when some are missing', (t) => {
  const presses = new Presses();
  for (let n = 0; n < 5_000; n += 1) presses.hear(packetOf(new Speaker(1).keyPacket(n, n, 1, true)), 8_000, n);
  t.strictSame([presses.list.length, presses.overflowed], [4_096, 4_096]);
  t.end();
});
