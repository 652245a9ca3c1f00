/**
 * One source (SSRC) of one channel in time: pure.
 *
 * Within a segment a sample's place follows from its RTP timestamp alone. A segment ends where timestamps and
 * arrival times no longer agree: a sender that jumped, or one whose clock stood still while it was silent.
 *
 * Where a segment begins on our clock is the earliest that any of its packets allows: a packet may be late,
 * never early.
 *
 * The same packets in the same order give the same segments, so a second reading finds the places
 * that the first one decided on.
 */
import { extendSequence, extendTimestamp, Reception, type RtpPacket } from '../media/index.js';
import { Coverage } from './coverage.js';

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
/** Drift is read from the least delays of stretches this long. */
const driftStretchMs = 10_000;

export interface Segment {
  readonly index: number;
  /** Unwrapped timestamp of the packet that began it, and when that one arrived. */
  readonly firstTicks: number;
  readonly beganAtMs: number;
  /** When that packet would have arrived without delay, unix ms. */
  baseMs: number;
  /** The same by the sender's own clock (RTCP sender reports); undefined when it told none. */
  senderBaseMs: number | undefined;
  /** Where its sound begins and ends, from that packet; it begins before it when packets came out of order. */
  startTicks: number;
  endTicks: number;
  readonly coverage: Coverage;
}

export interface Placed {
  readonly packet: RtpPacket;
  readonly segment: Segment;
  /** From the packet that began the segment; negative for one before it. */
  readonly offsetTicks: number;
}

interface Arrived {
  readonly packet: RtpPacket;
  readonly arrivedAtMs: number;
  readonly durationTicks: number;
}

const nothing: readonly Placed[] = [];

export class Track {
  readonly clockRate: number;
  readonly segments: Segment[] = [];
  readonly reception: Reception;
  /** Which sequence numbers came, with sound or without. */
  readonly #came = new Coverage();
  /** What is added to the reception's numbers, so that a restart leaves no gap and an outage its true one. */
  #shift = 0;
  #lostInOutages = 0;
  /** The last packet that jumped: when the next one confirms a restart, it was the first of it. */
  #jumped: Arrived | undefined;
  #lastTicks: number | undefined;
  #firstStretch: { untilMs: number; leastMs: number } | undefined;
  #lastStretch: { untilMs: number; leastMs: number } | undefined;

  constructor(clockRate: number) {
    this.clockRate = clockRate;
    // A second capture may bring a packet again much later than the network would.
    this.reception = new Reception(clockRate, 1_000);
  }

  /**
   * Counts a packet, and places it when it holds `durationTicks` of audio.
   *
   * @returns none for a duplicate, a stray packet, and one without audio; two when this packet confirms a
   *          restart of the source, whose first packet had to wait for that
   */
  accept(packet: RtpPacket, arrivedAtMs: number, durationTicks: number): readonly Placed[] {
    const arrived: Arrived = { packet, arrivedAtMs, durationTicks };
    const highest = this.reception.extendedHighest;
    const arrival = this.reception.accept(packet.sequenceNumber, packet.timestamp, arrivedAtMs);
    if (arrival === 'duplicate') return nothing;
    if (arrival === 'jump') {
      this.#jumped = arrived;
      return nothing;
    }
    const jumped = arrival === 'restart' ? this.#jumped : undefined;
    if (jumped === undefined) return this.#place(arrived);
    this.#jumped = undefined;
    const lost = this.#lostBefore(jumped, highest);
    this.#lostInOutages += lost;
    this.#shift += highest + 1 + lost - (this.reception.extendedHighest - 1);
    return [...this.#place(jumped), ...this.#place(arrived)];
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
    if (segment === undefined || segment.senderBaseMs !== undefined) return;
    const ticks = extendTimestamp(rtpTimestamp, this.#lastTicks);
    segment.senderBaseMs = unixMs - this.#ms(ticks - segment.firstTicks);
  }

  /** How far the sender's clock ran away from ours, positive when it was fast; 0 for a call too short to tell. */
  get driftMs(): number {
    if (this.#firstStretch === undefined || this.#lastStretch === undefined || this.segments.length > 1) return 0;
    return this.#firstStretch.leastMs - this.#lastStretch.leastMs;
  }

  #place({ packet, arrivedAtMs, durationTicks }: Arrived): readonly Placed[] {
    const sequence = extendSequence(packet.sequenceNumber, this.reception.extendedHighest) + this.#shift;
    this.#came.add(sequence, sequence + 1, sequence);
    if (durationTicks === 0) return nothing;
    const ticks = (this.#lastTicks = extendTimestamp(packet.timestamp, this.#lastTicks));
    const segment = this.#segmentFor(ticks, arrivedAtMs);
    const offsetTicks = ticks - segment.firstTicks;
    const allowedMs = arrivedAtMs - this.#ms(offsetTicks);
    segment.baseMs = Math.min(segment.baseMs, allowedMs);
    this.#measureDrift(allowedMs, arrivedAtMs);
    segment.startTicks = Math.min(segment.startTicks, offsetTicks);
    segment.endTicks = Math.max(segment.endTicks, offsetTicks + durationTicks);
    segment.coverage.add(offsetTicks, offsetTicks + durationTicks, sequence);
    return [{ packet, segment, offsetTicks }];
  }

  #segmentFor(ticks: number, arrivedAtMs: number): Segment {
    for (let back = 1; back <= segmentsLookedAt; back += 1) {
      const known = this.segments.at(-back);
      if (known !== undefined && this.#fits(known, ticks, arrivedAtMs)) return known;
    }
    const segment: Segment = {
      index: this.segments.length,
      firstTicks: ticks,
      beganAtMs: arrivedAtMs,
      baseMs: arrivedAtMs,
      senderBaseMs: undefined,
      startTicks: 0,
      endTicks: 0,
      coverage: new Coverage(),
    };
    this.segments.push(segment);
    return segment;
  }

  #fits(segment: Segment, ticks: number, arrivedAtMs: number): boolean {
    const lateMs = arrivedAtMs - this.#ms(ticks - segment.firstTicks) - segment.baseMs;
    const mayBeEarlyMs = arrivedAtMs - segment.beganAtMs < burstMs ? earlyInBurstMs : toleranceMs;
    return lateMs <= toleranceMs && lateMs >= -mayBeEarlyMs;
  }

  /**
   * The packets lost before a jump of the sequence numbers. Reception takes 3,000 and more for a source that began
   * anew; when the timestamps have run on with the time, the source never stopped and the network did.
   */
  #lostBefore({ packet, arrivedAtMs, durationTicks }: Arrived, highest: number): number {
    const current = this.segments.at(-1);
    if (current === undefined || this.#lastTicks === undefined || durationTicks === 0) return 0;
    const ticks = extendTimestamp(packet.timestamp, this.#lastTicks);
    if (!this.#fits(current, ticks, arrivedAtMs)) return 0;
    const skipped = ((packet.sequenceNumber - highest) & 0xffff) - 1;
    // No more can be missing than the time between has room for; an outage may be longer than a round of the numbers.
    const room = Math.round((ticks - this.#lastTicks) / durationTicks) - 1;
    return skipped < 0 || skipped > room ? 0 : skipped + Math.floor((room - skipped) / 0x10000) * 0x10000;
  }

  #measureDrift(allowedMs: number, arrivedAtMs: number): void {
    const first = (this.#firstStretch ??= { untilMs: arrivedAtMs + driftStretchMs, leastMs: allowedMs });
    if (arrivedAtMs < first.untilMs) {
      first.leastMs = Math.min(first.leastMs, allowedMs);
      return;
    }
    if (this.#lastStretch === undefined || arrivedAtMs >= this.#lastStretch.untilMs) {
      this.#lastStretch = { untilMs: arrivedAtMs + driftStretchMs, leastMs: allowedMs };
    } else {
      this.#lastStretch.leastMs = Math.min(this.#lastStretch.leastMs, allowedMs);
    }
  }

  #ms(ticks: number): number {
    return (ticks * 1000) / this.clockRate;
  }
}
