/**
 * Schedules of failing recorders, one after another: each is a seed, and a seed is a schedule (src/proxy/failover-world.fixture.ts).
 */
import { runSchedule } from '../src/proxy/failover-world.fixture.js';

export interface FailoverOutcome {
  readonly runs: number;
  readonly calls: number;
  readonly packets: number;
  readonly dropped: number;
  readonly left: number;
  readonly takenOver: number;
  readonly seconds: number;
  readonly slowestMs: number;
  readonly failure?: { readonly message: string; readonly seed: number; readonly trace: readonly string[] };
}

const tellEveryMs = 60_000;

/** The first that fails is run again, for what happened in it. `progress` is told now and then how far it is. */
export async function fuzzFailover(seconds: number, runs: number, firstSeed: number, progress: (line: string) => void): Promise<FailoverOutcome> {
  const startedAt = performance.now();
  let toldAt = startedAt;
  const sums = { runs: 0, calls: 0, packets: 0, dropped: 0, left: 0, takenOver: 0, seconds: 0, slowestMs: 0 };
  for (let before = startedAt; sums.runs < runs && before - startedAt < seconds * 1_000; ) {
    const seed = (firstSeed + sums.runs) >>> 0;
    const { calls, packets, dropped, left, takenOver, wrong } = await runSchedule(seed);
    const now = performance.now();
    sums.runs += 1;
    sums.calls += calls;
    sums.packets += packets;
    sums.dropped += dropped;
    sums.left += left;
    sums.takenOver += takenOver;
    sums.seconds = (now - startedAt) / 1_000;
    sums.slowestMs = Math.max(sums.slowestMs, now - before);
    before = now;
    if (wrong === undefined && now - toldAt >= tellEveryMs) {
      toldAt = now;
      progress(`${sums.runs} schedules${Number.isFinite(runs) ? ` of ${runs}` : ''} in ${Math.round(sums.seconds)} s, ${sums.takenOver} calls taken over, nothing wrong`);
    }
    if (wrong === undefined) continue;
    const trace: string[] = [];
    await runSchedule(seed, (line) => trace.push(line));
    return { ...sums, failure: { message: `seed ${seed}, ${wrong}`, seed, trace } };
  }
  return sums;
}
