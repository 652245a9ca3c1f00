/**
 * What is known of one recorder, and what follows from what is heard of it: pure.
 *
 *   up         takes sessions
 *   busy       answers OPTIONS with 503: takes none for now; those that run go on
 *   ejected    failed: is left alone until the back-off is over
 *   probing    the back-off is over; the next good answer, or session, brings it back
 *   starting   is back, and takes a growing share
 *
 * A pair of state and event that `transitions` does not have changes nothing but the counts.
 *
 * Invariants
 * 1. Between two ejections there is at least the back-off of the first.
 * 2. Whoever answers well is asked again in the end.
 */
import type { RecorderPoolSettings } from './settings.js';

export const recorderStates = ['up', 'busy', 'ejected', 'probing', 'starting'] as const;
export type RecorderStateName = (typeof recorderStates)[number];

export type RecorderEvent = 'well' | 'busy' | 'unanswered' | 'failed' | 'refused' | 'back-off-over' | 'started';

/** Which state follows. `unanswered` is told when as many went unanswered as settings say. */
export const transitions: Readonly<Record<RecorderStateName, Partial<Record<RecorderEvent, RecorderStateName>>>> = {
  up: { busy: 'busy', unanswered: 'ejected', failed: 'ejected', refused: 'ejected' },
  busy: { well: 'up', unanswered: 'ejected', failed: 'ejected' },
  ejected: { 'back-off-over': 'probing' },
  probing: { well: 'starting', busy: 'busy', unanswered: 'ejected', failed: 'ejected', refused: 'ejected' },
  starting: { started: 'up', busy: 'busy', unanswered: 'ejected', failed: 'ejected', refused: 'ejected' },
};

export interface RecorderFacts {
  readonly name: RecorderStateName;
  /** OPTIONS in a row without an answer. */
  readonly unanswered: number;
  /** Ejections whose back-offs followed one another. */
  readonly ejections: number;
  /** Since when it is in this state. */
  readonly sinceMs: number;
  /** Of one that is ejected. */
  readonly untilMs: number;
  /** When it was last found to fail. */
  readonly failedAtMs: number;
  /** Why it is not asked, in words. */
  readonly reason: string;
}

export const newRecorder = (nowMs: number): RecorderFacts => ({ name: 'up', unanswered: 0, ejections: 0, sinceMs: nowMs, untilMs: 0, failedAtMs: Number.NEGATIVE_INFINITY, reason: '' });

export interface Heard {
  readonly event: RecorderEvent;
  readonly reason: string;
  /** For how long it asked to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

type BackOff = Pick<RecorderPoolSettings, 'failures' | 'firstBackOffMs' | 'longestBackOffMs'>;

export function step(before: RecorderFacts, { event, reason, retryAfterMs = 0 }: Heard, nowMs: number, settings: BackOff): RecorderFacts {
  let counted = before;
  if (event === 'well' || event === 'busy') counted = { ...before, unanswered: 0, ...(event === 'busy' ? { reason } : {}) };
  if (event === 'unanswered') {
    counted = { ...before, unanswered: before.unanswered + 1 };
    if (counted.unanswered < settings.failures) return counted;
  }
  const name = transitions[before.name][event];
  if (name === undefined) return counted;
  if (name !== 'ejected') return { ...counted, name, sinceMs: nowMs, reason: name === 'busy' ? reason : '' };
  // One that was well for as long as the longest back-off begins anew.
  const ejections = nowMs - before.failedAtMs - backOffMs(before.ejections, settings) > settings.longestBackOffMs ? 1 : before.ejections + 1;
  const ms = Math.max(backOffMs(ejections, settings), retryAfterMs);
  return { ...counted, name, ejections, sinceMs: nowMs, untilMs: nowMs + ms, failedAtMs: nowMs, reason };
}

/** Of the n-th ejection in a row. */
export const backOffMs = (ejections: number, { firstBackOffMs, longestBackOffMs }: BackOff): number => (ejections === 0 ? 0 : Math.min(firstBackOffMs * 2 ** Math.min(ejections - 1, 30), longestBackOffMs));

export const isAskable = ({ name }: RecorderFacts): boolean => name === 'up' || name === 'probing' || name === 'starting';
