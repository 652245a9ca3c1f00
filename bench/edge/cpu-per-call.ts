/** CPU milliseconds that a call costs at a moderate, fixed rate: the median of runs that alternate between the subjects. */
import { setTimeout as sleep } from 'node:timers/promises';
import { median, rounded, type BenchContext } from '../bench.js';
import { usedBetween } from '../process-usage.js';
import { openLoad } from './load.js';
import type { Site, Subject, SubjectName } from './shapes.js';

export interface CpuPlan {
  readonly rate: number;
  readonly windowSeconds: number;
  /** Before the first window of a subject, so that its code is compiled; later ones need less. */
  readonly warmUpSeconds: number;
  readonly runs: number;
  /** Where profiles of the windows go. */
  readonly profileDir: string | undefined;
}

export interface CpuRun {
  readonly cpuMsPerCall: number;
  /** Of a call, where threads are known: drachtio-srf's, and the busiest other one, which is the edge's. */
  readonly threads?: { readonly applicationMs: number; readonly edgeMs: number };
  /** SIPp's own, both ends: it shares the cores. */
  readonly loadMsPerCall: number;
  readonly calls: number;
  readonly failed: number;
  readonly refused: number;
  readonly retransmissions: number;
  readonly placedRate: number;
  readonly memoryBytes: number;
  readonly objections: string;
}

const laterWarmUpSeconds = 3;

async function measureOnce(subject: Subject, { shape, calleePort, dir }: Site, plan: CpuPlan, warmUpSeconds: number, signal: AbortSignal): Promise<CpuRun> {
  const load = await openLoad(subject, calleePort, { transport: shape.transport, rate: plan.rate, seconds: warmUpSeconds + plan.windowSeconds + 1, dir, signal });
  try {
    await sleep(warmUpSeconds * 1_000, undefined, { signal });
    if (plan.profileDir !== undefined) await subject.profile(plan.profileDir);
    const begin = { at: Date.now(), usage: subject.usage(), loadMs: load.cpuMs() };
    await sleep(plan.windowSeconds * 1_000, undefined, { signal });
    const end = { at: Date.now(), usage: subject.usage(), loadMs: load.cpuMs() };
    const memoryBytes = subject.memoryBytes();
    if (plan.profileDir !== undefined) await subject.profile(undefined);
    const outcome = await load.outcome();
    const calls = load.completedAt(end.at) - load.completedAt(begin.at);
    if (calls <= 0) throw new Error(`${shape.name} ${subject.name}: no call completed: ${outcome.objections}`);
    const used = usedBetween(begin.usage, end.usage);
    const { failed, refused, retransmissions, objections } = outcome;
    return {
      cpuMsPerCall: rounded(used.cpuMs / calls),
      ...(subject.name === 'twintrack' ? { threads: { applicationMs: rounded(used.mainThreadMs / calls), edgeMs: rounded(used.busiestOtherMs / calls) } } : {}),
      loadMsPerCall: rounded((end.loadMs - begin.loadMs) / calls),
      calls: Math.round(calls),
      failed, refused, retransmissions, memoryBytes, objections,
      placedRate: rounded(outcome.placedRate, 1),
    };
  } finally {
    await load.close();
  }
}

export interface CpuFigures {
  readonly cpuMsPerCall: number;
  readonly runs: readonly CpuRun[];
}

/** The subjects stand side by side, and take turns. */
export async function measureCpu(subjects: readonly Subject[], site: Site, plan: CpuPlan, { progress, signal }: BenchContext): Promise<ReadonlyMap<SubjectName, CpuFigures>> {
  const runs = new Map<SubjectName, CpuRun[]>(subjects.map(({ name }) => [name, []]));
  for (let turn = 0; turn < plan.runs; turn += 1) {
    for (const subject of subjects) {
      const run = await measureOnce(subject, site, plan, turn === 0 ? plan.warmUpSeconds : laterWarmUpSeconds, signal);
      runs.get(subject.name)?.push(run);
      progress(`${site.shape.name} ${subject.name} at ${plan.rate}/s: ${run.cpuMsPerCall} ms of CPU a call (SIPp ${run.loadMsPerCall}), ${run.calls} calls, ${run.failed + run.refused} failed, ${run.retransmissions} repeated`);
    }
  }
  return new Map([...runs].map(([name, all]) => [name, { cpuMsPerCall: rounded(median(all.map(({ cpuMsPerCall }) => cpuMsPerCall))), runs: all }]));
}
