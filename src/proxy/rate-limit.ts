/** So many a second, evenly: a token bucket that holds one second's worth. Pure but for its state; the clock is an argument. */
export class RateLimit {
  #tokens: number;
  #at = 0;

  constructor(private readonly perSecond: number) {
    this.#tokens = Math.max(1, perSecond);
  }

  /** Takes one more if the rate allows it; `nowMs` may be any clock that does not jump. */
  take(nowMs: number): boolean {
    const earned = (Math.max(0, nowMs - this.#at) * this.perSecond) / 1_000;
    this.#at = nowMs;
    this.#tokens = Math.min(Math.max(1, this.perSecond), this.#tokens + earned);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
