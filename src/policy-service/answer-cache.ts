/**
 * Answers that hold for more than the call that was asked about. Pure but for its state; the clock is an argument.
 *
 * Each answer names the facts that it rests on; which lists of facts the service uses is learnt from its answers.
 * A question is looked up under each list known, the longest first, and the first that has an answer counts, fresh
 * or not: an exception for one number is not overruled by what holds for its whole trunk.
 *
 * Invariants  1. never more than `entries` answers, those used last.  2. never more than LISTS lists.
 *             3. an answer is fresh for `maxSeconds` at most, and found for `staleSeconds` after that.
 */
import type { Outcome } from '../policy/index.js';
import type { Answer } from './answer.js';
import { factsKey, type FactName, type Question } from './question.js';
import type { PolicyServiceSettings } from './settings.js';

/** Each costs a look-up a call; a service that uses more has no plan. */
const LISTS = 16;

interface Kept {
  readonly outcome: Outcome;
  readonly freshUntilMs: number;
  readonly keptUntilMs: number;
}

export interface Found {
  readonly key: string;
  readonly outcome: Outcome;
  /** Otherwise it has expired, and serves only where the service gives no answer. */
  readonly fresh: boolean;
}

export class AnswerCache {
  /** In the order of use, the last one used at the end. */
  readonly #kept = new Map<string, Kept>();
  /** By their names, in the order in which answers came. */
  readonly #lists = new Map<string, readonly FactName[]>();
  #longestFirst: readonly (readonly FactName[])[] = [];

  constructor(private readonly settings: PolicyServiceSettings['cache']) {}

  get size(): number {
    return this.#kept.size;
  }

  find(question: Question, nowMs: number): Found | undefined {
    for (const by of this.#longestFirst) {
      const key = factsKey(question, by);
      const kept = this.#kept.get(key);
      if (kept === undefined) continue;
      this.#kept.delete(key);
      if (nowMs >= kept.keptUntilMs) continue;
      this.#kept.set(key, kept);
      return { key, outcome: kept.outcome, fresh: nowMs < kept.freshUntilMs };
    }
    return undefined;
  }

  /** Takes in an answer to a question, in place of what was found for it before. */
  put(question: Question, { outcome, cache }: Answer, replaced: Found | undefined, nowMs: number): void {
    if (replaced !== undefined) this.#kept.delete(replaced.key);
    const { entries, maxSeconds, staleSeconds } = this.settings;
    const seconds = Math.min(cache?.seconds ?? 0, maxSeconds);
    if (cache === undefined || seconds === 0 || entries === 0) return;
    this.#learn(cache.by);
    const key = factsKey(question, cache.by);
    const freshUntilMs = nowMs + seconds * 1_000;
    this.#kept.delete(key);
    this.#kept.set(key, { outcome, freshUntilMs, keptUntilMs: freshUntilMs + staleSeconds * 1_000 });
    trim(this.#kept, entries);
  }

  #learn(by: readonly FactName[]): void {
    const name = by.join(' ');
    const known = this.#lists.delete(name);
    this.#lists.set(name, by);
    // Answers under a list that goes are not found any more, and leave as the least used.
    trim(this.#lists, LISTS);
    if (!known) this.#longestFirst = [...this.#lists.values()].sort((a, b) => b.length - a.length);
  }
}

function trim(map: Map<string, unknown>, most: number): void {
  const [first] = map.keys();
  if (map.size > most && first !== undefined) map.delete(first);
}
