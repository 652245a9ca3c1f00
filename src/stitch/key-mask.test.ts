import t from 'tap';
import { RtpView } from '../media/index.js';
import { beginMs, packetTicks, pressed, Speaker, spoken, streamOf, type Happening } from './call.fixture.js';
import { Channel } from './channel.js';
import { KeyMask, leakMs } from './key-mask.js';
import { planRecording } from './plan.js';

const [audio, event] = streamOf(0).codecs;
const leak = (leakMs * 8_000) / 1_000;

/** Which frames are silent of a channel that got these packets, as [from, below] pairs; and the keys of the report. */
function maskOf(happenings: readonly Happening[]): { silent: [number, number][]; keys: readonly object[]; frames: number } {
  const channel = new Channel('caller');
  for (const happening of [...happenings].sort((a, b) => a.atMs - b.atMs)) {
    const packet = 'bytes' in happening ? RtpView.parse(happening.bytes) : 'too-short';
    if (typeof packet !== 'string') channel.accept(packet, packet.payloadType === 101 ? event : audio, happening.atMs);
  }
  const plan = planRecording([channel], 8_000);
  if (plan === undefined) throw new Error('no sound');
  const mask = new KeyMask(channel, plan);
  const samples = new Int16Array(plan.frames).fill(1);
  // In pieces, as packets come.
  for (let frame = 0; frame < plan.frames; frame += packetTicks) mask.silence(frame, samples.subarray(frame), Math.min(packetTicks, plan.frames - frame));
  const silent: [number, number][] = [];
  samples.forEach((sample, at) => {
    const last = silent.at(-1);
    if (sample !== 0) return;
    if (last?.[1] === at) last[1] = at + 1;
    else silent.push([at, at + 1]);
  });
  return { silent, keys: mask.keys, frames: plan.frames };
}
const at = (n: number): number => n * packetTicks;

t.test('a press is silent from before it to its end, by its timestamp', (t) => {
  const anna = new Speaker(1);
  const { silent, keys } = maskOf([...spoken(anna, 0, [0, 50]), ...pressed(anna, 0, [20, 25], 5)]);
  t.strictSame(silent, [[at(20) - leak, at(25)]]);
  t.strictSame(keys, [{ atMs: 400, ms: 100 }]);
  t.end();
});

t.test('across the round of the timestamps', (t) => {
  const anna = new Speaker(1, { timestamp: 2 ** 32 - at(20) - 80 });
  t.strictSame(maskOf([...spoken(anna, 0, [0, 50]), ...pressed(anna, 0, [20, 25], 5), ...pressed(anna, 0, [30, 32], 5)]).silent, [[at(20) - leak, at(25)], [at(30) - leak, at(32)]]);
  t.end();
});

t.test('where the packets of its end are lost it is silent for three updates more', (t) => {
  const anna = new Speaker(1);
  t.strictSame(maskOf([...spoken(anna, 0, [0, 60]), ...pressed(anna, 0, [20, 25], 5, { ended: false })]).silent, [[at(20) - leak, at(25) + 1_200]]);
  t.end();
});

t.test('a key held for long has its place although its last packets come long after its timestamp', (t) => {
  const anna = new Speaker(1);
  t.strictSame(maskOf([...spoken(anna, 0, [0, 20]), ...pressed(anna, 0, [20, 320], 5), ...spoken(anna, 0, [320, 340])]).silent, [[at(20) - leak, at(320)]]);
  t.end();
});

t.test('a source that began anew with other timestamps: the press lies among those that it is of', (t) => {
  const [anna, anew] = [new Speaker(1), new Speaker(1, { sequence: 40_000, timestamp: 3_000_000_000 })];
  const { silent } = maskOf([...spoken(anna, 0, [0, 50]), ...spoken(anew, 0, [50, 100]), ...pressed(anna, 0, [20, 25], 5), ...pressed(anew, 0, [70, 75], 5)]);
  t.strictSame(silent, [[at(20) - leak, at(25)], [at(70) - leak, at(75)]]);
  t.end();
});

t.test('what the anchor kept comes in one burst, and has its place by its timestamps', (t) => {
  const anna = new Speaker(1);
  const burst = [...spoken(anna, 0, [0, 100]), ...pressed(anna, 0, [20, 25], 5)].map((one) => ({ ...one, atMs: beginMs + 2_000 }));
  t.strictSame(maskOf([...burst, ...spoken(anna, 0, [100, 150])]).silent, [[at(20) - leak, at(25)]]);
  t.end();
});

t.test('events of a source without audio are placed by their arrival, with what a network delays on both sides', (t) => {
  const [anna, other] = [new Speaker(1), new Speaker(2)];
  t.strictSame(maskOf([...spoken(anna, 0, [0, 100]), ...pressed(other, 0, [20, 25], 5)]).silent, [[at(24) - at(5) - leak - 1_600, at(24) + 1_600]]);
  t.end();
});

t.test('more presses than the list holds: all is silent from there on', (t) => {
  const anna = new Speaker(1);
  const many = Array.from({ length: 4_097 }, (_, n) => ({ atMs: beginMs + 30_000 + n, stream: 0, bytes: anna.keyPacket(1_500 + n, 1_500 + n, 1, true) }));
  const { silent, frames } = maskOf([...spoken(anna, 0, [0, 2_000]), ...many]);
  t.equal(silent.at(-1)?.[1], frames);
  t.equal(silent[0]?.[0], (30_000 + 4_096 - 6_000) * 8, 'from as long before the first that is missing as it may have been late');
  t.end();
});
