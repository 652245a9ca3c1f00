/** The highest rate at which no call fails or waits long, and nearly all that was meant to be placed is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rounded, type BenchContext } from '../bench.js';
import { openLoad, pollMs, talkMs } from './load.js';
import { highestHeld, nextRate, type SearchPlan } from './rate-search.js';
import type { Site, Subject } from './shapes.js';

export interface HighestPlan extends SearchPlan {
  readonly stepSeconds: number;
  /** The found rate is held for so long: past 64 T1, until which transactions of ended calls pile up. 0: not at all. */
  readonly confirmSeconds: number;
  /** How long calls may take that are late; shorter than 64 T1, some would still have completed. */
  readonly drainMs: number;
  /** A rate has failed when it failed so often: other work on the machine fails a call as well. */
  readonly chances: number;
}

export interface RateTry {
  readonly rate: number;
  readonly seconds: number;
  readonly held: boolean;
  /** What was not as it should be; `late`: calls piled up, as they do on TCP before any fails. */
  readonly because?: 'failed' | 'refused' | 'late' | 'not placed';
  /** 0 when it was given up before. */
  readonly placedRate: number;
  readonly failed: number;
  readonly refused: number;
  readonly retransmissions: number;
  readonly cpuMsPerCall: number;
  readonly reasons: Readonly<Record<string, number>>;
}

export interface HighestRate {
  readonly rate: number;
  /** `load`: SIPp could not place more, no call had failed. */
  readonly limitedBy: 'subject' | 'load' | 'ceiling';
  readonly tries: readonly RateTry[];
}

/** The share of the nominal rate that has to be placed. */
const placedShare = 0.98;
/** Calls are late when, in the end, they take so long on average to set up and to end, in addition to talking. */
const lateMs = 1_000;
/** A hiccup may hold them up for longer on the way; beyond this a try is given up. */
const hopelessMs = 5_000;

/** Places calls and judges; gives up at the first that fails. */
export async function tryRate(subject: Subject, { shape, calleePort, dir }: Site, rate: number, seconds: number, drainMs: number, signal: AbortSignal): Promise<RateTry> {
  const load = await openLoad(subject, calleePort, { transport: shape.transport, rate, seconds, dir, signal });
  try {
    const cpuBefore = subject.usage().cpuMs;
    const placing = load.placed().then(() => 'placed' as const);
    placing.catch(() => undefined);
    for (let placed = false; !placed;) {
      placed = (await Promise.race([placing, sleep(pollMs, undefined, { signal })])) === 'placed';
      const { failed, counted: refused, current, retransmissions, reasons } = load.caller.counts();
      // As many are open as are placed while one lasts (Little's law).
      const because = failed > 0 ? 'failed' : refused > 0 ? 'refused' : current > (rate * (talkMs + (placed ? lateMs : hopelessMs))) / 1_000 ? 'late' : undefined;
      if (because !== undefined) return { rate, seconds, held: false, because, placedRate: 0, failed, refused, retransmissions, cpuMsPerCall: 0, reasons };
    }
    const { placedRate, completed, failed, refused, retransmissions, reasons } = await load.outcome(drainMs);
    const cpuMsPerCall = rounded((subject.usage().cpuMs - cpuBefore) / Math.max(1, completed));
    const because = failed > 0 ? 'failed' : refused > 0 ? 'refused' : placedRate < rate * placedShare ? 'not placed' : undefined;
    return { rate, seconds, held: because === undefined, ...(because === undefined ? {} : { because }), placedRate: rounded(placedRate, 1), failed, refused, retransmissions, cpuMsPerCall, reasons };
  } finally {
    await load.close();
  }
}

/** `openWarm` opens a subject that has carried calls already: what comes after a failed try must not suffer from it. */
export async function findHighestRate(openWarm: () => Promise<Subject>, site: Site, plan: HighestPlan, { progress, signal }: BenchContext): Promise<HighestRate> {
  const tries: RateTry[] = [];
  let subject = await openWarm();
  const attempt = async (rate: number, seconds: number): Promise<boolean> => {
    for (let chance = 0; chance < plan.chances; chance += 1) {
      const tried = await tryRate(subject, site, rate, seconds, plan.drainMs, signal);
      tries.push(tried);
      progress(`${site.shape.name} ${subject.name} ${rate}/s for ${seconds} s: ${tried.because ?? 'held'}, ${tried.failed} failed, ${tried.refused} refused, ${tried.retransmissions} repeated${tried.placedRate > 0 ? `, ${tried.placedRate}/s placed, ${tried.cpuMsPerCall} ms of CPU a call` : ''}`);
      if (tried.held) return true;
      await subject.close();
      subject = await openWarm();
    }
    return false;
  };
  try {
    const judged: { rate: number; held: boolean }[] = [];
    for (let rate = nextRate(judged, plan); rate !== undefined; rate = nextRate(judged, plan)) {
      judged.push({ rate, held: await attempt(rate, plan.stepSeconds) });
    }
    let rate = highestHeld(judged);
    if (plan.confirmSeconds > 0) {
      while (rate > 1 && !(await attempt(rate, plan.confirmSeconds))) rate = Math.floor(rate * (1 - plan.fineness));
    }
    const above = tries.filter((tried) => tried.rate > rate && !tried.held);
    const limitedBy = above.length === 0 ? 'ceiling' : above.every(({ because }) => because === 'not placed') ? 'load' : 'subject';
    return { rate, limitedBy, tries };
  } finally {
    await subject.close();
  }
}
