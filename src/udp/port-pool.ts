/**
 * The port pairs of one media address: an even port for RTP and the next for RTCP (RFC 3550 §11).
 *
 * A pair that was given back rests before it is used again, so that packets of the call before
 * cannot enter the next one. The oldest free pair is used first, which makes the rest as long
 * as the range allows even under load.
 */
export class PortPool {
  readonly #free: { port: number; restsUntilMs: number }[] = [];
  readonly #restMs: number;
  readonly #now: () => number;

  constructor(first: number, last: number, options: { restMs?: number; now?: () => number } = {}) {
    this.#restMs = options.restMs ?? 30_000;
    this.#now = options.now ?? Date.now;
    for (let port = first + (first % 2); port + 1 <= last; port += 2) this.#free.push({ port, restsUntilMs: 0 });
  }

  /** How many pairs are free, the resting ones included. */
  get free(): number {
    return this.#free.length;
  }

  /** The even port of a pair, or undefined when none is free and rested. */
  take(): number | undefined {
    const oldest = this.#free[0];
    if (oldest === undefined || oldest.restsUntilMs > this.#now()) return undefined;
    this.#free.shift();
    return oldest.port;
  }

  giveBack(port: number): void {
    this.#free.push({ port, restsUntilMs: this.#now() + this.#restMs });
  }
}
