/**
 * By which source each packet of a capture is, and when that meant it: the timestamp on the source's own clock, unwrapped.
 * Both parties may use one SSRC: a source is one of its channel. SRTP leaves the header in clear (RFC 3711 §3.1): no key is needed.
 *
 * Bound      `mostSources` of a capture.
 */
import type { CaptureStream, RecordCursor } from '../capture/index.js';
import { extendTimestamp, staticCodec } from '../media/index.js';

const mostSources = 64;
const rtpHeaderBytes = 12;

/** The channel of a stream: the caller's, the callee's, or one of its own for a further party. */
export const channelOf = (stream: CaptureStream): string => (stream.role === 'other' ? `other-${stream.index}` : stream.role);

/** Of one that changes its clock rate each is a source by itself. */
export interface SourceTime {
  readonly channel: string;
  readonly ssrc: number;
  readonly clockRate: number;
  lastTicks: number;
  /** Of the packet that was last asked for. */
  atMs: number;
}

export class SourceTimes {
  readonly #channels = new Map<number, string>();
  readonly #clockRates = new Map<number, number>();
  readonly #sources: SourceTime[] = [];

  describe(streams: readonly CaptureStream[]): void {
    for (const stream of streams) {
      this.#channels.set(stream.index, channelOf(stream));
      for (const { payloadType, clockRate } of stream.codecs) this.#clockRates.set(stream.index * 128 + payloadType, clockRate);
    }
  }

  /** Asked of each packet in the capture's order. Undefined for RTCP, and for what no clock rate is known of. */
  of({ rtcp, chunk, from, to, stream }: RecordCursor): SourceTime | undefined {
    if (rtcp || to - from < rtpHeaderBytes) return undefined;
    const payloadType = (chunk[from + 1] ?? 0) & 0x7f;
    const clockRate = this.#clockRates.get(stream * 128 + payloadType) ?? staticCodec(payloadType)?.clockRate;
    const channel = this.#channels.get(stream);
    if (clockRate === undefined || channel === undefined) return undefined;
    const [ssrc, timestamp] = [chunk.readUInt32BE(from + 8), chunk.readUInt32BE(from + 4)];
    let source = this.#sources.find((one) => one.ssrc === ssrc && one.clockRate === clockRate && one.channel === channel);
    if (source === undefined) {
      if (this.#sources.length >= mostSources) return undefined;
      this.#sources.push((source = { channel, ssrc, clockRate, lastTicks: timestamp, atMs: 0 }));
    }
    source.lastTicks = extendTimestamp(timestamp, source.lastTicks);
    source.atMs = (source.lastTicks * 1_000) / clockRate;
    return source;
  }
}

export const keyOf = ({ channel, ssrc, clockRate }: SourceTime): string => `${channel} ${ssrc} ${clockRate}`;
