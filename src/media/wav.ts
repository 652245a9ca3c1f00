/**
 * WAV files (RIFF WAVE, Microsoft and IBM 1991; WAVE_FORMAT_EXTENSIBLE, Microsoft 2001).
 *
 * A file is "RIFF", its size, "WAVE", then chunks: four letters, a 32-bit little-endian size, the body,
 * and an odd body's pad octet. "fmt " says what "data" holds; other chunks are passed over.
 *
 * Owns       header and chunks.
 * Leaves to  its users the disk; codecs/ the samples of PCMU and PCMA.
 */
import assert from 'node:assert/strict';
import { Failure } from '../errors/index.js';

export interface WavFormat {
  channels: number;
  sampleRate: number;
  /** 16 for PCM, 8 for PCMU and PCMA */
  bitsPerSample: 8 | 16;
  format: 'pcm' | 'pcmu' | 'pcma';
  /** samples a channel */
  frames: number;
}

export interface Wav {
  sampleRate: number;
  channels: number;
  /** 8 (unsigned), 16, 24 or 32 (signed, little-endian) for PCM; 8 for PCMU and PCMA */
  bitsPerSample: number;
  format: 'pcm' | 'pcmu' | 'pcma';
  /** whole frames, channels interleaved; aliases the file */
  data: Buffer;
}

/** Why a file cannot be used as audio. */
export type WavReject =
  | 'not-wav'
  | 'no-format'
  | 'format-too-short'
  | 'format-unsupported'
  | 'format-invalid'
  | 'no-data';

/**
 * The octets before the samples: 44 of PCM, 58 of G.711, which has a fact chunk too (Microsoft, "New Multimedia Data
 * Types", 1994). More than 4 GiB, which the format's 32-bit sizes do not hold (37 hours
 * in stereo at 8,000 Hz), is a Failure AUDIO_UNUSABLE.
 */
export function encodeWavHeader({ channels, sampleRate, bitsPerSample, format, frames }: WavFormat): Buffer {
  assert(channels >= 1 && sampleRate > 0 && frames >= 0, 'a WAV has channels, a sample rate and frames');
  const frameBytes = (channels * bitsPerSample) / 8;
  const dataBytes = frames * frameBytes;
  const headerBytes = format === 'pcm' ? 44 : 58;
  const fileBytes = headerBytes + dataBytes + (dataBytes % 2);
  if (fileBytes - 8 > 0xffff_ffff) {
    throw new Failure('AUDIO_UNUSABLE', 'a WAV file holds 4 GiB at most and this audio is longer: take it in parts', {
      facts: { channels, sampleRate, frames },
    });
  }
  const header = Buffer.alloc(headerBytes);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(fileBytes - 8, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(format === 'pcm' ? 16 : 18, 16);
  header.writeUInt16LE(formatTags[format], 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * frameBytes, 28);
  header.writeUInt16LE(frameBytes, 32);
  header.writeUInt16LE(bitsPerSample, 34);
  if (format !== 'pcm') {
    header.write('fact', 38, 'latin1');
    header.writeUInt32LE(4, 42);
    header.writeUInt32LE(frames, 46);
  }
  header.write('data', headerBytes - 8, 'latin1');
  header.writeUInt32LE(dataBytes, headerBytes - 4);
  return header;
}

/**
 * Parses a whole file. A data chunk that is cut, or whose size was never filled in (0xFFFFFFFF), ends with
 * the file. Never throws.
 */
export function parseWav(file: Buffer): Wav | WavReject {
  if (file.length < 12 || file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') {
    return 'not-wav';
  }
  let format: Omit<Wav, 'data'> | undefined;
  for (let at = 12; at + 8 <= file.length; ) {
    const id = file.toString('latin1', at, at + 4);
    const bodyBytes = file.readUInt32LE(at + 4);
    const body = file.subarray(at + 8, at + 8 + bodyBytes);
    if (id === 'fmt ') {
      const parsed = parseFormat(body);
      if (typeof parsed === 'string') return parsed;
      format = parsed;
    } else if (id === 'data') {
      if (format === undefined) return 'no-format';
      const frameBytes = (format.channels * format.bitsPerSample) / 8;
      return { ...format, data: body.subarray(0, body.length - (body.length % frameBytes)) };
    }
    at += 8 + bodyBytes + (bodyBytes % 2);
  }
  return format === undefined ? 'no-format' : 'no-data';
}

const formatTags = { pcm: 1, pcma: 6, pcmu: 7 } as const;
const extensible = 0xfffe;
// The rest of an extensible format's GUID, whose first two octets are a plain format tag.
const guidTail = Buffer.from('000000001000800000aa00389b71', 'hex');

function parseFormat(body: Buffer): Omit<Wav, 'data'> | WavReject {
  if (body.length < 16) return 'format-too-short';
  let tag = body.readUInt16LE(0);
  if (tag === extensible) {
    if (body.length < 40) return 'format-too-short';
    if (!body.subarray(26, 40).equals(guidTail)) return 'format-unsupported';
    tag = body.readUInt16LE(24);
  }
  const channels = body.readUInt16LE(2);
  const sampleRate = body.readUInt32LE(4);
  const bitsPerSample = body.readUInt16LE(14);
  const format = formatOf(tag, bitsPerSample);
  if (format === undefined) return 'format-unsupported';
  const frameBytes = body.readUInt16LE(12);
  if (channels === 0 || sampleRate === 0 || frameBytes !== (channels * bitsPerSample) / 8) return 'format-invalid';
  return { sampleRate, channels, bitsPerSample, format };
}

function formatOf(tag: number, bitsPerSample: number): Wav['format'] | undefined {
  if (tag === formatTags.pcm && [8, 16, 24, 32].includes(bitsPerSample)) return 'pcm';
  if (bitsPerSample !== 8) return undefined;
  if (tag === formatTags.pcmu) return 'pcmu';
  return tag === formatTags.pcma ? 'pcma' : undefined;
}
