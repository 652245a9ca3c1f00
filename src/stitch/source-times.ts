/**
 * By which source each packet of a capture is, and when that meant it: the timestamp on the source's own clock, unwrapped.
 * SRTP leaves the header in clear (RFC 3711 §3.1): no key is needed.
 *
 * Bound      `mostSources` of a capture.
 */
import type { CaptureRecord, CaptureStream } from '../capture/index.js';
import { extendTimestamp, staticCodec } from '../media/index.js';

const mostSources = 64;
const rtpHeaderBytes = 12;

/** Of one that changes its clock rate each is a source by itself. */
export interface SourceTime {
  readonly ssrc: number;
  readonly clockRate: number;
  lastTicks: number;
  /** Of the packet that was last asked for. */
  atMs: number;
}

export class SourceTimes {
  readonly #clockRates = new Map<number, number>();
  readonly #sources: SourceTime[] = [];

  describe(streams: readonly CaptureStream[]): void {
    for (const { index, codecs } of streams) for (const { payloadType, clockRate } of codecs) this.#clockRates.set(index * 128 + payloadType, clockRate);
  }

  /** Asked of each packet in the capture's order. Undefined for RTCP, and for what no clock rate is known of. */
  of({ rtcp, bytes, stream }: CaptureRecord & { kind: 'packet' }): SourceTime | undefined {
    if (rtcp || bytes.length < rtpHeaderBytes) return undefined;
    const payloadType = (bytes[1] ?? 0) & 0x7f;
    const clockRate = this.#clockRates.get(stream * 128 + payloadType) ?? staticCodec(payloadType)?.clockRate;
    if (clockRate === undefined) return undefined;
    const [ssrc, timestamp] = [bytes.readUInt32BE(8), bytes.readUInt32BE(4)];
    let source = this.#sources.find((one) => one.ssrc === ssrc && one.clockRate === clockRate);
    if (source === undefined) {
      if (this.#sources.length >= mostSources) return undefined;
      this.#sources.push((source = { ssrc, clockRate, lastTicks: timestamp, atMs: 0 }));
    }
    source.lastTicks = extendTimestamp(timestamp, source.lastTicks);
    source.atMs = (source.lastTicks * 1_000) / clockRate;
    return source;
  }
}

export const keyOf = ({ ssrc, clockRate }: SourceTime): string => `${ssrc} ${clockRate}`;
