/**
 * Which packets of a source came late and all at once, because a recorder hung, or took over from another and got what
 * that had not written: pure.
 *
 * They have their place by their timestamps; when they came says nothing of it. A pause of the sender in which its
 * timestamps stood still looks alike at first: but after it the packets go on to come as late, while a burst has caught
 * up soon.
 *
 * Bound      `mostBursts`; of the beginning, before the delay is known, the packets of `beginningMs`.
 */

export interface LateBurst {
  /** By the source's timestamps: from the first of its packets to below the one that was in time. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Arrival less timestamp of a packet that is in time. */
  readonly delayMs: number;
}

/** So late is late: more than jitter, less than a gap that is heard. */
const lateMs = 200;
/** Longer than packets are kept by a relay, or wait in a socket. */
const beginningMs = 15_000;
const mostPackets = 4_096;
const mostBursts = 256;

export class LateBursts {
  readonly #found: LateBurst[] = [];
  /** Until it is known how late packets are that are in time. */
  #beginning: { readonly atMs: number; readonly delayMs: number }[] | undefined = [];
  #endsAtMs = Number.POSITIVE_INFINITY;
  #delayMs = Number.POSITIVE_INFINITY;
  #late: { readonly fromMs: number; readonly sinceMs: number; leastMs: number } | undefined;

  /** In the order of arrival. @param atMs by its timestamp, unwrapped */
  hear(atMs: number, arrivedAtMs: number): void {
    const delayMs = arrivedAtMs - atMs;
    if (this.#beginning !== undefined) {
      if (this.#beginning.length === 0) this.#endsAtMs = arrivedAtMs + beginningMs;
      if (arrivedAtMs < this.#endsAtMs && this.#beginning.length < mostPackets) {
        this.#beginning.push({ atMs, delayMs });
        return;
      }
      this.#begin();
    }
    this.#look(atMs, arrivedAtMs, delayMs);
  }

  /** All that were found, when all has been heard. */
  get found(): readonly LateBurst[] {
    this.#begin();
    return this.#found;
  }

  #begin(): void {
    const beginning = this.#beginning ?? [];
    this.#beginning = undefined;
    const [first] = beginning;
    if (first === undefined) return;
    // Whoever is first may be late already.
    const leastMs = Math.min(...beginning.map(({ delayMs }) => delayMs));
    if (first.delayMs > leastMs + lateMs) {
      const inTime = beginning.findIndex(({ delayMs }) => delayMs <= leastMs + lateMs);
      const delayMs = beginning[inTime]?.delayMs ?? leastMs;
      // The least of those that follow closely: of a jump of the timestamps later on nothing is known here.
      this.#delayMs = Math.min(delayMs, ...beginning.slice(inTime, inTime + 50).map((one) => one.delayMs));
      this.#keep(Math.min(...beginning.slice(0, inTime).map(({ atMs }) => atMs)), beginning[inTime]?.atMs ?? first.atMs);
      for (const { atMs, delayMs: later } of beginning.slice(inTime)) this.#look(atMs, atMs + later, later);
    } else for (const { atMs, delayMs } of beginning) this.#look(atMs, atMs + delayMs, delayMs);
  }

  #look(atMs: number, arrivedAtMs: number, delayMs: number): void {
    if (delayMs <= this.#delayMs + lateMs) {
      if (this.#late !== undefined) this.#keep(this.#late.fromMs, atMs);
      this.#late = undefined;
      this.#delayMs = Math.min(this.#delayMs, delayMs);
    } else if (this.#late === undefined) this.#late = { fromMs: atMs, sinceMs: arrivedAtMs, leastMs: delayMs };
    else {
      this.#late.leastMs = Math.min(this.#late.leastMs, delayMs);
      // It has not caught up: that is the sender's own time from now on.
      if (arrivedAtMs - this.#late.sinceMs > beginningMs) {
        this.#delayMs = this.#late.leastMs;
        this.#late = undefined;
      }
    }
  }

  #keep(fromMs: number, toMs: number): void {
    if (toMs > fromMs && this.#found.length < mostBursts) this.#found.push({ fromMs, toMs, delayMs: this.#delayMs });
  }
}

/** When a packet came, or would have come but for the burst that it is in. */
export function unburst(bursts: readonly LateBurst[], atMs: number, arrivedAtMs: number): number {
  for (const { fromMs, toMs, delayMs } of bursts) if (atMs >= fromMs && atMs < toMs) return Math.min(arrivedAtMs, atMs + delayMs);
  return arrivedAtMs;
}
