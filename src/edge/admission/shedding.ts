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

/** One measurement; `busy` and `waitMs` of the thread that this is in. */
export interface Load {
  /** Of the time since the last measurement, how much the thread was busy, in shares of 1. */
  readonly busy: number;
  /** How long a message that arrives now waits until it is looked at. */
  readonly waitMs: number;
  /** How long what is handed on to applications waits until they look at it. */
  readonly lagMs: number;
  /** Of the memory it may use, how much is in use, in shares of 1. */
  readonly memory: number;
}

/** A thread with more idle time than that is not overloaded, whatever else seems so. */
const AT_EASE = 0.85;
/** Longer than that, and what waits is a queue. Peers repeat what is not answered within 500 ms (RFC 3261 §17.1.1.1). */
const LATE_MS = 100;
/** After so long anything is turned away; what is twice as late is believed in half the time. */
const BELIEVED_MS = 750;
/** A measurement counts for so long at most: nothing is measured in a pause of this thread, and its queue was made by that. */
const COUNTED_MS = 100;
/** A queue that shrinks by that much a millisecond is one that a pause has left, and is gone soon. */
const SHRINKING = 0.1;
/** What comes and what is let in are averages of about so long: in a shorter time, what a pause held up counts too little, then too much. */
const AVERAGE_MS = 500;
/** What was let in until then is an average of that: what a pause has kept out does not count against those after it. */
const LONG_AVERAGE_MS = 3_000;
/** What new requests are let in at first, in shares of what came until then: the queue that has grown is to shrink. */
const AT_FIRST = 0.7;
/** The queue that is aimed at while requests have a rate: some, so that the thread always has work. */
const AIM_MS = 70;
/**
 * By how much the rate changes in `STEP_MS`, in shares of it. Slowly, for a call that is let in now makes work
 * again when it ends: what answers fast swings, and in each swing the thread idles or the queue overflows.
 */
const STEP_MS = 100;
const PER_MS_TOO_LONG = 0.0001;
const MOST_TOO_LONG = 0.012;
const MOST_TOO_SHORT = 0.006;
const PER_GROWTH = 0.3;
const MOST_GROWTH = 0.05;
const PER_IDLE = 0.2;
const MOST_IDLE = 0.1;
/** So much of its time, at least, the thread is to be busy. */
const WELL_BUSY = 0.95;
/**
 * The swings that remain: ever more is turned away at once while the queue is as long as this, all when it is too
 * long. Not where the rate is not used up: the queue is then of what came before, and shrinks by itself.
 */
const LONG_MS = 45;
const TOO_LONG_MS = 170;
/** When fewer came for so long than might, none has to be turned away any more. */
const CALM_MS = 1_000;
/** New requests a millisecond that are always let in, for else nothing would show that it is over. */
const LEAST = 0.01;
/** What may come at once. */
const BURST_MS = 20;
const MEMORY = 0.8;
const LAST_MEMORY = 0.9;
/** What so much memory in use costs, in shares of the rate. */
const FULL = 0.2;

const between = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, value));
/** `average` moved towards what it was in the last `elapsedMs`. */
const averaged = (average: number, now: number, elapsedMs: number, overMs = AVERAGE_MS): number =>
  Number.isNaN(average) ? now : average + (now - average) * Math.min(1, elapsedMs / overMs);

export class Shedding {
  /** New requests a millisecond. */
  #allowed = Infinity;
  #tokens = 0;
  #at = 0;
  /** Since the last measurement. */
  #offered = 0;
  #admitted = 0;
  /** A millisecond. */
  #offeredRate = NaN;
  #admittedRate = NaN;
  #admittedLong = NaN;
  /** For how long it has been late without a pause. */
  #lateMs = 0;
  #calmMs = 0;
  #waitedMs = 0;
  /** Of what is turned away for the length of the queue, evenly spread. */
  #carried = 0;

  /** New requests a second that are let in at most; infinite as long as there is time for all. */
  get allowedPerSecond(): number {
    return this.#allowed * 1_000;
  }

  /** `elapsedMs`: since the last measurement. */
  measured({ busy: busyHere, waitMs: waitHere, lagMs: lagThere, memory }: Load, elapsedMs: number): void {
    // What an application said during a pause of this thread was heard after it.
    const lagMs = Math.max(0, lagThere - Math.max(0, elapsedMs - COUNTED_MS));
    // An application that has a queue is busy, whatever this thread is.
    const waitMs = Math.max(waitHere, lagMs);
    const busy = Math.max(busyHere, Math.min(1, lagMs / AIM_MS));
    const offered = (this.#offeredRate = averaged(this.#offeredRate, this.#offered / elapsedMs, elapsedMs));
    const admitted = (this.#admittedRate = averaged(this.#admittedRate, this.#admitted / elapsedMs, elapsedMs));
    this.#admittedLong = averaged(this.#admittedLong, this.#admitted / elapsedMs, elapsedMs, LONG_AVERAGE_MS);
    this.#offered = 0;
    this.#admitted = 0;
    const growth = (waitMs - this.#waitedMs) / elapsedMs;
    if (busy <= AT_EASE || waitMs <= LATE_MS) this.#lateMs = 0;
    else if (growth > -SHRINKING) this.#lateMs += (Math.min(elapsedMs, COUNTED_MS) * waitMs) / LATE_MS;
    this.#waitedMs = waitMs;
    const excess =
      between(-MOST_TOO_SHORT, (waitMs - AIM_MS) * PER_MS_TOO_LONG, MOST_TOO_LONG) +
      (waitMs > AIM_MS ? between(0, growth * PER_GROWTH, MOST_GROWTH) : 0) -
      between(0, (WELL_BUSY - busy) * PER_IDLE, MOST_IDLE);

    if (memory > LAST_MEMORY) this.#allow(0);
    else if (memory > MEMORY) this.#allow(Math.max(LEAST, Math.min(this.#allowed, admitted) * (1 - FULL)));
    else if (this.#allowed === Infinity) {
      if (this.#lateMs >= BELIEVED_MS) this.#allow(Math.max(LEAST, Math.max(admitted, this.#admittedLong) * AT_FIRST));
    } else if (excess > 0 || offered > this.#allowed) this.#allow(Math.max(LEAST, Math.min(this.#allowed, offered) * (1 - (excess * Math.min(elapsedMs, STEP_MS)) / STEP_MS)));
    else if ((this.#calmMs += elapsedMs) >= CALM_MS) this.#allow(Infinity);
  }

  /** Whether the next new request is turned away. */
  turnsAway(nowMs: number): boolean {
    this.#offered += 1;
    if (this.#allowed !== Infinity) {
      const most = Math.max(1, this.#allowed * BURST_MS);
      this.#tokens = Math.min(most, this.#tokens + Math.max(0, nowMs - this.#at) * this.#allowed);
      this.#at = nowMs;
      if (this.#tokens < 1) return true;
      this.#tokens -= 1;
      if (this.#tokens < most / 2) this.#carried += between(0, (this.#waitedMs - LONG_MS) / (TOO_LONG_MS - LONG_MS), 1);
      if (this.#carried >= 1) {
        this.#carried -= 1;
        return true;
      }
    }
    this.#admitted += 1;
    return false;
  }

  #allow(perMs: number): void {
    this.#calmMs = 0;
    this.#allowed = perMs;
  }
}
