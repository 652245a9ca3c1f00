/**
 * One source (SSRC) of one channel in time: pure.
 *
 * Within a segment a sample's place follows from its RTP timestamp and from how the sender's clock runs against ours.
 * A segment ends where timestamps and arrival times no longer agree (a sender that jumped, or one whose clock stood
 * still while it was silent), and where a codec of another clock rate begins (RFC 7160).
 *
 * Where a segment begins on our clock is the earliest that any of its packets allows: a packet may be late,
 * never early. How its clock runs is clock-fit.ts. But where timestamps go on and only arrivals are late, a sender that
 * paused stays late, at the pace of its timestamps. Packets that come all at once, or are in time again after a while, were
 * held back on their way or sent again, and lie where the segment before goes on.
 *
 * Where each packet lies is noted in the order in which they came: a second reading brings the same packets, and finds
 * their places there.
 */
import { extendSequence, extendTimestamp, Reception, type RtpView } from '../media/index.js';
import { ClockFit, type ClockLine } from './clock-fit.js';
import { Coverage } from './coverage.js';
import { Origins } from './origins.js';
import { PlaceLog } from './place-log.js';

/** Arrivals up to this much off are the network's; more means that the timestamps do not tell the time. */
const toleranceMs = 2_000;
/**
 * What a recording session receives first was kept by the anchor for up to five seconds and comes at once:
 * within this time of a segment's beginning a packet may seem that early.
 */
const burstMs = 1_000;
const earlyInBurstMs = 6_000;
/** A jump of the timestamps may overtake packets before it: they still find their segment, this far back. */
const segmentsLookedAt = 2;
/** More than that is no packet of a call: it has no sound. */
export const longestPacketSeconds = 1;
/** Of the time that its timestamps say: in which packets come that are sent again, and no sender is done. */
const againShare = 0.25;
/** Sender reports that are further apart tell how the sender's clock runs. */
const reportSpanMs = 60_000;

export interface Segment {
  readonly index: number;
  readonly clockRate: number;
  /** Unwrapped timestamp of the packet that began it, and when that one arrived. */
  readonly firstTicks: number;
  readonly beganAtMs: number;
  /** When that packet would have arrived without delay, unix ms. */
  baseMs: number;
  readonly clock: ClockFit;
  /** Where its timestamps go on from those of the one before, and only its packets came late. */
  readonly after: Following | undefined;
  /** What the sender's own clock says of its timestamps (RTCP sender reports), first and last; undefined when it told nothing. */
  reports: { readonly first: SenderTime; last: SenderTime } | undefined;
  /** Where its sound begins and ends, from that packet; it begins before it when packets came out of order. */
  startTicks: number;
  endTicks: number;
  readonly coverage: Coverage;
}

interface Following {
  readonly segment: Segment;
  /** From the packet that began that one to the packet that began this. */
  readonly offsetMs: number;
  /** When this one would have come as those before it. */
  readonly expectedAtMs: number;
  lastArrivedAtMs: number;
  /** How long its packets took to come, waits beyond what their timestamps say left out, and what those say. */
  tookMs: number;
  spokenMs: number;
}

interface SenderTime {
  /** From the packet that began the segment. */
  readonly offsetMs: number;
  readonly unixMs: number;
}

/** Where that packet lies by arrivals, and how the delay of later ones grows. */
export function arrivalLine({ clock, baseMs, beganAtMs }: Segment): ClockLine {
  const { slope, baseMs: lineMs } = clock.line();
  return { baseMs: slope === 0 ? baseMs : beganAtMs + lineMs, slope };
}

/** The segment that this one goes on from, though it came later: undefined for one that has its own place. */
export function goesOnFrom({ after, baseMs }: Segment): { readonly segment: Segment; readonly offsetMs: number } | undefined {
  return after !== undefined && (after.tookMs <= after.spokenMs * againShare || baseMs <= after.expectedAtMs + toleranceMs) ? after : undefined;
}

/** The same by the sender's clock; undefined when it told nothing. */
export function senderLine({ reports }: Segment): ClockLine | undefined {
  if (reports === undefined) return undefined;
  const { first, last } = reports;
  const spanMs = last.offsetMs - first.offsetMs;
  const slope = spanMs < reportSpanMs ? 0 : (last.unixMs - first.unixMs) / spanMs - 1;
  return { baseMs: first.unixMs - first.offsetMs * (1 + slope), slope };
}

interface Arrived extends Pick<RtpView, 'sequenceNumber' | 'timestamp'> {
  readonly arrivedAtMs: number;
  readonly durationTicks: number;
  readonly clockRate: number;
  readonly source: number;
  /** How many packets had come before it. */
  readonly packet: number;
}

export class Track {
  readonly clockRate: number;
  readonly segments: Segment[] = [];
  readonly reception: Reception;
  readonly places = new PlaceLog<Segment>();
  /** Which sequence numbers came, with sound or without. */
  readonly #came = new Coverage();
  /** What is added to the reception's numbers, so that a restart leaves no gap and an outage its true one. */
  #shift = 0;
  #lostInOutages = 0;
  /** The last packet that jumped: when the next one confirms a restart, it was the first of it. */
  #jumped: Arrived | undefined;
  #lastTicks: number | undefined;
  /** Where the packet lies that was placed last, from the one that began its segment. */
  #offsetTicks = 0;
  /** Of a call that several captures hold. */
  readonly origins: Origins | undefined;
  /** Copies that another capture had before. */
  copies = 0;

  /** @param several whether more than one capture holds the call */
  constructor(clockRate: number, several = false) {
    this.clockRate = clockRate;
    this.origins = several ? new Origins() : undefined;
    // A second capture may bring a packet again much later than the network would.
    this.reception = new Reception(clockRate, 1_000);
  }

  /**
   * Counts a packet, and places it when it holds `durationTicks` of audio: not a duplicate, nor a stray one. The first of a
   * source that begins anew has its place when the second confirms that.
   *
   * @param clockRate of its codec; left out: the track's
   * @param source the index of the capture that had it
   */
  accept({ sequenceNumber, timestamp }: Pick<RtpView, 'sequenceNumber' | 'timestamp'>, arrivedAtMs: number, durationTicks: number, clockRate = this.clockRate, source = 0): void {
    const highest = this.reception.extendedHighest;
    const arrival = this.reception.accept(sequenceNumber, timestamp, arrivedAtMs);
    if (arrival === 'duplicate') {
      if (this.origins?.again(extendSequence(sequenceNumber, highest), source) === true) this.copies += 1;
      this.places.none();
      return;
    }
    if (arrival === 'jump') {
      this.#jumped = { sequenceNumber, timestamp, arrivedAtMs, durationTicks, clockRate, source, packet: this.places.count };
      this.places.none();
      return;
    }
    if (arrival === 'restart' && this.#jumped !== undefined) this.#restart(this.#jumped, highest);
    const segment = this.#place(sequenceNumber, timestamp, arrivedAtMs, durationTicks, clockRate, source);
    if (segment === undefined) this.places.none();
    else this.places.place(segment, this.#offsetTicks, durationTicks);
  }

  #restart(jumped: Arrived, highest: number): void {
    this.#jumped = undefined;
    const lost = this.#lostBefore(jumped, highest);
    this.#lostInOutages += lost;
    this.#shift += highest + 1 + lost - (this.reception.extendedHighest - 1);
    const segment = this.#place(jumped.sequenceNumber, jumped.timestamp, jumped.arrivedAtMs, jumped.durationTicks, jumped.clockRate, jumped.source);
    if (segment !== undefined) this.places.placeLater(jumped.packet, segment, this.#offsetTicks);
  }

  /** How many packets the source must have sent, and how many of them did not come: an outage of any length counts. */
  get expected(): number {
    return this.reception.expected + this.#lostInOutages;
  }

  get lost(): number {
    return this.reception.lost + this.#lostInOutages;
  }

  /** Whether every packet from one sequence number of an interval to another came: then what is silent was meant so. */
  cameWhole(firstSequence: number, lastSequence: number): boolean {
    return lastSequence - firstSequence <= 1 || this.#came.covers(firstSequence, lastSequence + 1);
  }

  /** How many numbers between two that came did not come. */
  missingBetween(firstSequence: number, lastSequence: number): number {
    const came = this.#came.coveredWithin(firstSequence + 1, lastSequence);
    return Math.max(0, lastSequence - firstSequence - 1 - came);
  }

  /** A sender report of this source: what its own clock says of its timestamps (RFC 3550 §6.4.1). */
  senderReport(unixMs: number, rtpTimestamp: number): void {
    const segment = this.segments.at(-1);
    if (segment === undefined) return;
    const ticks = extendTimestamp(rtpTimestamp, this.#lastTicks);
    const time = { offsetMs: this.#ms(ticks - segment.firstTicks, segment.clockRate), unixMs };
    if (segment.reports === undefined) segment.reports = { first: time, last: time };
    else if (time.offsetMs > segment.reports.last.offsetMs) segment.reports.last = time;
  }

  /** How far the sender's clock ran away from ours, ms: positive when it was fast. 0 without packets enough to tell. */
  get driftMs(): number {
    return this.segments.reduce((sum, segment) => sum - segment.clock.line().slope * this.#ms(segment.endTicks - segment.startTicks, segment.clockRate), 0);
  }

  #place(sequenceNumber: number, timestamp: number, arrivedAtMs: number, durationTicks: number, clockRate: number, source: number): Segment | undefined {
    const own = extendSequence(sequenceNumber, this.reception.extendedHighest);
    this.origins?.took(own, source);
    const sequence = own + this.#shift;
    this.#came.add(sequence, sequence + 1, sequence);
    if (durationTicks === 0 || durationTicks > clockRate * longestPacketSeconds) return undefined;
    const ticks = (this.#lastTicks = extendTimestamp(timestamp, this.#lastTicks));
    const segment = this.#segmentFor(ticks, arrivedAtMs, clockRate);
    const offsetTicks = ticks - segment.firstTicks;
    const offsetMs = this.#ms(offsetTicks, clockRate);
    if (arrivedAtMs - offsetMs < segment.baseMs) segment.baseMs = arrivedAtMs - offsetMs;
    segment.clock.add(offsetMs, arrivedAtMs - segment.beganAtMs - offsetMs);
    if (offsetTicks < segment.startTicks) segment.startTicks = offsetTicks;
    if (segment.after !== undefined) this.#step(segment.after, arrivedAtMs, segment.endTicks === 0 ? 0 : this.#ms(offsetTicks + durationTicks - segment.endTicks, clockRate));
    if (offsetTicks + durationTicks > segment.endTicks) segment.endTicks = offsetTicks + durationTicks;
    segment.coverage.add(offsetTicks, offsetTicks + durationTicks, sequence);
    this.#offsetTicks = offsetTicks;
    return segment;
  }

  #step(after: Following, arrivedAtMs: number, spokenMs: number): void {
    if (spokenMs > 0) {
      after.spokenMs += spokenMs;
      after.tookMs += Math.min(spokenMs, Math.max(0, arrivedAtMs - after.lastArrivedAtMs));
    }
    after.lastArrivedAtMs = arrivedAtMs;
  }

  #segmentFor(ticks: number, arrivedAtMs: number, clockRate: number): Segment {
    for (let back = 1; back <= segmentsLookedAt; back += 1) {
      const known = this.segments[this.segments.length - back];
      if (known !== undefined && this.#fits(known, ticks, arrivedAtMs, clockRate)) return known;
    }
    const before = this.segments.at(-1);
    const offsetTicks = before === undefined ? 0 : ticks - before.firstTicks;
    const offsetMs = this.#ms(offsetTicks, clockRate);
    const pause = before === undefined ? -1 : offsetTicks - before.endTicks;
    const segment: Segment = {
      index: this.segments.length,
      clockRate,
      firstTicks: ticks,
      beganAtMs: arrivedAtMs,
      baseMs: arrivedAtMs,
      clock: new ClockFit(),
      after:
        before !== undefined && before.clockRate === clockRate && pause >= 0 && pause < clockRate * longestPacketSeconds
          ? { segment: before, offsetMs, expectedAtMs: before.beganAtMs + offsetMs + before.clock.expectedMs(offsetMs), lastArrivedAtMs: arrivedAtMs, tookMs: 0, spokenMs: 0 }
          : undefined,
      reports: undefined,
      startTicks: 0,
      endTicks: 0,
      coverage: new Coverage(),
    };
    this.segments.push(segment);
    return segment;
  }

  #fits(segment: Segment, ticks: number, arrivedAtMs: number, clockRate: number): boolean {
    if (segment.clockRate !== clockRate) return false;
    const offsetMs = this.#ms(ticks - segment.firstTicks, clockRate);
    const lateMs = arrivedAtMs - segment.beganAtMs - offsetMs - segment.clock.expectedMs(offsetMs);
    const mayBeEarlyMs = arrivedAtMs - segment.beganAtMs < burstMs ? earlyInBurstMs : toleranceMs;
    return lateMs <= toleranceMs && lateMs >= -mayBeEarlyMs;
  }

  /**
   * The packets lost before a jump of the sequence numbers. Reception takes 3,000 and more for a source that began
   * anew; when the timestamps have run on with the time, the source never stopped and the network did.
   */
  #lostBefore({ sequenceNumber, timestamp, arrivedAtMs, durationTicks, clockRate }: Arrived, highest: number): number {
    const current = this.segments.at(-1);
    if (current === undefined || this.#lastTicks === undefined || durationTicks === 0) return 0;
    const ticks = extendTimestamp(timestamp, this.#lastTicks);
    if (!this.#fits(current, ticks, arrivedAtMs, clockRate)) return 0;
    const skipped = ((sequenceNumber - highest) & 0xffff) - 1;
    // No more can be missing than the time between has room for; an outage may be longer than a round of the numbers.
    const room = Math.round((ticks - this.#lastTicks) / durationTicks) - 1;
    return skipped < 0 || skipped > room ? 0 : skipped + Math.floor((room - skipped) / 0x10000) * 0x10000;
  }

  #ms(ticks: number, clockRate: number): number {
    return (ticks * 1000) / clockRate;
  }
}
