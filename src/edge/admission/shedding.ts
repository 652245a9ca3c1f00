/**
 * How many new requests are let in so that what has begun can be finished. Pure.
 *
 * A SIP server that takes every new call when it has no time left finishes none: answers come late, peers
 * repeat what they sent, and the repeats are more work. What shows that there is no time left is that
 * messages wait before they are looked at, and go on waiting: a burst, a pause of the garbage collector, a
 * moment in which the core was somebody else's make a queue that is gone a little later, and a thread that
 * is busy all the time but has no queue does all that is asked of it.
 *
 * So once messages have waited for a while, new requests have a rate: what was let in, less by as much as
 * the queue grows and is too long, and later more by as much as it is too short. It falls away when fewer
 * come for a second. What it turns away is answered at once, and costs little. (RFC 5390 says what an
 * overloaded server owes, RFC 7415 why a rate serves better than a share, RFC 8289 what a standing queue is.)
 */

/** One measurement. */
export interface Load {
  /** Of the time since the last measurement, how much the thread was busy, in shares of 1. */
  readonly busy: number;
  /** How long a message that arrives now waits until it is looked at. */
  readonly waitMs: number;
  /** Of the memory it may use, how much is in use, in shares of 1. */
  readonly memory: number;
}

/** A thread with more idle time than that is not overloaded, whatever else seems so. */
const AT_EASE = 0.85;
/** Longer than that, and what waits is a queue. Peers repeat what is not answered within 500 ms (RFC 3261 §17.1.1.1). */
const LATE_MS = 100;
/** So many late measurements in a row before anything is turned away; one that is twice as late counts twice. */
const IN_A_ROW = 5;
/** The queue that is aimed at while requests have a rate: some, so that the thread always has work. */
const AIM_MS = 40;
/** In what time a queue that is too long is to be gone. */
const DRAIN_MS = 500;
/** The most by which one measurement lowers and raises the rate, in shares of it; a thread at ease may raise it by more. */
const LOWER = 0.2;
const RAISE = 0.06;
const RAISE_AT_EASE = 0.3;
/** Measurements in which fewer came than might. */
const CALM = 10;
/** New requests a millisecond that are always let in, for else nothing would show that it is over. */
const LEAST = 0.01;
/** What may come at once. */
const BURST_MS = 20;
const MEMORY = 0.8;
const LAST_MEMORY = 0.9;

const between = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, value));

export class Shedding {
  /** New requests a millisecond. */
  #allowed = Infinity;
  #tokens = 0;
  #at = 0;
  #offered = 0;
  #admitted = 0;
  /** How late it has been without a pause. */
  #late = 0;
  #calm = 0;
  #waitedMs = 0;

  /** New requests a second that are let in at most; infinite as long as there is time for all. */
  get allowedPerSecond(): number {
    return this.#allowed * 1_000;
  }

  /** `elapsedMs`: since the last measurement. */
  measured({ busy, waitMs, memory }: Load, elapsedMs: number): void {
    const [offered, admitted] = [this.#offered / elapsedMs, this.#admitted / elapsedMs];
    this.#offered = 0;
    this.#admitted = 0;
    this.#late = busy > AT_EASE && waitMs > LATE_MS ? this.#late + waitMs / LATE_MS : 0;
    const growth = (waitMs - this.#waitedMs) / elapsedMs;
    this.#waitedMs = waitMs;
    const excess = busy < AT_EASE ? -between(RAISE, AT_EASE / busy - 1, RAISE_AT_EASE) : between(-RAISE, growth + (waitMs - AIM_MS) / DRAIN_MS, LOWER);

    if (memory > LAST_MEMORY) this.#allow(0);
    else if (memory > MEMORY) this.#allow(Math.max(LEAST, Math.min(this.#allowed, admitted) * (1 - LOWER)));
    else if (this.#allowed === Infinity) {
      if (this.#late >= IN_A_ROW) this.#allow(Math.max(LEAST, admitted * (1 - Math.max(0, excess))));
    } else if (excess > 0 || offered > this.#allowed) this.#allow(Math.max(LEAST, Math.min(this.#allowed, offered) * (1 - excess)));
    else if ((this.#calm += 1) >= CALM) this.#allow(Infinity);
  }

  /** Whether the next new request is turned away. */
  turnsAway(nowMs: number): boolean {
    this.#offered += 1;
    if (this.#allowed !== Infinity) {
      this.#tokens = Math.min(Math.max(1, this.#allowed * BURST_MS), this.#tokens + Math.max(0, nowMs - this.#at) * this.#allowed);
      this.#at = nowMs;
      if (this.#tokens < 1) return true;
      this.#tokens -= 1;
    }
    this.#admitted += 1;
    return false;
  }

  #allow(perMs: number): void {
    this.#calm = 0;
    this.#allowed = perMs;
  }
}
