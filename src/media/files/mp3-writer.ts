/**
 * MP3 (ISO/IEC 11172-3, 13818-3), by LAME in WebAssembly: the one place that knows that library.
 *
 * It is loaded when the first such file is written. Its encoders are collected with everything else.
 */
import type { AudioShape, AudioWriter } from './audio-writer.js';

/**
 * Of one channel, by what its sample rate allows. Constant: how long a file of changing rates is stands in its first
 * frame, which is sealed long before that is known, and players would guess.
 */
const kilobitsPerSecond = (sampleRate: number): 24 | 32 | 64 => (sampleRate <= 12_000 ? 24 : sampleRate <= 24_000 ? 32 : 64);
const twice = { 24: 48, 32: 64, 64: 128 } as const;

export async function openMp3Writer({ channels, sampleRate }: AudioShape): Promise<AudioWriter> {
  const { createMp3Encoder } = await import('wasm-media-encoders');
  const encoder = await createMp3Encoder();
  const bitrate = kilobitsPerSecond(sampleRate);
  encoder.configure({ channels: channels === 1 ? 1 : 2, sampleRate, bitrate: channels === 1 ? bitrate : twice[bitrate], outputSampleRate: sampleRate as 8_000 });
  return {
    // What the library gives back is its own memory, until the next call.
    write: (block) => encoder.encode(block.map(toFloats)).slice(),
    end: () => encoder.finalize().slice(),
    close: () => undefined,
  };
}

const toFloats = (samples: Int16Array): Float32Array => Float32Array.from(samples, (sample) => sample / 32_768);
