/**
 * One timer for all open captures of a process.
 *
 * Each member is called once in a period. The period is cut into slots and members are spread over them, so that a
 * thousand captures seal and write a few at a time, and packets that arrive meanwhile are not kept waiting.
 *
 * Owns       the timer, which runs only while there are members.
 */
const slotCount = 5;

/** Calls back every `ms`, until the function returned is called. */
export type Every = (ms: number, callback: () => void) => () => void;

const everyByTimer: Every = (ms, callback) => {
  const timer = setInterval(callback, ms);
  return () => clearInterval(timer);
};

export class FlushWheel {
  readonly #periodMs: number;
  readonly #every: Every;
  readonly #slots: Set<() => void>[] = Array.from({ length: slotCount }, () => new Set());
  #stop: (() => void) | undefined;
  #turn = 0;

  constructor(periodMs: number, every: Every = everyByTimer) {
    this.#periodMs = periodMs;
    this.#every = every;
  }

  /** Calls `flush` once in every period, until the function returned is called. `flush` must not throw. */
  join(flush: () => void): () => void {
    const slot = this.#slots.reduce((least, other) => (other.size < least.size ? other : least));
    const member = (): void => flush();
    slot.add(member);
    this.#stop ??= this.#every(Math.max(1, this.#periodMs / slotCount), () => this.#tick());
    return () => {
      slot.delete(member);
      if (this.#slots.some(({ size }) => size > 0)) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #tick(): void {
    this.#turn = (this.#turn + 1) % slotCount;
    for (const flush of this.#slots[this.#turn] ?? []) flush();
  }
}

const wheels = new Map<number, FlushWheel>();

/** The process's wheel for a period. There are as many as different periods in use: one, in a running product. */
export function flushWheel(periodMs: number): FlushWheel {
  const wheel = wheels.get(periodMs) ?? new FlushWheel(periodMs);
  wheels.set(periodMs, wheel);
  return wheel;
}
