/** Test signals, and how alike two of them are. */

/**
 * Two seconds at 16,000 samples of all that a codec meets, in whole numbers so that every machine makes the same:
 * a rising triangle wave, noise of full range, silence, a square of full range, faint noise.
 */
export function wholeNumberSignal(): Int16Array {
  const samples = new Int16Array(32_000);
  let random = 1;
  for (let n = 0; n < samples.length; n += 1) {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const noise = (random >> 15) - 32_768;
    const part = Math.floor(n / 6_400);
    const period = 40 + (n >> 8);
    const triangle = Math.floor((Math.abs((n % period) * 2 - period) * 40_000) / period) - 20_000;
    samples[n] = [triangle, noise, 0, (n >> 3) % 2 === 0 ? 32_767 : -32_768, noise >> 6][part] ?? 0;
  }
  return samples;
}

/** Voice-like: a pitch that moves, its overtones, syllables. */
export const speechLike = (rate: number, seconds: number): Int16Array =>
  Int16Array.from({ length: rate * seconds }, (_, n) => {
    const t = n / rate;
    const pitch = 2 * Math.PI * (140 * t - 3 * Math.cos(2 * Math.PI * 1.3 * t));
    const syllable = Math.sin(Math.PI * 3.7 * t) ** 2;
    return Math.round(7_000 * syllable * [1, 0.7, 0.5, 0.4, 0.2, 0.1].reduce((sum, weight, k) => sum + weight * Math.sin((k + 1) * pitch + k), 0) / 1.8);
  });

export const energy = (samples: ArrayLike<number>): number => Array.from(samples).reduce((sum, sample) => sum + sample * sample, 0);

/** In dB, after `received` was moved and scaled to fit best. `maxShift` in samples, either way. */
export function fit(sent: Int16Array, received: Int16Array, maxShift: number): { shift: number; gain: number; snrDb: number } {
  let best = { shift: 0, gain: 0, snrDb: Number.NEGATIVE_INFINITY };
  const margin = maxShift;
  for (let shift = -maxShift; shift <= maxShift; shift += 1) {
    let [cross, power, total] = [0, 0, 0];
    for (let n = margin; n < sent.length - margin; n += 1) {
      const [a, b] = [sent[n] ?? 0, received[n + shift] ?? 0];
      cross += a * b;
      power += b * b;
      total += a * a;
    }
    if (power === 0) continue;
    const snrDb = 10 * Math.log10(total / Math.max(1e-9, total - (cross * cross) / power));
    if (snrDb > best.snrDb) best = { shift, gain: cross / total, snrDb };
  }
  return best;
}

/** Of a tone in the samples: its amplitude, by correlation. */
export function toneIn(samples: ArrayLike<number>, rate: number, hertz: number): number {
  let [re, im] = [0, 0];
  const n = samples.length;
  for (let k = 0; k < n; k += 1) {
    // A Hann window, so that other tones do not leak in.
    const sample = (samples[k] ?? 0) * (1 - Math.cos((2 * Math.PI * k) / n));
    re += sample * Math.cos((2 * Math.PI * hertz * k) / rate);
    im += sample * Math.sin((2 * Math.PI * hertz * k) / rate);
  }
  return (2 * Math.hypot(re, im)) / n;
}
