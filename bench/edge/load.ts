/** Calls from a SIPp through a subject to another SIPp, and what became of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SippStatistics } from '../../sip-tests/support/sipp-statistics.js';
import type { Transport, Subject } from './shapes.js';
import { giveUpMs, openCallee, openCaller, type SippEnd } from './sipp-end.js';

/** How often the figures of the caller are looked at, which it writes once a second. */
export const pollMs = 250;

/** How long a call lasts when nothing else is said. */
export const talkMs = 1_000;

export interface LoadOptions {
  readonly transport: Transport;
  readonly rate: number;
  readonly seconds: number;
  readonly holdMs?: number;
  readonly dir: string;
  readonly signal: AbortSignal;
}

export interface LoadOutcome {
  /** Calls a second that were really placed, once it was under way. */
  readonly placedRate: number;
  readonly placed: number;
  readonly completed: number;
  /** Refused with 503. */
  readonly refused: number;
  /** Failed at either end, or not over when the time was. */
  readonly failed: number;
  /** By both ends together. */
  readonly retransmissions: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly objections: string;
}

export interface Load {
  readonly caller: SippEnd;
  readonly callee: SippEnd;
  /** Completed calls at an instant, between the lines that the caller writes. */
  completedAt(epochMs: number): number;
  cpuMs(): number;
  /** Resolves when all calls are placed, or none is placed any more. */
  placed(): Promise<void>;
  /** Resolves when all calls are over, or `drainMs` after the last one was to end, with what became of them. */
  outcome(drainMs?: number): Promise<LoadOutcome>;
  close(): Promise<void>;
}

const completed = ({ successful, counted }: SippStatistics): number => successful - counted;

/** A value of the caller's statistics at an instant, in between by rule of three. */
export function valueAt(history: readonly SippStatistics[], epochMs: number, value: (line: SippStatistics) => number): number {
  const after = history.findIndex(({ at }) => at >= epochMs);
  const [left, right] = after < 0 ? [history.at(-1), undefined] : [history[after - 1], history[after]];
  if (left === undefined || right === undefined) return value(left ?? right ?? (() => { throw new Error('no statistics'); })());
  return value(left) + ((value(right) - value(left)) * (epochMs - left.at)) / (right.at - left.at);
}

/** From the first line after a second to the last one before all were placed. */
export function placedRate(history: readonly SippStatistics[], calls: number): number {
  const started = history[0]?.at ?? 0;
  const under = history.filter(({ at, created }) => at >= started + 900 && created < calls);
  const [first, last] = [under[0], under.at(-1)];
  return first === undefined || last === undefined || first === last ? 0 : ((last.created - first.created) * 1_000) / (last.at - first.at);
}

export async function openLoad(subject: Subject, calleePort: number, options: LoadOptions): Promise<Load> {
  const { transport, rate, seconds, holdMs = talkMs, dir, signal } = options;
  const calls = Math.max(1, Math.round(rate * seconds));
  const callee = await openCallee({ transport, port: calleePort, holdMs, dir, livesMs: seconds * 2_000 + holdMs + 4 * giveUpMs });
  const caller = openCaller({ transport, to: subject, rate, calls, holdMs, dir });
  const state = { over: false };
  void caller.ended.then(() => (state.over = true));
  const close = async (): Promise<void> => {
    await Promise.all([caller.close(), callee.close()]);
  };
  const placed = async (): Promise<void> => {
    while (!state.over && caller.counts().created < calls) await sleep(pollMs, undefined, { signal });
  };
  return {
    caller,
    callee,
    completedAt: (epochMs) => valueAt(caller.history(), epochMs, completed),
    cpuMs: () => caller.cpuMs() + callee.cpuMs(),
    placed,
    outcome: async (drainMs = giveUpMs + 5_000) => {
      await placed();
      const late = Date.now() + holdMs + drainMs;
      while (!state.over && Date.now() < late) await sleep(50, undefined, { signal });
      await caller.close();
      // Its calls linger to answer repeated BYEs; its last line is due within a second.
      await callee.finish(1_200);
      const [placedOnes, answered] = [caller.counts(), callee.counts()];
      if (placedOnes.created === 0) throw new Error(`SIPp placed no call: ${caller.objections()}`);
      const unfinished = placedOnes.created - placedOnes.successful - placedOnes.failed;
      return {
        placedRate: placedRate(caller.history(), calls),
        placed: placedOnes.created,
        completed: completed(placedOnes),
        refused: placedOnes.counted,
        failed: Math.max(placedOnes.failed + unfinished, answered.failed),
        retransmissions: placedOnes.retransmissions + answered.retransmissions,
        reasons: { ...answered.reasons, ...placedOnes.reasons },
        objections: caller.objections() || callee.objections(),
      };
    },
    close,
  };
}
