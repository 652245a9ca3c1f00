/**
 * Audio codecs by the name SDP gives them (RFC 3551 §4.5, §6).
 *
 * Owns       which codecs can be decoded, and their one shape.
 * Leaves to  g711.ts and l16.ts the samples; sip/ what was negotiated.
 */
import { decodePcma, decodePcmu } from './g711.js';
import { decodeL16 } from './l16.js';

export interface AudioCodec {
  name: 'PCMU' | 'PCMA' | 'L16';
  clockRate: 8000;
  channels: 1;
}

/** Turns payloads of one stream into samples. Get one a stream: a codec may carry state from packet to packet. */
export interface Decoder {
  readonly codec: AudioCodec;
  /** of the samples, which need not be the RTP clock rate */
  readonly sampleRate: number;
  /** How many samples `decode` will write for a payload. */
  samplesIn(payload: Buffer): number;
  /** Writes into `out` from `at` on, asserts that they fit, and returns how many. */
  decode(payload: Buffer, out: Int16Array, at: number): number;
}

const pcmu: AudioCodec = { name: 'PCMU', clockRate: 8000, channels: 1 };
const pcma: AudioCodec = { name: 'PCMA', clockRate: 8000, channels: 1 };
const l16: AudioCodec = { name: 'L16', clockRate: 8000, channels: 1 };
const samplesIn = (payload: Buffer): number => payload.length;

/**
 * A new decoder; undefined where there is none.
 * @param encodingName of the `a=rtpmap` line, in any case (RFC 4855 §3)
 * @param clockRate of the same line
 */
export function codecFor(encodingName: string, clockRate: number): Decoder | undefined {
  if (clockRate !== 8000) return undefined;
  switch (encodingName.toUpperCase()) {
    case 'PCMU':
      return { codec: pcmu, sampleRate: 8000, samplesIn, decode: decodePcmu };
    case 'PCMA':
      return { codec: pcma, sampleRate: 8000, samplesIn, decode: decodePcma };
    case 'L16':
      return { codec: l16, sampleRate: 8000, samplesIn: (payload) => payload.length >> 1, decode: decodeL16 };
    default:
      return undefined;
  }
}

/** The codec of a payload type that needs no `a=rtpmap` (RFC 3551 §6, table 4). */
export function staticCodec(payloadType: number): AudioCodec | undefined {
  if (payloadType === 0) return pcmu;
  return payloadType === 8 ? pcma : undefined;
}
