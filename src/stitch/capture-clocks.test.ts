import { join } from 'node:path';
import t from 'tap';
import { loadOrCreateKeys } from '../vault/index.js';
import { beginMs, captured, packetMs, Speaker, spoken, type Happening } from './call.fixture.js';
import { captureClocks } from './capture-clocks.js';

const keys = await loadOrCreateKeys(join(t.testdir({ keys: {} }), 'keys'));
const anna = new Speaker(1);
const later = (all: readonly Happening[], ms: number): Happening[] => all.map((one) => ({ ...one, atMs: one.atMs + ms }));
/** Packets that waited until then, and came in a moment. */
const atOnce = (from: number, to: number, untilMs: number): Happening[] => spoken(anna, 0, [from, to]).map((one, n) => ({ ...one, atMs: beginMs + untilMs + n / 5 }));
const offsetsOf = async (one: readonly Happening[], other: readonly Happening[]): Promise<readonly number[]> => {
  const dir = t.testdir();
  const sources = [await captured(dir, keys, one, { captureId: 'one' }), await captured(dir, keys, other, { captureId: 'other' })];
  return (await captureClocks(sources, keys)).map(({ offsetMs }) => Math.round(offsetMs));
};

t.test('a recorder that took over, and got late what the first had not written, has the same clock', async (t) => {
  const takenOver = [...atOnce(80, 300, 300 * packetMs), ...spoken(anna, 0, [300, 600])];
  t.strictSame(await offsetsOf(spoken(anna, 0, [0, 100]), takenOver), [0, 0]);
  t.strictSame(await offsetsOf(spoken(anna, 0, [0, 100]), later(takenOver, 7_000)), [0, 7_000], 'unless it has another');
});

t.test('one that hung, and found what had waited in its sockets when another had the call, has the same clock', async (t) => {
  const hung = [...spoken(anna, 0, [0, 100]), ...atOnce(100, 250, 700 * packetMs)];
  const other = [...atOnce(80, 220, 220 * packetMs), ...spoken(anna, 0, [220, 600])];
  t.strictSame(await offsetsOf(hung, other), [0, 0]);
});

t.test('without a source that both have heard the clocks are taken to agree', async (t) => {
  t.strictSame(await offsetsOf(spoken(anna, 0, [0, 100]), later(spoken(new Speaker(9), 0, [0, 100]), 5_000)), [0, 0]);
});

t.test('both parties may have one SSRC: that one of them began later is no lateness', async (t) => {
  const bob = new Speaker(1);
  const both = [...spoken(anna, 0, [0, 300]), ...spoken(bob, 1, [0, 285], { startMs: beginMs + 300 })];
  const dir = t.testdir();
  const sources = [await captured(dir, keys, both, { captureId: 'one' }), await captured(dir, keys, both, { captureId: 'other' })];
  for (const { offsetMs, bursts } of await captureClocks(sources, keys)) t.strictSame([offsetMs, [...bursts.values()].flat()], [0, []]);
});
