/**
 * How many new requests one source address may send: a token bucket each. Pure but for its table.
 *
 * Invariant 1: at most `MAX_SOURCES` are remembered. The one that has been quiet for longest makes room:
 * its bucket is the one most likely to be full again, and then forgetting it changes nothing.
 */
export interface SourceLimit {
  /** New requests a second, in the long run. */
  readonly perSecond: number;
  /** How many at once, after a quiet time. */
  readonly burst: number;
  /** Addresses and CIDR blocks that have no limit. */
  readonly except: readonly string[];
}

/** Within the limit; beyond it, to be told so; so far beyond it that an answer would be wasted. */
export type Excess = 'none' | 'over' | 'flood';

const MAX_SOURCES = 16_384;

interface Bucket {
  tokens: number;
  /** Answers left for what is over the limit. */
  answers: number;
  at: number;
}

export class SourceBuckets {
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    private readonly limit: Pick<SourceLimit, 'perSecond' | 'burst'>,
    private readonly isExcepted: (address: string) => boolean,
  ) {}

  /** Takes one new request of a source into account. */
  take(address: string, nowMs: number): Excess {
    if (this.isExcepted(address)) return 'none';
    const { perSecond, burst } = this.limit;
    const known = this.#buckets.get(address);
    const bucket = known ?? { tokens: burst, answers: burst, at: nowMs };
    // Set again, so that the first of the table is the one that has been quiet for longest.
    if (known !== undefined) this.#buckets.delete(address);
    else if (this.#buckets.size >= MAX_SOURCES) this.#forgetFirst();
    this.#buckets.set(address, bucket);
    const earned = (Math.max(0, nowMs - bucket.at) * perSecond) / 1_000;
    bucket.at = nowMs;
    bucket.tokens = Math.min(burst, bucket.tokens + earned);
    bucket.answers = Math.min(burst, bucket.answers + earned);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 'none';
    }
    if (bucket.answers >= 1) {
      bucket.answers -= 1;
      return 'over';
    }
    return 'flood';
  }

  #forgetFirst(): void {
    const first = this.#buckets.keys().next();
    if (first.done !== true) this.#buckets.delete(first.value);
  }
}
