/**
 * How many new requests one source address may send: a token bucket each. Pure but for its table.
 *
 * Invariant 1: at most `MAX_SOURCES` are remembered; a source that has been quiet has a full bucket
 * again, so that forgetting it changes nothing.
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
    let bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      if (this.#buckets.size >= MAX_SOURCES) this.#forget(nowMs);
      bucket = { tokens: burst, answers: burst, at: nowMs };
      this.#buckets.set(address, bucket);
    }
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

  /** Drops those that are full again, and if that is not enough the one seen first. */
  #forget(nowMs: number): void {
    const fullAfterMs = (this.limit.burst / this.limit.perSecond) * 1_000;
    for (const [address, bucket] of this.#buckets) if (nowMs - bucket.at >= fullAfterMs) this.#buckets.delete(address);
    if (this.#buckets.size < MAX_SOURCES) return;
    const first = this.#buckets.keys().next();
    if (first.done !== true) this.#buckets.delete(first.value);
  }
}
