import t from 'tap';
import { LateBursts, unburst, type LateBurst } from './late-bursts.js';

/** Packets of 20 ms, 40 ms on their way, and how much later still each came. */
const packets = (count: number, lateMs: (atMs: number) => number): { atMs: number; arrivedAtMs: number }[] =>
  Array.from({ length: count }, (_, n) => ({ atMs: 1_000 + n * 20, arrivedAtMs: 500_000 + 1_000 + n * 20 + 40 + lateMs(n * 20) }));

function burstsOf(all: readonly { atMs: number; arrivedAtMs: number }[]): readonly LateBurst[] {
  const bursts = new LateBursts();
  for (const { atMs, arrivedAtMs } of all) bursts.hear(atMs, arrivedAtMs);
  return bursts.found;
}

/** All that came from there to there came at once at the end of it. */
const heldBack = (fromMs: number, toMs: number) => (atMs: number): number => (atMs >= fromMs && atMs < toMs ? toMs - atMs + (atMs - fromMs) / 100 : 0);

t.test('what a recorder gets at the beginning, all at once, is put where it would have come', (t) => {
  const all = packets(1_000, heldBack(0, 8_000));
  const bursts = burstsOf(all);
  t.match(bursts, [{ fromMs: 1_000 }]);
  t.equal(bursts.length, 1);
  for (const { atMs, arrivedAtMs } of all) t.ok(Math.abs(unburst(bursts, atMs, arrivedAtMs) - (500_040 + atMs)) <= 200);
  t.end();
});

t.test('so is what waited while a recorder hung, in the middle, more than once', (t) => {
  const all = packets(3_000, (atMs) => heldBack(20_000, 25_000)(atMs) + heldBack(40_000, 43_000)(atMs));
  const bursts = burstsOf(all);
  t.equal(bursts.length, 2);
  for (const { atMs, arrivedAtMs } of all) t.ok(Math.abs(unburst(bursts, atMs, arrivedAtMs) - (500_040 + atMs)) <= 200);
  t.end();
});

t.test('a hold in which the timestamps stood still is none, nor is jitter; a burst after the hold is', (t) => {
  t.strictSame(burstsOf(packets(3_000, (atMs) => (atMs >= 20_000 ? 5_000 : 0) + (atMs % 140))), []);
  const both = burstsOf(packets(4_000, (atMs) => (atMs >= 20_000 ? 5_000 : 0) + heldBack(60_000, 64_000)(atMs)));
  t.match(both, [{ fromMs: 61_000, delayMs: 505_040 }]);
  t.end();
});

t.test('a short capture, and one of one packet, and of none', (t) => {
  t.strictSame(burstsOf([]), []);
  t.strictSame(burstsOf(packets(1, () => 0)), []);
  t.match(burstsOf(packets(100, heldBack(0, 1_000))), [{ fromMs: 1_000 }]);
  t.end();
});
