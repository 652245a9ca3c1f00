/** Twice what it can carry: how much is still carried, how the rest is refused, how much memory that takes, and what comes after. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rounded, type BenchContext } from '../bench.js';
import { openLoad, pollMs, talkMs } from './load.js';
import type { Site, Subject } from './shapes.js';
import { openCaller } from './sipp-end.js';

export interface OverloadPlan {
  readonly seconds: number;
  readonly recoverySeconds: number;
  /** How long calls of either may take that are late. */
  readonly drainMs: number;
}

export interface Overload {
  readonly highestRate: number;
  /** Calls a second that SIPp really placed: it has to share the cores. */
  readonly placedRate: number;
  readonly completedPerSecond: number;
  readonly completedShareOfHighest: number;
  /** With 503. */
  readonly refused: number;
  readonly failed: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly retransmissions: number;
  /** Cores that were busy with it, and with SIPp: where they add up to all there are, SIPp was a limit as well. */
  readonly subjectCores: number;
  readonly loadCores: number;
  readonly memoryBeforeBytes: number;
  readonly memoryPeakBytes: number;
  /** Right after, at half the highest rate. */
  readonly recovery: { readonly placed: number; readonly completed: number };
  readonly applicationErrors: number;
  readonly lastApplicationError: string;
}

/** The first calls take as long as a call before they complete. */
const settleMs = 3_000;

export async function measureOverload(openWarm: () => Promise<Subject>, site: Site, highestRate: number, plan: OverloadPlan, { progress, signal }: BenchContext): Promise<Overload> {
  const { shape, calleePort, dir } = site;
  const subject = await openWarm();
  const opened: { close(): Promise<void> }[] = [subject];
  try {
    const memoryBeforeBytes = subject.memoryBytes();
    const load = await openLoad(subject, calleePort, { transport: shape.transport, rate: 2 * highestRate, seconds: plan.seconds, dir, signal });
    opened.push(load);
    const startedAt = Date.now();
    const before = { subject: subject.usage().cpuMs, load: load.cpuMs() };
    let memoryPeakBytes = memoryBeforeBytes;
    const placing = load.placed().then(() => 'placed' as const);
    placing.catch(() => undefined);
    // A SIPp that can't keep up places for longer: the time is what counts.
    while (Date.now() < startedAt + plan.seconds * 1_000 && (await Promise.race([placing, sleep(pollMs, undefined, { signal })])) !== 'placed') {
      memoryPeakBytes = Math.max(memoryPeakBytes, subject.memoryBytes());
    }
    const endedAt = Date.now();
    const cores = { subject: (subject.usage().cpuMs - before.subject) / (endedAt - startedAt), load: (load.cpuMs() - before.load) / (endedAt - startedAt) };
    const overloaded = { history: load.caller.history(), counts: load.caller.counts() };
    // The rest of the overload is not wanted any more; its calls under way go on.
    load.caller.stopPlacing();

    const rate = Math.max(1, Math.round(highestRate / 2));
    const placed = Math.round(rate * plan.recoverySeconds);
    const recovering = openCaller({ transport: shape.transport, to: subject, rate, calls: placed, holdMs: talkMs, dir });
    opened.push(recovering);
    await Promise.race([recovering.ended, sleep(plan.recoverySeconds * 1_000 + talkMs + plan.drainMs, undefined, { signal })]);
    const { successful, counted } = recovering.counts();
    memoryPeakBytes = Math.max(memoryPeakBytes, subject.memoryBytes());

    const outcome = await load.outcome(plan.drainMs);
    const completedPerSecond = ((load.completedAt(endedAt) - load.completedAt(startedAt + settleMs)) * 1_000) / (endedAt - startedAt - settleMs);
    const inside = await subject.inside();
    const measured: Overload = {
      highestRate,
      placedRate: rounded((overloaded.counts.created * 1_000) / (overloaded.counts.at - (overloaded.history[0]?.at ?? startedAt)), 1),
      completedPerSecond: rounded(completedPerSecond, 1),
      completedShareOfHighest: rounded(completedPerSecond / highestRate),
      refused: outcome.refused,
      failed: outcome.failed,
      reasons: outcome.reasons,
      retransmissions: outcome.retransmissions,
      subjectCores: rounded(cores.subject, 2),
      loadCores: rounded(cores.load, 2),
      memoryBeforeBytes,
      memoryPeakBytes,
      recovery: { placed, completed: successful - counted },
      applicationErrors: inside?.errors ?? 0,
      lastApplicationError: inside?.lastError ?? '',
    };
    progress(`${shape.name} ${subject.name} at twice ${highestRate}/s: ${measured.placedRate}/s placed, ${measured.completedPerSecond}/s completed, ${measured.refused} refused, ${measured.failed} failed, ${Math.round(memoryPeakBytes / 1e6)} MB at most; then ${measured.recovery.completed} of ${placed} completed`);
    return measured;
  } finally {
    for (const each of opened.toReversed()) await each.close();
  }
}
