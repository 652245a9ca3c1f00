/**
 * What arrived of one source: reception statistics (RFC 3550 A.1 sequence, A.3 loss, A.8 jitter).
 *
 * Owns       the counts of one SSRC in one direction, and which packets are late or twice.
 * Leaves to  its users the clock (an argument) and one instance an SSRC; stitch/ gaps in time.
 *
 * Differs from the appendix, on purpose:
 *  - duplicates are counted apart, so that `lost` is true and never negative;
 *  - a source that starts anew goes on in the next cycle, so that no extended number occurs twice;
 *    what it had lost before stays lost;
 *  - jitter takes packets in order with a new timestamp only: those of one telephone event share theirs
 *    (RFC 4733 §2.2.1), and each would count as jitter.
 */
import assert from 'node:assert/strict';
import { SeenWindow } from './seen-window.js';
import { extendSequence, timestampDelta } from './serial.js';

/**
 * `first` of the source; `next` in order, after a loss too; `late` but not seen before; `duplicate`;
 * `jump` implausibly far away, not counted yet; `restart` the second after a jump, which is believed.
 */
export type Arrival = 'first' | 'next' | 'late' | 'duplicate' | 'jump' | 'restart';

// RFC 3550 A.1: a minute of loss, two seconds of disorder, at 50 packets a second.
const maxDropout = 3000;
const defaultMaxMisorder = 100;

export class Reception {
  private readonly window: SeenWindow;
  private base = 0;
  private baseBeforeRestart = 0;
  private highest: number | undefined;
  private afterJump: number | undefined;
  private expectedBefore = 0;
  private receivedCount = 0;
  private duplicateCount = 0;
  private restartCount = 0;
  private jitterTicks = 0;
  private lastTimestamp = 0;
  private lastArrivedAtMs = 0;
  private reported = { expected: 0, received: 0 };

  /**
   * @param clockRate ticks a second of the RTP timestamps
   * @param maxMisorder how many packets behind the highest one may still come; raise it where packets
   *   are sent again much later
   */
  constructor(
    private readonly clockRate: number,
    private readonly maxMisorder = defaultMaxMisorder,
  ) {
    assert(clockRate > 0, 'a clock rate is positive');
    assert(maxMisorder > 0 && maxMisorder <= 0x4000, 'disorder lies within a quarter of the sequence numbers');
    this.window = new SeenWindow(Math.max(32, 2 ** Math.ceil(Math.log2(maxMisorder))));
  }

  /**
   * Counts one packet.
   * @param timestampTicks the RTP timestamp, as in the packet
   * @param arrivedAtMs from any clock that does not step
   */
  accept(sequenceNumber: number, timestampTicks: number, arrivedAtMs: number): Arrival {
    if (this.highest === undefined) {
      this.begin(sequenceNumber, timestampTicks, arrivedAtMs);
      return 'first';
    }
    const extended = extendSequence(sequenceNumber, this.highest);
    const step = extended - this.highest;
    if (step >= maxDropout || step <= -this.maxMisorder) return this.leap(sequenceNumber, timestampTicks, arrivedAtMs);
    if (this.window.look(extended) === 'seen') {
      this.duplicateCount += 1;
      return 'duplicate';
    }
    this.window.add(extended);
    this.receivedCount += 1;
    if (step < 0) {
      // One from before the first makes the stretch longer, or it would count as less than no loss.
      this.base = Math.min(this.base, extended);
      return 'late';
    }
    this.highest = extended;
    this.measureJitter(timestampTicks, arrivedAtMs);
    return 'next';
  }

  /** Highest sequence number, with the wraps counted in the bits above 16; 0 before the first packet. */
  get extendedHighest(): number {
    return this.highest ?? 0;
  }

  /** Extended number of its first packet, before any restart; it falls where one from before that comes. */
  get first(): number {
    return this.restartCount === 0 ? this.base : this.baseBeforeRestart;
  }

  /** How many packets the source must have sent from its first to its highest. */
  get expected(): number {
    return this.highest === undefined ? 0 : this.expectedBefore + this.highest - this.base + 1;
  }

  /** How many of them came, each counted once. */
  get received(): number {
    return this.receivedCount;
  }

  /** Never negative. */
  get lost(): number {
    return this.expected - this.receivedCount;
  }

  get duplicates(): number {
    return this.duplicateCount;
  }

  /** How often the source began to count anew. */
  get restarts(): number {
    return this.restartCount;
  }

  /** Interarrival jitter (RFC 3550 §6.4.1), smoothed over about 16 packets. */
  get jitterMs(): number {
    return (this.jitterTicks * 1000) / this.clockRate;
  }

  /** The share lost since the last call, in 256ths, as a report block has it (RFC 3550 A.3): 0..255. */
  takeFractionLost(): number {
    const { expected, received } = this;
    const expectedSince = expected - this.reported.expected;
    const lostSince = expectedSince - (received - this.reported.received);
    this.reported = { expected, received };
    if (expectedSince <= 0 || lostSince <= 0) return 0;
    return Math.min(255, Math.floor((lostSince * 256) / expectedSince));
  }

  private begin(first: number, timestampTicks: number, arrivedAtMs: number): void {
    this.base = first;
    this.highest = first;
    this.window.clear();
    this.window.add(first);
    this.receivedCount += 1;
    this.lastTimestamp = timestampTicks;
    this.lastArrivedAtMs = arrivedAtMs;
  }

  // RFC 3550 A.1: one stray packet changes nothing; two in a row mean that the source began anew.
  private leap(sequenceNumber: number, timestampTicks: number, arrivedAtMs: number): Arrival {
    if (sequenceNumber !== this.afterJump) {
      this.afterJump = (sequenceNumber + 1) & 0xffff;
      return 'jump';
    }
    this.baseBeforeRestart = this.first;
    this.expectedBefore = this.expected;
    const nextCycle = Math.floor(this.extendedHighest / 0x10000) + 1;
    this.begin(nextCycle * 0x10000 + ((sequenceNumber - 1) & 0xffff), timestampTicks, arrivedAtMs);
    this.highest = this.base + 1;
    this.window.add(this.highest);
    this.receivedCount += 1;
    this.restartCount += 1;
    this.afterJump = undefined;
    return 'restart';
  }

  private measureJitter(timestampTicks: number, arrivedAtMs: number): void {
    if (timestampTicks === this.lastTimestamp) return;
    const sentTicks = timestampDelta(timestampTicks, this.lastTimestamp);
    const arrivedTicks = ((arrivedAtMs - this.lastArrivedAtMs) * this.clockRate) / 1000;
    this.jitterTicks += (Math.abs(arrivedTicks - sentTicks) - this.jitterTicks) / 16;
    this.lastTimestamp = timestampTicks;
    this.lastArrivedAtMs = arrivedAtMs;
  }
}
