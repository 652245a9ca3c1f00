/**
 * Files that audio of several channels is written to, as it comes: the door to those of each format.
 *
 * Owns       what each format can hold, and what it is called.
 * Leaves to  the files beside it the bytes; stitch/ what is said.
 */
import { openFlacWriter } from './flac-writer.js';
import { openMp3Writer } from './mp3-writer.js';
import { openOggOpusWriter } from './ogg-opus-writer.js';
import { openWavWriter } from './wav-writer.js';
import type { AudioShape, AudioWriter } from './audio-writer.js';

/** `wav-g711`: the codes of G.711 as they came, where every party has the same law; samples where not. */
export const audioFormats = ['wav', 'wav-g711', 'flac', 'opus', 'mp3'] as const;
export type AudioFormat = (typeof audioFormats)[number];

interface Kind {
  readonly extension: string;
  readonly contentType: string;
  readonly mostChannels: number;
  /** Undefined: any. */
  readonly rates?: readonly number[];
  readonly open: (shape: AudioShape) => Promise<AudioWriter>;
}

const wav = { extension: 'wav', contentType: 'audio/wav', mostChannels: 65_535, open: (shape: AudioShape) => Promise.resolve(openWavWriter(shape)) };

const kinds: Readonly<Record<AudioFormat, Kind>> = {
  wav,
  'wav-g711': wav,
  flac: { extension: 'flac', contentType: 'audio/flac', mostChannels: 8, open: (shape) => Promise.resolve(openFlacWriter(shape)) },
  opus: { extension: 'opus', contentType: 'audio/ogg', mostChannels: 255, rates: [8_000, 12_000, 16_000, 24_000, 48_000], open: openOggOpusWriter },
  mp3: { extension: 'mp3', contentType: 'audio/mpeg', mostChannels: 2, rates: [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000], open: openMp3Writer },
};

export const extensionOf = (format: AudioFormat): string => kinds[format].extension;
export const mostChannelsOf = (format: AudioFormat): number => kinds[format].mostChannels;

/** The least rate of the format that loses nothing of audio at `sampleRate`. */
export const rateFor = (format: AudioFormat, sampleRate: number): number => kinds[format].rates?.find((rate) => rate >= sampleRate) ?? (kinds[format].rates?.at(-1) ?? sampleRate);

/** @throws what kept the library of the format from being loaded; Failure AUDIO_UNUSABLE for a WAV that would be too long. */
export const openAudioWriter = (format: AudioFormat, shape: AudioShape): Promise<AudioWriter> => kinds[format].open(shape);

/** What a file of that name is to a browser. */
export const contentTypeOf = (name: string): string => Object.values(kinds).find(({ extension }) => name.endsWith(`.${extension}`))?.contentType ?? 'application/octet-stream';
