/**
 * Transactions that are over and stay for a while only to swallow what is repeated (timers D, I, J, K of
 * RFC 3261 table 4, L and M of RFC 6026 §7).
 *
 * At a thousand calls a second they number a hundred thousand, all with one of three lengths. So each
 * length has a queue, and each queue one timer of the clock.
 *
 * Invariant 1: in a queue, who came first is due first.
 */
import type { CancelTimer, Clock } from '../timing.js';

export interface Lingerer {
  /** Its time is over, or its place is needed. It is in no queue any more. */
  lingered(): void;
}

class Queue {
  /** When each is due, in order. */
  readonly #dueAt = new Map<Lingerer, number>();
  #timer: CancelTimer | undefined;

  constructor(private readonly clock: Clock, private readonly ms: number) {}

  get size(): number {
    return this.#dueAt.size;
  }

  add(lingerer: Lingerer): void {
    this.#dueAt.set(lingerer, this.clock.now() + this.ms);
    this.#timer ??= this.clock.after(this.ms, () => this.#fire());
  }

  remove(lingerer: Lingerer): void {
    this.#dueAt.delete(lingerer);
    if (this.#dueAt.size > 0) return;
    this.#timer?.();
    this.#timer = undefined;
  }

  /** Ends the one that has been here longest. */
  shed(): void {
    const { value } = this.#dueAt.keys().next();
    if (value === undefined) return;
    this.remove(value);
    value.lingered();
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.clock.now();
    for (const [lingerer, dueAt] of this.#dueAt) {
      if (dueAt > now) {
        this.#timer ??= this.clock.after(dueAt - now, () => this.#fire());
        return;
      }
      this.#dueAt.delete(lingerer);
      lingerer.lingered();
    }
  }
}

export class Lingering {
  /** By length in milliseconds; the timing of an edge knows three at most. */
  readonly #queues = new Map<number, Queue>();

  constructor(private readonly clock: Clock) {}

  add(lingerer: Lingerer, ms: number): void {
    let queue = this.#queues.get(ms);
    if (queue === undefined) {
      queue = new Queue(this.clock, ms);
      this.#queues.set(ms, queue);
    }
    queue.add(lingerer);
  }

  remove(lingerer: Lingerer, ms: number): void {
    this.#queues.get(ms)?.remove(lingerer);
  }

  /** Makes room by ending one that has lingered long already; false when there is none. */
  shed(): boolean {
    let longest: Queue | undefined;
    for (const queue of this.#queues.values()) if (queue.size > (longest?.size ?? 0)) longest = queue;
    longest?.shed();
    return longest !== undefined;
  }
}
