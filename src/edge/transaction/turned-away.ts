/**
 * What was turned away a moment ago, so that a copy of it is turned away as well.
 *
 * Over UDP a request that has waited is there twice when it is looked at (RFC 3261 §17.1.1.2). What is turned
 * away leaves no transaction that would know the second; and let in, it would begin a call that whoever placed
 * it has been refused, knows nothing of any more, and never ends.
 *
 * Keeps a number of each, not its name: of a million other calls twenty at most are taken for one of them, and
 * told to come again.
 */
import type { Clock } from '../timing.js';

/** Copies come after 500 ms, and wait as long as what is before them in the socket. */
const KEPT_MS = 4_000;
const MOST = 50_000;

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/. */
function numberOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash;
}

export class TurnedAway {
  #recent = new Set<number>();
  #before = new Set<number>();
  #since = -Infinity;

  constructor(private readonly clock: Clock) {}

  /** Kept for 4 to 8 s, and shorter when there are very many. */
  remember(key: string): void {
    this.#turn();
    this.#recent.add(numberOf(key));
  }

  has(key: string): boolean {
    if (this.#recent.size === 0 && this.#before.size === 0) return false;
    this.#turn();
    const number = numberOf(key);
    return this.#recent.has(number) || this.#before.has(number);
  }

  #turn(): void {
    const now = this.clock.now();
    const agoMs = now - this.#since;
    if (agoMs >= 0 && agoMs < KEPT_MS && this.#recent.size < MOST) return;
    this.#before = agoMs >= 0 && agoMs < 2 * KEPT_MS ? this.#recent : new Set();
    this.#recent = new Set();
    this.#since = now;
  }
}
