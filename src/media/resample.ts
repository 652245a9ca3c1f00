/**
 * Audio at another sample rate: a windowed sinc, read wherever it is wanted. Pure.
 *
 * Each output sample is computed by itself, so that a long file need not be converted before its first packet is
 * sent, nor be kept at every rate.
 *
 * The Kaiser window's shape and width are chosen for 60 dB (Kaiser's formulas, in Oppenheim and Schafer,
 * "Discrete-Time Signal Processing", §7.6): what lies above half the lower rate is at least that far down, and up to
 * nine tenths of it nothing is lost.
 */

/** Zero crossings of the sinc on each side. */
const crossings = 40;
/** 0.1102 (60 dB - 8.7). */
const kaiserBeta = 5.65;
/** The middle of the slope: half its width, (60 - 8) / (14.36 · 2 · crossings) of a rate, below half the lower rate. */
const cutOff = 0.5 - 52 / (14.36 * 2 * crossings) / 2;
/** Points of the table between two zero crossings; between points it is a straight line, 100 dB true. */
const pointsPerCrossing = 512;

let table: Float64Array | undefined;

/** The kernel from its middle to its end, over time in samples of the lower rate. */
function kernel(): Float64Array {
  if (table !== undefined) return table;
  table = new Float64Array(crossings * pointsPerCrossing + 2);
  for (let n = 0; n < crossings * pointsPerCrossing; n += 1) {
    const time = n / pointsPerCrossing;
    const angle = 2 * Math.PI * cutOff * time;
    const sinc = n === 0 ? 2 * cutOff : (2 * cutOff * Math.sin(angle)) / angle;
    table[n] = (sinc * besselI0(kaiserBeta * Math.sqrt(1 - (time / crossings) ** 2))) / besselI0(kaiserBeta);
  }
  return table;
}

/** The modified Bessel function of order 0, by its power series. */
function besselI0(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * Fills `out` with the samples from `from` on, counted at `toRate`. Outside of the source there is silence.
 * @param source samples at `fromRate`
 */
export function readResampled(source: Int16Array, fromRate: number, toRate: number, from: number, out: Int16Array): void {
  if (fromRate === toRate) {
    for (let n = 0; n < out.length; n += 1) out[n] = source[from + n] ?? 0;
    return;
  }
  const weights = kernel();
  // Kernel points from one source sample to the next: fewer when the source is the faster one.
  const pace = Math.min(1, toRate / fromRate);
  const step = pace * pointsPerCrossing;
  const reach = crossings / pace;
  for (let n = 0; n < out.length; n += 1) {
    const middle = ((from + n) * fromRate) / toRate;
    const first = Math.max(0, Math.ceil(middle - reach));
    const last = Math.min(source.length - 1, Math.floor(middle + reach));
    let sum = 0;
    for (let at = first; at <= last; at += 1) {
      const point = Math.abs(at - middle) * step;
      const below = Math.floor(point);
      const weight = weights[below] ?? 0;
      sum += (source[at] ?? 0) * (weight + ((weights[below + 1] ?? 0) - weight) * (point - below));
    }
    out[n] = Math.max(-32_768, Math.min(32_767, Math.round(sum * pace)));
  }
}
