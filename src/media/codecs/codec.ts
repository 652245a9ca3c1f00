/**
 * Audio codecs by the name SDP gives them (RFC 3551 §4.5, §6): the one list of what can be heard, and played.
 *
 * Some are decoded here, by code of ours or libopus; of others only the frames are known here, and a program
 * outside of this process turns them into samples. What is heard is mono: a payload of two channels is their mean.
 *
 * Owns       which codecs there are, and their one shape.
 * Leaves to  the files beside it the audio; sip/ what was negotiated; stitch/ the program outside.
 */
import { amrFrames, amrWideFrames } from './amr-payload.js';
import type { Decoder } from './decoder.js';
import { decodePcma, decodePcmu, pcmaSamples, pcmuSamples } from './g711.js';
import { G722Decoder } from './g722.js';
import { GsmDecoder, gsmFrameBytes, gsmFrameSamples } from './gsm.js';
import { decodeL16 } from './l16.js';
import { opusDuration } from './opus-packet.js';
import { openOpusDecoder } from './opus.js';
import { g729Frames, ilbcFrames, type FramedSpeech } from './speech-frames.js';

/** What an SDP says of a payload type (RFC 8866 §6.6). */
export interface CodecLine {
  /** The encoding name, in any case (RFC 4855 §3). */
  readonly name: string;
  readonly clockRate: number;
  readonly channels?: number;
  readonly fmtp?: string;
}

/** All that can be heard, by us or by a program outside, as SDP names it. */
export const audioCodecNames = ['PCMU', 'PCMA', 'G722', 'opus', 'G729', 'GSM', 'iLBC', 'L16', 'AMR', 'AMR-WB'] as const;
export type AudioCodecName = (typeof audioCodecNames)[number];

export interface AudioCodec {
  readonly name: AudioCodecName;
  /** RTP ticks a second. */
  readonly clockRate: number;
  /** Of its samples, which need not be the RTP clock rate. */
  readonly sampleRate: number;
  /** How long the sound in a payload is; 0 where there is none, or it is malformed. */
  ticksIn(payload: Buffer): number;
  /** Where each octet is a sample by itself, and a tick: the sample of each. */
  readonly octetSamples?: Int16Array;
  /** A decoder, or the frames that a program outside decodes. */
  readonly decoding: { readonly by: 'us'; readonly open: () => Promise<Decoder> } | { readonly by: 'program'; readonly speech: FramedSpeech };
}

/** Rates of uncompressed audio that are taken, of those that RFC 3551 §4.1 and AES67 name. */
const plainRates = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

const close = (): void => undefined;
const stateless = (decode: Decoder['decode']): AudioCodec['decoding'] => ({ by: 'us', open: () => Promise.resolve({ decode, close }) });

const g711 = (name: 'PCMU' | 'PCMA', clockRate: number): AudioCodec => ({
  name,
  clockRate,
  sampleRate: clockRate,
  ticksIn: (payload) => payload.length,
  octetSamples: name === 'PCMU' ? pcmuSamples : pcmaSamples,
  decoding: stateless(name === 'PCMU' ? decodePcmu : decodePcma),
});

const l16 = (clockRate: number, channels: number): AudioCodec => ({
  name: 'L16',
  clockRate,
  sampleRate: clockRate,
  ticksIn: (payload) => Math.floor(payload.length / (2 * channels)),
  decoding: stateless((payload, out, at) => decodeL16(payload, out, at, channels)),
});

// RFC 3551 §4.5.2: its clock says 8,000 though it has 16,000 samples a second.
const g722: AudioCodec = {
  name: 'G722',
  clockRate: 8_000,
  sampleRate: 16_000,
  ticksIn: (payload) => payload.length,
  decoding: {
    by: 'us',
    open: () => {
      const decoder = new G722Decoder();
      return Promise.resolve({ decode: (payload, out, at) => decoder.decode(payload, out, at), close });
    },
  },
};

const gsm: AudioCodec = {
  name: 'GSM',
  clockRate: 8_000,
  sampleRate: 8_000,
  ticksIn: (payload) => Math.floor(payload.length / gsmFrameBytes) * gsmFrameSamples,
  decoding: {
    by: 'us',
    open: () => {
      const decoder = new GsmDecoder();
      return Promise.resolve({ decode: (payload, out, at) => decoder.decode(payload, out, at), close });
    },
  },
};

const opus: AudioCodec = { name: 'opus', clockRate: 48_000, sampleRate: 48_000, ticksIn: opusDuration, decoding: { by: 'us', open: openOpusDecoder } };

const framed = (name: 'G729' | 'iLBC' | 'AMR' | 'AMR-WB', rate: number, speech: FramedSpeech): AudioCodec => ({
  name,
  clockRate: rate,
  sampleRate: rate,
  ticksIn: (payload) => {
    const frames = speech.framesIn(payload);
    return frames.some((frame) => frame !== undefined) ? frames.length * speech.frameSamples : 0;
  },
  decoding: { by: 'program', speech },
});

/** The codec of a line; undefined for one that cannot be heard, which comfort noise and telephone events are too. */
export function audioCodec({ name, clockRate, channels = 1, fmtp = '' }: CodecLine): AudioCodec | undefined {
  switch (name.toUpperCase()) {
    case 'PCMU':
    case 'PCMA':
      return channels === 1 && plainRates.includes(clockRate) ? g711(name.toUpperCase() === 'PCMU' ? 'PCMU' : 'PCMA', clockRate) : undefined;
    case 'L16':
      return (channels === 1 || channels === 2) && plainRates.includes(clockRate) ? l16(clockRate, channels) : undefined;
    case 'G722':
      return clockRate === 8_000 && channels === 1 ? g722 : undefined;
    case 'OPUS':
      return clockRate === 48_000 ? opus : undefined;
    case 'GSM':
      return clockRate === 8_000 && channels === 1 ? gsm : undefined;
    // Annexes A and B decode alike (RFC 3551 §4.5.6); some makers name them.
    case 'G729':
    case 'G729A':
    case 'G729AB':
      return clockRate === 8_000 && channels === 1 ? framed('G729', 8_000, g729Frames) : undefined;
    case 'ILBC':
      return clockRate === 8_000 && channels === 1 ? framed('iLBC', 8_000, ilbcFrames(fmtp)) : undefined;
    case 'AMR':
      return framedAmr(clockRate === 8_000 && channels === 1 ? amrFrames(fmtp) : undefined, 'AMR', 8_000);
    case 'AMR-WB':
      return framedAmr(clockRate === 16_000 && channels === 1 ? amrWideFrames(fmtp) : undefined, 'AMR-WB', 16_000);
    default:
      return undefined;
  }
}

const framedAmr = (speech: FramedSpeech | undefined, name: 'AMR' | 'AMR-WB', rate: number): AudioCodec | undefined => (speech === undefined ? undefined : framed(name, rate, speech));

/** What payload types mean that need no `a=rtpmap` (RFC 3551 §6, table 4), as far as it can be heard; 19 was comfort noise before 13 was. */
const staticLines: ReadonlyMap<number, CodecLine> = new Map(
  ([[0, 'PCMU'], [3, 'GSM'], [8, 'PCMA'], [9, 'G722'], [13, 'CN'], [18, 'G729'], [19, 'CN']] as const).map(([payloadType, name]) => [payloadType, { name, clockRate: 8_000, channels: 1 }]),
);

export const staticCodec = (payloadType: number): CodecLine | undefined => staticLines.get(payloadType);

/** Payloads that stand between those of a codec, and have no samples of their own. */
const besideAudio = /^(telephone-event|CN)$/i;

/** Whether a line is one of comfort noise (RFC 3389) or events (RFC 4733). */
export const isBesideAudio = ({ name }: CodecLine): boolean => besideAudio.test(name);
