/**
 * Places that have just failed, so that the next request does not wait for them first (RFC 3263 §4.3 leaves
 * it to each client). A place that is shunned is tried last, not never.
 *
 * Invariant 1: at most `MAX_PLACES` are kept; the one entered first makes room.
 */
import type { Clock } from '../timing.js';
import type { Hop } from './server-location.js';

const MAX_PLACES = 1_000;

/** How long a place is shunned that did not answer or could not be reached. */
export const SHUN_MS = 30_000;
/** How long at most, whatever a 503 asks for in its Retry-After. */
export const LONGEST_SHUN_MS = 300_000;

type PlaceOfHop = Pick<Hop, 'protocol' | 'address' | 'port'>;

const keyOf = (hop: PlaceOfHop): string => `${hop.protocol} ${hop.address} ${hop.port}`;

export class Shunned {
  readonly #until = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  shun(hop: PlaceOfHop, ms: number = SHUN_MS): void {
    const key = keyOf(hop);
    this.#until.delete(key);
    if (this.#until.size >= MAX_PLACES) {
      const oldest = this.#until.keys().next();
      if (oldest.done !== true) this.#until.delete(oldest.value);
    }
    this.#until.set(key, this.clock.now() + Math.min(ms, LONGEST_SHUN_MS));
  }

  /** It answered. */
  forgive(hop: PlaceOfHop): void {
    if (this.#until.size > 0) this.#until.delete(keyOf(hop));
  }

  has(hop: PlaceOfHop): boolean {
    if (this.#until.size === 0) return false;
    const key = keyOf(hop);
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (until > this.clock.now()) return true;
    this.#until.delete(key);
    return false;
  }

  /** The same places, those that are shunned last. */
  order<H extends PlaceOfHop>(hops: readonly H[]): readonly H[] {
    if (this.#until.size === 0 || hops.length < 2) return hops;
    return [...hops.filter((hop) => !this.has(hop)), ...hops.filter((hop) => this.has(hop))];
  }
}
