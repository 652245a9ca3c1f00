/** For the simulation of failover: what happens in one schedule, drawn before it begins. */
import type { CallPlan } from './failover-call.fixture.js';
import { moods, type Mood } from './failover-recorder.fixture.js';
import type { Dice } from './seeded-dice.fixture.js';

export interface Fault {
  readonly atMs: number;
  /** Its place in the list. */
  readonly recorder: number;
  readonly mood: Mood;
}

export interface Plan {
  readonly recorders: readonly string[];
  readonly pool: { readonly slowStartMs: number; readonly longestBackOffMs: number };
  readonly faults: readonly Fault[];
  readonly calls: readonly CallPlan[];
  /** From then on all recorders are well. */
  readonly wellAtMs: number;
}

const beginMs = 1_000;
const failing = moods.filter((mood) => mood !== 'well') as [Mood, ...Mood[]];

export function planOf(dice: Dice): Plan {
  const wellAtMs = beginMs + dice.between(30, 120) * 1_000;
  const recorders = ['a', 'b', 'c'].slice(0, dice.between(2, 3)).map((name) => `sip:${name}@127.0.0.1`);
  const faults = recorders.flatMap((_, recorder) => {
    const found: Fault[] = [];
    // Some are well for long, some hardly ever.
    const wellMs = dice.pick([3_000, 10_000, 40_000]);
    for (let atMs = beginMs + dice.between(0, wellMs); atMs < wellAtMs; ) {
      found.push({ atMs, recorder, mood: dice.pick(failing) });
      atMs += dice.pick([100, 1_000, 3_000, 8_000, 20_000]) * dice.between(1, 4) / 2;
      if (dice.chance(0.9)) found.push({ atMs: Math.min(atMs, wellAtMs), recorder, mood: 'well' });
      atMs += dice.between(50, wellMs);
    }
    return [...found, { atMs: wellAtMs, recorder, mood: 'well' as const }];
  });
  const calls = Array.from({ length: dice.between(1, 4) }, () => {
    const from = beginMs + dice.between(0, Math.floor(wellAtMs * 0.7));
    // Right after a recorder has failed, that is before anybody has seen it.
    const fault = dice.chance(0.3) ? dice.pick(faults as [Fault, ...Fault[]]) : undefined;
    return {
      redundancy: dice.pick(['single', 'primary-backup', 'primary-backup', 'dual', 'split'] as const),
      beginMs: from,
      endMs: fault !== undefined && fault.atMs > from + 500 ? fault.atMs + dice.between(0, 2_000) : dice.chance(0.4) ? wellAtMs + dice.between(1, 60) * 1_000 : from + dice.between(500, 60_000),
      packetMs: dice.pick([50, 100, 100, 100]),
    };
  });
  return {
    recorders,
    pool: { slowStartMs: dice.pick([0, 4_000, 10_000]), longestBackOffMs: dice.pick([4_000, 15_000]) },
    faults: faults.sort((a, b) => a.atMs - b.atMs),
    calls,
    wellAtMs,
  };
}
