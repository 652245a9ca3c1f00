/**
 * How much of what is new must be turned away so that what has begun can be finished. Pure.
 *
 * A SIP server that takes every new call when it has no time left finishes none: answers come late, peers
 * repeat what they sent, and the repeats are more work. So new requests are turned away as soon as the
 * thread has no idle time, more of them while that lasts, and fewer as soon as it has some again
 * (additive increase and decrease; RFC 5390 says what an overloaded server owes, and why).
 */

/** One measurement, in shares of 1. */
export interface Load {
  /** Of the time since the last measurement, how much the thread was busy. */
  readonly busy: number;
  /** Of the memory it may use, how much is in use. */
  readonly memory: number;
}

/** Busier than this, and queues only grow. */
const BUSY = 0.97;
/** Below this there is time for more. */
const AT_EASE = 0.93;
/** So many busy measurements in a row before anything is turned away: a start, or a pause of the collector, is none. */
const IN_A_ROW = 4;
const MEMORY = 0.8;
const LAST_MEMORY = 0.9;
const STEP_UP = 0.1;
const STEP_DOWN = 0.04;
/** Some are always let in, for else nothing would show that it is over. */
const MOST = 0.95;

export class Shedding {
  #share = 0;
  #carried = 0;
  #inARow = 0;

  /** The share of new requests that is turned away. */
  get share(): number {
    return this.#share;
  }

  measured({ busy, memory }: Load): void {
    this.#inARow = busy > BUSY ? this.#inARow + 1 : 0;
    if (memory > LAST_MEMORY) this.#share = 1;
    else if (memory > MEMORY || this.#inARow >= IN_A_ROW) this.#share = Math.min(MOST, this.#share + STEP_UP);
    else if (busy < AT_EASE) this.#share = Math.max(0, Math.min(MOST, this.#share) - STEP_DOWN);
  }

  /** Whether the next new request is turned away; evenly spread. */
  turnsAway(): boolean {
    this.#carried += this.#share;
    if (this.#carried < 1) return false;
    this.#carried -= 1;
    return true;
  }
}
