/** WAV files as the writer makes them, read piece by piece: PCM of 16 bits, PCMU, PCMA. */
import { parseWav, type Wav } from '../wav.js';
import { wavSamples } from '../wav-samples.js';
import type { AudioInfo, AudioReader, AudioReject } from './audio-reader.js';

/** What lies before the samples fits, with chunks that others add. */
const longestHeadBytes = 4_096;

type Blocks = readonly (readonly Int16Array[])[];

interface Head {
  readonly wav: Wav;
  readonly dataAt: number;
  readonly dataBytes: number;
  readonly fileBytes: number;
}

export function openWavReader(): AudioReader {
  let head: Head | undefined;
  let held: Buffer = Buffer.alloc(0);
  let bytes = 0;
  let readBytes = 0;

  const begin = (last: boolean): AudioReject | undefined => {
    if (held.length < longestHeadBytes && !last) return undefined;
    const found = headOf(held);
    if (typeof found === 'string') return found;
    head = found;
    held = held.subarray(found.dataAt);
    return undefined;
  };
  const taken = ({ wav, dataBytes }: Head): Blocks | AudioReject => {
    const frameBytes = (wav.channels * wav.bitsPerSample) / 8;
    const usable = Math.min(held.length, dataBytes - readBytes);
    const whole = usable - (usable % frameBytes);
    if (whole <= 0) return [];
    const samples = wavSamples({ ...wav, data: held.subarray(0, whole) });
    if (samples === undefined) return 'unsupported';
    held = held.subarray(whole);
    readBytes += whole;
    return [apart(samples, wav.channels)];
  };
  return {
    get info() {
      return head === undefined ? undefined : infoOf(head);
    },
    push(piece) {
      bytes += piece.length;
      held = held.length === 0 ? piece : Buffer.concat([held, piece]);
      const refused = head === undefined ? begin(false) : undefined;
      if (refused !== undefined) return refused;
      return head === undefined ? [] : taken(head);
    },
    end() {
      const refused = head === undefined ? begin(true) : undefined;
      if (refused !== undefined || head === undefined) return refused ?? 'not-wav';
      const rest = taken(head);
      if (typeof rest === 'string') return rest;
      return bytes === head.fileBytes ? rest : bytes < head.fileBytes ? 'cut' : 'sizes-disagree';
    },
    close: () => undefined,
  };
}

const infoOf = ({ wav, dataBytes }: Head): AudioInfo => ({ channels: wav.channels, sampleRate: wav.sampleRate, frames: Math.floor(dataBytes / ((wav.channels * wav.bitsPerSample) / 8)) });

/** The head of a file of which at least the head is there. */
function headOf(start: Buffer): Head | AudioReject {
  const wav = parseWav(start);
  if (typeof wav === 'string') return wav === 'format-unsupported' ? 'unsupported' : 'not-wav';
  if (wav.format === 'pcm' && wav.bitsPerSample !== 16) return 'unsupported';
  for (let at = 12; at + 8 <= start.length; ) {
    const chunkBytes = start.readUInt32LE(at + 4);
    const padded = chunkBytes + (chunkBytes % 2);
    if (start.toString('latin1', at, at + 4) === 'data') {
      const fileBytes = 8 + start.readUInt32LE(4);
      // Some writers leave out the pad of an odd chunk at the end.
      const agree = fileBytes === at + 8 + padded || fileBytes === at + 8 + chunkBytes;
      return agree ? { wav, dataAt: at + 8, dataBytes: chunkBytes, fileBytes } : 'sizes-disagree';
    }
    at += 8 + padded;
  }
  return 'not-wav';
}

/** Interleaved samples, each channel by itself. */
export function apart(samples: Int16Array, channels: number): Int16Array[] {
  const frames = Math.floor(samples.length / channels);
  return Array.from({ length: channels }, (_, channel) => {
    const own = new Int16Array(frames);
    for (let n = 0; n < frames; n += 1) own[n] = samples[n * channels + channel] ?? 0;
    return own;
  });
}
