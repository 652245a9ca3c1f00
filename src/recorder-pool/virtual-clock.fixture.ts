/** For tests: time that passes when it is told to, in the order of what waits for it. */
import type { Clock } from './clock.js';

interface Waiting {
  readonly atMs: number;
  readonly number: number;
  readonly then: () => void;
  readonly quiet: boolean;
}

export class VirtualClock implements Clock {
  #nowMs: number;
  #numbers = 0;
  #stirred = false;
  readonly #waiting = new Map<number, Waiting>();

  constructor(startMs = 1_000) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimeout(then: () => void, ms: number): number {
    return this.#wait(then, ms, false);
  }

  /** For what no promise waits for, unless it says `stir`: it spares a turn of the loop. */
  setQuiet(then: () => void, ms: number): number {
    return this.#wait(then, ms, true);
  }

  /** Promises may wait for what was done just now. */
  stir(): void {
    this.#stirred = true;
  }

  clearTimeout(timer: unknown): void {
    this.#waiting.delete(timer as number);
  }

  /** How much waits for it. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Everything that is due in that time has been done, and what followed from it. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settled();
    for (;;) {
      let next: Waiting | undefined;
      for (const one of this.#waiting.values()) if (one.atMs <= endMs && (next === undefined || one.atMs < next.atMs || (one.atMs === next.atMs && one.number < next.number))) next = one;
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#waiting.delete(next.number);
      next.then();
      if (next.quiet && !this.#stirred) continue;
      this.#stirred = false;
      await settled();
    }
    this.#nowMs = endMs;
  }

  #wait(then: () => void, ms: number, quiet: boolean): number {
    const number = (this.#numbers += 1);
    this.#waiting.set(number, { atMs: this.#nowMs + Math.max(0, ms), number, then, quiet });
    return number;
  }
}

/** Promises that can be settled are, and what follows from them; a BYE waits for a turn of the loop before it goes. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(() => void setImmediate(resolve)));
