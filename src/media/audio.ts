/** Audio that can be read at any sample rate, in mono: a clip, a tone. Pure. */
import { readResampled } from './resample.js';

export interface Audio {
  readonly durationMs: number;
  /** Fills `out` with the samples from `from` on, counted at `rate`. Before its beginning and after its end there is silence. */
  read(rate: number, from: number, out: Int16Array): void;
}

export const clip = (samples: Int16Array, sampleRate: number): Audio => ({
  durationMs: (samples.length * 1_000) / sampleRate,
  read: (rate, from, out) => readResampled(samples, sampleRate, rate, from, out),
});

export interface ToneOptions {
  readonly hertz: number;
  readonly durationMs: number;
  /** Of 16-bit samples. */
  readonly peak: number;
  /** How long it rises at its beginning and falls at its end, so that nothing clicks. */
  readonly rampMs: number;
}

export const tone = ({ hertz, durationMs, peak, rampMs }: ToneOptions): Audio => ({
  durationMs,
  read(rate, from, out) {
    for (let n = 0; n < out.length; n += 1) {
      const atMs = ((from + n) * 1_000) / rate;
      const edgeMs = Math.min(atMs, durationMs - atMs);
      out[n] = edgeMs <= 0 ? 0 : Math.round(peak * swell(edgeMs / rampMs) * Math.sin((2 * Math.PI * hertz * atMs) / 1_000));
    }
  },
});

/** A raised cosine from 0 to 1. */
const swell = (share: number): number => (share >= 1 ? 1 : (1 - Math.cos(Math.PI * share)) / 2);
