/** A clock that goes only where it is told to: a heap of timers, which fire in order. */
import assert from 'node:assert/strict';
import type { CancelTimer, Clock } from './timing.js';

interface Timer {
  readonly at: number;
  /** Timers of the same instant fire as they were set. */
  readonly order: number;
  run: (() => void) | undefined;
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class FakeClock implements Clock {
  #heap: Timer[] = [];
  #now = Date.UTC(2026, 0, 1);
  #order = 0;
  #armed = 0;

  /** Timers that have neither fired nor been called off. */
  get armed(): number {
    return this.#armed;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): CancelTimer {
    assert.ok(ms >= 0 && ms <= 0x7fff_ffff, `a real timer would not wait ${ms} ms, but fire at once`);
    const timer: Timer = { at: this.#now + ms, order: (this.#order += 1), run };
    this.#armed += 1;
    this.#push(timer);
    return () => {
      if (timer.run === undefined) return;
      timer.run = undefined;
      this.#armed -= 1;
      if (this.#heap.length > 1_024 && this.#heap.length > 4 * this.#armed) this.#sweep();
    };
  }

  /** Fires the next timer that is due by `until`; false when there is none, and it is `until` then. */
  tick(until: number): boolean {
    for (;;) {
      const [next] = this.#heap;
      if (next === undefined || next.at > until) {
        this.#now = Math.max(this.#now, until);
        return false;
      }
      this.#pop();
      const { run } = next;
      if (run === undefined) continue;
      next.run = undefined;
      this.#armed -= 1;
      this.#now = Math.max(this.#now, next.at);
      run();
      return true;
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let i = heap.push(timer) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(timer, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, below)) {
        child += 1;
        below = right;
      }
      if (!before(below, last)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
  }

  /** Lets go of the timers that were called off. */
  #sweep(): void {
    const live = this.#heap.filter((timer) => timer.run !== undefined);
    this.#heap = [];
    for (const timer of live) this.#push(timer);
  }
}
