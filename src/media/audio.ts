/** Audio that can be read at any sample rate, in mono: a clip, a tone. Pure. */
import { readResampled } from './resample.js';

export interface Audio {
  readonly durationMs: number;
  /** What it is made of, so that another thread can make the same. */
  readonly source: AudioSource;
  /** Fills `out` with the samples from `from` on, counted at `rate`. Before its beginning and after its end there is silence. */
  read(rate: number, from: number, out: Int16Array): void;
}

export type AudioSource =
  /** `samples` lie in memory that threads share: they are not copied when they are handed over. */
  | { readonly kind: 'clip'; readonly samples: Int16Array<SharedArrayBuffer>; readonly sampleRate: number }
  | { readonly kind: 'tone'; readonly options: ToneOptions };

export const audioOf = (source: AudioSource): Audio => (source.kind === 'tone' ? tone(source.options) : sharedClip(source.samples, source.sampleRate));

/** Copies the samples. */
export function clip(samples: Int16Array, sampleRate: number): Audio {
  const shared = new Int16Array(new SharedArrayBuffer(samples.byteLength));
  shared.set(samples);
  return sharedClip(shared, sampleRate);
}

const sharedClip = (samples: Int16Array<SharedArrayBuffer>, sampleRate: number): Audio => ({
  durationMs: (samples.length * 1_000) / sampleRate,
  source: { kind: 'clip', samples, sampleRate },
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
  source: { kind: 'tone', options: { hertz, durationMs, peak, rampMs } },
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
