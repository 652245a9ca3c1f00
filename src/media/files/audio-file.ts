/**
 * Files that audio of several channels is written to, as it comes: the door to those of each format.
 *
 * Owns       what each format can hold, and what it is called.
 * Leaves to  the files beside it the bytes; stitch/ what is said.
 */
import type { AudioReader } from './audio-reader.js';
import { openFlacReader } from './flac-reader.js';
import { openFlacWriter } from './flac-writer.js';
import { openMp3Reader, proveMp3 } from './mp3-reader.js';
import { openMp3Writer } from './mp3-writer.js';
import { openOggOpusReader, proveOggOpus } from './ogg-opus-reader.js';
import { openOggOpusWriter } from './ogg-opus-writer.js';
import { openWavReader } from './wav-reader.js';
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
  /** Gives samples. */
  readonly read: (start: Buffer) => Promise<AudioReader>;
  /** Proves that a file is whole, perhaps without samples. */
  readonly prove: () => Promise<AudioReader>;
}

const wav = { extension: 'wav', contentType: 'audio/wav', mostChannels: 65_535, open: (shape: AudioShape) => Promise.resolve(openWavWriter(shape)), read: () => Promise.resolve(openWavReader()), prove: () => Promise.resolve(openWavReader()) };

const kinds: Readonly<Record<AudioFormat, Kind>> = {
  wav,
  'wav-g711': wav,
  flac: { extension: 'flac', contentType: 'audio/flac', mostChannels: 8, open: (shape) => Promise.resolve(openFlacWriter(shape)), read: () => Promise.resolve(openFlacReader()), prove: () => Promise.resolve(openFlacReader()) },
  opus: { extension: 'opus', contentType: 'audio/ogg', mostChannels: 255, rates: [8_000, 12_000, 16_000, 24_000, 48_000], open: openOggOpusWriter, read: openOggOpusReader, prove: proveOggOpus },
  mp3: { extension: 'mp3', contentType: 'audio/mpeg', mostChannels: 2, rates: [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000], open: openMp3Writer, read: openMp3Reader, prove: () => Promise.resolve(proveMp3()) },
};

export const extensionOf = (format: AudioFormat): string => kinds[format].extension;
export const mostChannelsOf = (format: AudioFormat): number => kinds[format].mostChannels;

/** The least rate of the format that loses nothing of audio at `sampleRate`. */
export const rateFor = (format: AudioFormat, sampleRate: number): number => kinds[format].rates?.find((rate) => rate >= sampleRate) ?? (kinds[format].rates?.at(-1) ?? sampleRate);

/** @throws what kept the library of the format from being loaded; Failure AUDIO_UNUSABLE for a WAV that would be too long. */
export const openAudioWriter = (format: AudioFormat, shape: AudioShape): Promise<AudioWriter> => kinds[format].open(shape);

const kindOf = (name: string): Kind | undefined => Object.values(kinds).find(({ extension }) => name.endsWith(`.${extension}`));

/** What a file of that name is to a browser. */
export const contentTypeOf = (name: string): string => kindOf(name)?.contentType ?? 'application/octet-stream';

/**
 * A reader of samples for a file of that name; undefined for one of no format of ours.
 * @param start the beginning of the file, which the reader is given all the same
 */
export const openAudioReader = (name: string, start: Buffer): Promise<AudioReader | undefined> => kindOf(name)?.read(start) ?? Promise.resolve(undefined);

/** A reader that tells whether a file of that name is whole; undefined for one of no format of ours. */
export const openAudioProof = (name: string): Promise<AudioReader | undefined> => kindOf(name)?.prove() ?? Promise.resolve(undefined);
