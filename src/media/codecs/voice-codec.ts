/**
 * Codecs that something can be played in: put in the place of a stream's payloads, or mixed with what they say.
 *
 * Owns       what they have in common, and the two sorts: an octet a tick (G.711, G.722), and packets of frames (Opus).
 * Leaves to  g711.ts, g722.ts, opus.ts the audio; sound.ts what is played; callers to close what they open.
 */
import { decodePcma, decodePcmu, encodePcma, encodePcmu } from './g711.js';
import { G722Decoder, G722Encoder } from './g722.js';
import { joinOpusFrames, opusChannels, opusFrameTicks, opusSilence, opusTicks } from './opus-packet.js';
import { openOpusEncoder, openOpusTranscoder } from './opus.js';

/** Of mono audio, in one run. */
export interface Encoder {
  /** Samples of some frames, in a new buffer that nobody changes. */
  encode(samples: Int16Array): Buffer;
  close(): void;
}

/** Both ends of one stream, for changing its audio on the way. */
export interface Transcoder {
  /** Interleaved in the samples. */
  readonly channels: number;
  /** Undefined for a payload that cannot be decoded. What comes back is the caller's until the next call. */
  decode(payload: Buffer): Int16Array | undefined;
  encode(samples: Int16Array): Buffer;
  close(): void;
}

export interface VoiceCodec {
  readonly name: 'PCMU' | 'PCMA' | 'G722' | 'opus';
  /** RTP ticks a second. */
  readonly clockRate: 8_000 | 48_000;
  /** Of its audio. */
  readonly sampleRate: 8_000 | 16_000 | 48_000;
  /** The least that is encoded by itself; a payload has a whole number of them. */
  readonly frameTicks: number;
  /** How long a payload is; 0 for one that no frames of ours can take the place of. */
  ticksIn(payload: Buffer): number;
  /** A payload of so many ticks in which nothing is heard. */
  silence(ticks: number): Buffer;
  /** Encoded frames, one after the other, as one payload. */
  join(frames: readonly Buffer[]): Buffer;
  openEncoder(): Promise<Encoder>;
  /** @param like a payload of the stream, with as many channels as there shall be */
  openTranscoder(like: Buffer): Promise<Transcoder>;
}

const close = (): void => undefined;

function octetCodec(
  name: 'PCMU' | 'PCMA' | 'G722',
  sampleRate: 8_000 | 16_000,
  openEncode: () => (samples: Int16Array) => Buffer,
  openDecode: () => (payload: Buffer, out: Int16Array, at: number) => number,
): VoiceCodec {
  const samplesPerTick = sampleRate / 8_000;
  let quiet: Buffer | undefined;
  return {
    name,
    clockRate: 8_000,
    sampleRate,
    frameTicks: 1,
    ticksIn: (payload) => payload.length,
    silence: (ticks) => Buffer.alloc(ticks, (quiet ??= settled(openEncode(), sampleRate))),
    join: (frames) => (frames.length === 1 ? (frames[0] ?? Buffer.alloc(0)) : Buffer.concat(frames)),
    openEncoder: () => Promise.resolve({ encode: openEncode(), close }),
    openTranscoder() {
      const decode = openDecode();
      let samples = new Int16Array(0);
      return Promise.resolve({
        channels: 1,
        decode(payload: Buffer) {
          if (samples.length !== payload.length * samplesPerTick) samples = new Int16Array(payload.length * samplesPerTick);
          decode(payload, samples, 0);
          return samples;
        },
        encode: openEncode(),
        close,
      });
    },
  };
}

/** 20 ms of silence of an encoder that has heard nothing for a second: in G.722 no code by itself is silence for every decoder. */
const settled = (encode: (samples: Int16Array) => Buffer, sampleRate: number): Buffer => encode(new Int16Array(sampleRate)).subarray(-160);

const openG722 = {
  encode: () => {
    const encoder = new G722Encoder();
    return (samples: Int16Array) => encoder.encode(samples);
  },
  decode: () => {
    const decoder = new G722Decoder();
    return (payload: Buffer, out: Int16Array, at: number) => decoder.decode(payload, out, at);
  },
};

const opus: VoiceCodec = {
  name: 'opus',
  clockRate: 48_000,
  sampleRate: 48_000,
  frameTicks: opusFrameTicks,
  ticksIn: opusTicks,
  silence: opusSilence,
  join: joinOpusFrames,
  openEncoder: openOpusEncoder,
  openTranscoder: (like) => openOpusTranscoder(opusChannels(like)),
};

const codecs: readonly VoiceCodec[] = [
  octetCodec('PCMU', 8_000, () => encodePcmu, () => decodePcmu),
  octetCodec('PCMA', 8_000, () => encodePcma, () => decodePcma),
  // RFC 3551 §4.5.2: its clock says 8,000 though it has 16,000 samples a second.
  octetCodec('G722', 16_000, openG722.encode, openG722.decode),
  opus,
];

/**
 * @param encodingName of the `a=rtpmap` line, in any case (RFC 4855 §3)
 * @param clockRate of the same line
 */
export const voiceCodec = (encodingName: string, clockRate: number): VoiceCodec | undefined =>
  codecs.find((codec) => codec.clockRate === clockRate && codec.name.toUpperCase() === encodingName.toUpperCase());
