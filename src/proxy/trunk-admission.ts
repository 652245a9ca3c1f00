/** How many calls one trunk may have, and how many it may begin: counts, and says which limit is reached. */
import { RateLimit } from './rate-limit.js';
import type { TrunkSettings } from './trunk-settings.js';

export class TrunkAdmission {
  #running = 0;
  #limits: TrunkSettings['limits'] = {};
  #rate: RateLimit | undefined;

  constructor(
    limits: TrunkSettings['limits'],
    private readonly now: () => number = () => performance.now(),
  ) {
    this.limit(limits);
  }

  /** Other limits from now on; the calls that are in progress go on counting. */
  limit(limits: TrunkSettings['limits']): void {
    if (limits.callsPerSecond !== this.#limits.callsPerSecond) {
      this.#rate = limits.callsPerSecond === undefined ? undefined : new RateLimit(limits.callsPerSecond);
    }
    this.#limits = limits;
  }

  /** Counts a call in and gives nothing, or says why it may not come; one that came in owes a `release`. */
  admit(): string | undefined {
    const { calls, callsPerSecond } = this.#limits;
    if (calls !== undefined && this.#running >= calls) return `${calls} calls are in progress, the limit of its trunk`;
    if (this.#rate?.take(this.now()) === false) return `more than ${callsPerSecond ?? 0} calls a second, the limit of its trunk`;
    this.#running += 1;
    return undefined;
  }

  release(): void {
    this.#running -= 1;
  }
}
