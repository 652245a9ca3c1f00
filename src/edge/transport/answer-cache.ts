/**
 * Answers of the DNS to one kind of question, remembered for their time to live, or for a fixed time
 * where node does not tell it.
 *
 * Owns       what is remembered, who waits for what is being asked, and the timeout.
 *
 * Invariant 1: at most `MAX_ENTRIES` names are remembered, and as many asked at once.
 */
import type { CancelTimer, Clock } from '../timing.js';
import type { Answer, LookUp } from './look-ups.js';

const MAX_ENTRIES = 1_000;
const FRESH_MS = 30_000;
const FRESHEST_MS = 1_000;
const OLDEST_MS = 3_600_000;
const NOTHING_FRESH_MS = 10_000;
const FAILED_FRESH_MS = 2_000;
const LOOKUP_MS = 5_000;

interface Entry<T> {
  readonly answer: Answer<T>;
  readonly staleAt: number;
}

function freshMs(answer: Answer<unknown>): number {
  if (answer === 'failed') return FAILED_FRESH_MS;
  if (answer.records.length === 0) return NOTHING_FRESH_MS;
  return Math.min(Math.max(answer.ttlMs ?? FRESH_MS, FRESHEST_MS), OLDEST_MS);
}

export class AnswerCache<T> {
  readonly #known = new Map<string, Entry<T>>();
  readonly #waiting = new Map<string, ((answer: Answer<T>) => void)[]>();
  readonly #timers = new Set<CancelTimer>();
  #closed = false;

  constructor(private readonly clock: Clock, private readonly lookUp: LookUp<T>) {}

  /** Calls back with the answer, at once when it is known; `failed` when none comes in time. */
  ask(name: string, done: (answer: Answer<T>) => void): void {
    const entry = this.#known.get(name);
    if (entry !== undefined && entry.staleAt > this.clock.now()) {
      done(entry.answer);
      return;
    }
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    if (this.#waiting.size >= MAX_ENTRIES || this.#closed) {
      done('failed');
      return;
    }
    this.#waiting.set(name, [done]);
    let answered = false;
    const finish = (answer: Answer<T>): void => {
      if (answered) return;
      answered = true;
      cancel();
      this.#timers.delete(cancel);
      if (!this.#closed) this.#remember(name, answer);
    };
    const cancel = this.clock.after(LOOKUP_MS, () => finish('failed'));
    this.#timers.add(cancel);
    this.lookUp(name, finish);
  }

  /** Calls off what waits; nobody is told. */
  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    for (const cancel of this.#timers) cancel();
  }

  #remember(name: string, answer: Answer<T>): void {
    this.#known.delete(name);
    if (this.#known.size >= MAX_ENTRIES) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    this.#known.set(name, { answer, staleAt: this.clock.now() + freshMs(answer) });
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    for (const done of waiting) done(answer);
  }
}
