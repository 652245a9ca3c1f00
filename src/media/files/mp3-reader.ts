/**
 * MP3 files read frame by frame (ISO/IEC 11172-3 §2.4.1, 13818-3 §2.4.1; "2.5" is its extension), as our writer makes them:
 * proved without being decoded, or decoded by libmpg123 in WebAssembly. The one place that knows that library; it is loaded
 * when the first such file is read.
 */
import type { AudioInfo, AudioReader, AudioReject } from './audio-reader.js';

const headBytes = 4;
/** By the version's bits: 2.5, none, 2, 1. */
const rates = [[11_025, 12_000, 8_000], [], [22_050, 24_000, 16_000], [44_100, 48_000, 32_000]];
/** kbit/s of layer III: version 1, and the others. */
const bitrates1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const bitrates2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

interface Mp3Frame {
  readonly bytes: number;
  readonly info: AudioInfo;
}

/** What LAME's encoder puts before the first sample (576), and any decoder after it (529). */
const delaySamples = 1_105;

interface FrameDecoder {
  decodeFrames(frames: Uint8Array[]): { readonly channelData: readonly Float32Array[]; readonly errors: readonly unknown[] };
  free(): void;
}

/** Only the frames are proved, and there are no samples. */
export const proveMp3 = (): AudioReader => new Mp3Reader(undefined);

export async function openMp3Reader(): Promise<AudioReader> {
  const { MPEGDecoder } = await import('mpg123-decoder');
  const decoder = new MPEGDecoder({ enableGapless: false });
  await decoder.ready;
  return new Mp3Reader(decoder);
}

class Mp3Reader implements AudioReader {
  info: AudioInfo | undefined;
  readonly #decoder: FrameDecoder | undefined;
  #held: Buffer = Buffer.alloc(0);
  #toSkip = delaySamples;

  constructor(decoder: FrameDecoder | undefined) {
    this.#decoder = decoder;
  }

  push(piece: Buffer): readonly (readonly Int16Array[])[] | AudioReject {
    this.#held = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    const frames: Buffer[] = [];
    while (this.#held.length >= headBytes) {
      const frame = frameOf(this.#held);
      if (frame === undefined || (this.info !== undefined && (frame.info.sampleRate !== this.info.sampleRate || frame.info.channels !== this.info.channels))) return this.info === undefined ? 'not-mp3' : 'damaged';
      if (this.#held.length < frame.bytes) break;
      this.info = frame.info;
      frames.push(this.#held.subarray(0, frame.bytes));
      this.#held = this.#held.subarray(frame.bytes);
    }
    return frames.length === 0 || this.#decoder === undefined ? [] : this.#decoded(this.#decoder, frames);
  }

  end(): readonly (readonly Int16Array[])[] | AudioReject {
    if (this.info === undefined) return 'not-mp3';
    return this.#held.length === 0 ? [] : 'cut';
  }

  close(): void {
    this.#decoder?.free();
  }

  #decoded(decoder: FrameDecoder, frames: Buffer[]): readonly (readonly Int16Array[])[] | AudioReject {
    const { channelData, errors } = decoder.decodeFrames(frames);
    const block = channelData.slice(0, this.info?.channels).map(toSamples);
    const count = block[0]?.length ?? 0;
    if (errors.length > 0 || block.length !== this.info?.channels || block.some((samples) => samples.length !== count)) return 'damaged';
    const skipped = Math.min(this.#toSkip, count);
    this.#toSkip -= skipped;
    return skipped === count ? [] : [block.map((samples) => samples.subarray(skipped))];
  }
}

const toSamples = (floats: Float32Array): Int16Array => Int16Array.from(floats, (value) => Math.max(-0x8000, Math.min(0x7fff, Math.round(value * 0x8000))));

function frameOf(bytes: Buffer): Mp3Frame | undefined {
  const head = bytes.readUInt32BE(0);
  const version = (head >>> 19) & 3;
  const [bitrate, sampleRate] = [(version === 3 ? bitrates1 : bitrates2)[(head >>> 12) & 15], rates[version]?.[(head >>> 10) & 3]];
  // The frame's sync, and layer III.
  if (head >>> 21 !== 0x7ff || ((head >>> 17) & 3) !== 1 || bitrate === undefined || bitrate === 0 || sampleRate === undefined) return undefined;
  const samples = version === 3 ? 1_152 : 576;
  const padding = (head >>> 9) & 1;
  return { bytes: Math.floor((samples * bitrate * 125) / sampleRate) + padding, info: { channels: ((head >>> 6) & 3) === 3 ? 1 : 2, sampleRate, frames: undefined } };
}
