/** The samples of a WAV file as 16-bit numbers. Pure. */
import { decodePcma, decodePcmu } from './codecs/index.js';
import type { Wav } from './wav.js';

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Channels interleaved; undefined for PCM of other than 16 bits. */
export function wavSamples({ format, bitsPerSample, data }: Wav): Int16Array | undefined {
  if (format === 'pcm') {
    if (bitsPerSample !== 16) return undefined;
    const samples = new Int16Array(Math.floor(data.length / 2));
    const bytes = Buffer.from(samples.buffer);
    data.copy(bytes);
    if (!littleEndian) bytes.swap16();
    return samples;
  }
  const samples = new Int16Array(data.length);
  (format === 'pcmu' ? decodePcmu : decodePcma)(data, samples, 0);
  return samples;
}

/** All channels in one: their mean. */
export function mixedDown(samples: Int16Array, channels: number): Int16Array {
  if (channels === 1) return samples;
  const mixed = new Int16Array(Math.floor(samples.length / channels));
  for (let frame = 0; frame < mixed.length; frame += 1) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1) sum += samples[frame * channels + channel] ?? 0;
    mixed[frame] = Math.round(sum / channels);
  }
  return mixed;
}
