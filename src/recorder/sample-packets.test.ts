import t from 'tap';
import fc from 'fast-check';
import { parseRtp, type RtpPacket } from '../media/index.js';
import { SamplePackets } from './sample-packets.js';

interface Given {
  readonly stream: number;
  readonly packet: RtpPacket;
}

function taking(packets: SamplePackets): { readonly take: (bytes: Buffer, nowMs: number) => void; readonly given: Given[] } {
  const given: Given[] = [];
  return {
    given,
    take: (bytes, nowMs) =>
      packets.take(bytes, nowMs, (stream, bytes) => {
        const packet = parseRtp(bytes);
        if (typeof packet === 'string') throw new Error(packet);
        given.push({ stream, packet });
      }),
  };
}

const stereo = (): SamplePackets => new SamplePackets([{ stream: 3, payloadType: 96 }, { stream: 5, payloadType: 97 }]);

t.test('however a switch cuts its samples, each party has them all, in packets of 20 ms one after the other', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 20 }), (sizes) => {
      const { take, given } = taking(stereo());
      let sample = 0;
      const all = Buffer.alloc(sizes.reduce((sum, size) => sum + size, 0));
      for (let at = 0; at + 2 <= all.length; at += 2) all.writeInt16LE(((sample += 1) % 60_000) - 30_000, at);
      let at = 0;
      for (const size of sizes) {
        take(all.subarray(at, at + size), 0);
        at += size;
      }
      for (const [channel, stream] of [3, 5].entries()) {
        const packets = given.filter((one) => one.stream === stream).map(({ packet }) => packet);
        t.equal(packets.length, Math.floor(all.length / 640));
        packets.forEach((packet, n) => {
          const first = packets[0]!;
          t.equal(packet.payloadType, 96 + channel);
          t.equal(packet.sequenceNumber, (first.sequenceNumber + n) & 0xffff);
          t.equal(packet.timestamp, (first.timestamp + 160 * n) >>> 0);
          t.equal(packet.payload.length, 320);
          for (const m of [0, 159]) t.equal(packet.payload.readInt16BE(2 * m), all.readInt16LE(640 * n + 4 * m + 2 * channel));
        });
      }
    }),
    { numRuns: 30 },
  );
  t.end();
});

t.test('each connection is a source of its own', (t) => {
  const [first, second] = [taking(stereo()), taking(stereo())];
  for (const { take } of [first, second]) take(Buffer.alloc(640), 0);
  t.equal(new Set([...first.given, ...second.given].map(({ packet }) => packet.ssrc)).size, 4);
  t.end();
});

const timestamps = (given: readonly Given[]): number[] => given.map(({ packet }) => (packet.timestamp - given[0]!.packet.timestamp) >>> 0);

t.test('a burst that was late moves nothing: it was all there', (t) => {
  const { take, given } = taking(new SamplePackets([{ stream: 0, payloadType: 96 }]));
  let nowMs = 0;
  for (let n = 0; n < 50; n += 1) take(Buffer.alloc(320), (nowMs = n * 20));
  // The network stood still for 1.5 s, then brought all at once.
  for (let n = 50; n < 125; n += 1) take(Buffer.alloc(320), (nowMs = 2_480));
  for (let n = 125; n < 400; n += 1) take(Buffer.alloc(320), (nowMs = n * 20));
  t.equal(nowMs, 7_980);
  t.strictSame(timestamps(given), given.map((_, n) => 160 * n));
  t.end();
});

t.test('what the switch dropped is a gap from then on, as long as it was, in time and in numbers', (t) => {
  const { take, given } = taking(new SamplePackets([{ stream: 0, payloadType: 96 }]));
  for (let n = 0; n < 100; n += 1) take(Buffer.alloc(320), n * 20);
  for (let n = 150; n < 500; n += 1) take(Buffer.alloc(320), n * 20);
  const last = given.at(-1)!.packet;
  t.equal(timestamps(given).at(-1), 160 * 499, 'the last one stands where it was said');
  t.equal((last.sequenceNumber - given[0]!.packet.sequenceNumber) & 0xffff, 499);
  const jumps = timestamps(given).filter((at, n, all) => n > 0 && at - all[n - 1]! !== 160);
  t.equal(jumps.length, 1);
  t.end();
});
