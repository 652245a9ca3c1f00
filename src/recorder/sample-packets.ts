/**
 * Interleaved samples, as a switch sends them in frames of any size, as RTP packets of 20 ms for each party: pure.
 *
 * A switch that cannot send drops samples, and does not say so. Packets are counted by samples, so what comes after
 * would stand too early for good: where the samples have lagged behind the clock for two seconds on end, the
 * timestamps are set forward by that, and the stitcher sees the gap.
 *
 * Owns       order and time of the packets of one connection.
 * Leaves to  audio-sockets.ts the connection; the stitcher everything that comes after.
 */
import { randomBytes } from 'node:crypto';
import { encodeRtp, l16Channel } from '../media/index.js';

/** What the SDP of a recording session offers: L16 with so many samples a second. */
export const samplesPerSecond = 8_000;
const packetMs = 20;
const samplesPerPacket = (samplesPerSecond * packetMs) / 1_000;
/** Over so long a stretch the least lag is looked at: a burst that was late ends within it. */
const lagStretchMs = 2_000;
/** Less is the clock of the switch, and not worth a gap. */
const lagToleratedMs = 200;

export interface SampleStream {
  /** Of the capture. */
  readonly stream: number;
  readonly payloadType: number;
}

export class SamplePackets {
  readonly #streams: readonly SampleStream[];
  readonly #frameBytes: number;
  readonly #ssrcs: readonly number[];
  #rest: Buffer = Buffer.alloc(0);
  #sequence = randomBytes(2).readUInt16BE();
  #timestamp = randomBytes(4).readUInt32BE();
  #sent = 0;
  #beganAtMs: number | undefined;
  #stretchEndsAtMs = 0;
  #leastLagMs = Number.POSITIVE_INFINITY;
  /** Of what came with the least delay so far. */
  #ownLagMs = Number.POSITIVE_INFINITY;

  /** @param streams in the order in which their samples are interleaved */
  constructor(streams: readonly SampleStream[]) {
    this.#streams = streams;
    this.#frameBytes = 2 * streams.length * samplesPerPacket;
    this.#ssrcs = streams.map(() => randomBytes(4).readUInt32BE());
  }

  /** Takes what came, and gives each whole packet; what is left waits for what comes next. */
  take(bytes: Buffer, nowMs: number, give: (stream: number, packet: Buffer) => void): void {
    this.#beganAtMs ??= nowMs;
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    for (; at + this.#frameBytes <= all.length; at += this.#frameBytes) this.#packets(all.subarray(at, at + this.#frameBytes), give);
    // A copy: the rest must not keep the whole message.
    this.#rest = Buffer.from(all.subarray(at));
    this.#catchUp(nowMs, this.#beganAtMs);
  }

  #packets(frame: Buffer, give: (stream: number, packet: Buffer) => void): void {
    for (const [channel, { stream, payloadType }] of this.#streams.entries()) {
      const payload = l16Channel(frame, this.#streams.length, channel);
      give(stream, encodeRtp({ payloadType, sequenceNumber: this.#sequence, timestamp: this.#timestamp, ssrc: this.#ssrcs[channel] ?? 0, payload }));
    }
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#advance(samplesPerPacket);
  }

  #advance(samples: number): void {
    this.#timestamp = (this.#timestamp + samples) >>> 0;
    this.#sent += samples;
  }

  #catchUp(nowMs: number, beganAtMs: number): void {
    const lagMs = nowMs - beganAtMs - (this.#sent * 1_000) / samplesPerSecond;
    this.#leastLagMs = Math.min(this.#leastLagMs, lagMs);
    this.#ownLagMs = Math.min(this.#ownLagMs, lagMs);
    if (this.#stretchEndsAtMs === 0) this.#stretchEndsAtMs = nowMs + lagStretchMs;
    if (nowMs < this.#stretchEndsAtMs) return;
    const behindMs = this.#leastLagMs - this.#ownLagMs;
    if (behindMs > lagToleratedMs) {
      const missed = Math.floor(behindMs / packetMs);
      this.#sequence = (this.#sequence + missed) & 0xffff;
      this.#advance(missed * samplesPerPacket);
    }
    this.#stretchEndsAtMs = nowMs + lagStretchMs;
    this.#leastLagMs = Number.POSITIVE_INFINITY;
  }
}
