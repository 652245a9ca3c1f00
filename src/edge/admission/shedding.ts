/**
 * How much of what is new must be turned away so that what has begun can be finished. Pure.
 *
 * A SIP server that takes every new call when it has no time left finishes none: answers come late, peers
 * repeat what they sent, and the repeats are more work. So once the thread has had no idle time for a
 * while, a share of the new requests is turned away, more of them while that lasts. What is let in is
 * nearly all of the work there is, so the idle time tells how much more could be (RFC 5390 says what an
 * overloaded server owes, and why).
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
/** As busy as it should be. */
const AIM = 0.95;
/** Below this there is time for more. */
const AT_EASE = 0.93;
/** So many busy measurements in a row before anything is turned away: a start, or a pause of the collector, is none. */
const IN_A_ROW = 8;
const LESS = 0.85;
/** Some are always let in, for else nothing would show that it is over. */
const LEAST = 0.05;
const MEMORY = 0.8;
const LAST_MEMORY = 0.9;

export class Shedding {
  #letIn = 1;
  #carried = 0;
  #inARow = 0;

  /** The share of new requests that is let in. */
  get letIn(): number {
    return this.#letIn;
  }

  measured({ busy, memory }: Load): void {
    this.#inARow = busy > BUSY ? this.#inARow + 1 : 0;
    if (memory > LAST_MEMORY) this.#letIn = 0;
    else if (memory > MEMORY || this.#inARow >= IN_A_ROW || (this.#inARow > 0 && this.#letIn < 1)) this.#letIn = Math.max(LEAST, this.#letIn * LESS);
    else if (busy < AT_EASE) this.#letIn = Math.min(1, (Math.max(LEAST, this.#letIn) * AIM) / Math.max(busy, 0.1));
  }

  /** Whether the next new request is turned away; evenly spread. */
  turnsAway(): boolean {
    this.#carried += 1 - this.#letIn;
    if (this.#carried < 1) return false;
    this.#carried -= 1;
    return true;
  }
}
