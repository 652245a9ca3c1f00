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

/**
 * The same, for a run at a fixed ratio that is read piece by piece: the weights of each place between two samples are
 * made once.
 */
export class Resampler {
  /** Samples of the source on each side of a place that its value is made of. */
  readonly reach: number;
  readonly #weights: readonly Float64Array[];
  readonly #up: number;
  readonly #down: number;

  constructor(fromRate: number, toRate: number) {
    const divisor = greatestDivisor(fromRate, toRate);
    this.#up = toRate / divisor;
    this.#down = fromRate / divisor;
    const pace = Math.min(1, toRate / fromRate);
    this.reach = Math.ceil(crossings / pace);
    const points = kernel();
    this.#weights = Array.from({ length: this.#up }, (_, phase) =>
      Float64Array.from({ length: 2 * this.reach }, (__, n) => {
        // Its place is `phase / up` behind the sample in the middle.
        const point = Math.abs(n - (this.reach - 1) - phase / this.#up) * pace * pointsPerCrossing;
        const below = Math.floor(point);
        const weight = points[below] ?? 0;
        return point >= crossings * pointsPerCrossing ? 0 : (weight + ((points[below + 1] ?? 0) - weight) * (point - below)) * pace;
      }),
    );
  }

  /** The first sample of the source that `out` from `from` on is made of. */
  firstNeeded(from: number): number {
    return Math.floor((from * this.#down) / this.#up) - this.reach + 1;
  }

  /** How many samples of the source so many of the output need. */
  needed(from: number, count: number): number {
    return this.firstNeeded(from + count - 1) + 2 * this.reach - this.firstNeeded(from);
  }

  /**
   * Adds the samples from `from` on, counted at the output's rate, to `out`, within the range of 16 bits.
   * @param source those from `firstNeeded(from)` on
   */
  add(source: Int16Array, from: number, out: Int16Array): void {
    const taps = 2 * this.reach;
    const first = this.firstNeeded(from);
    for (let n = 0; n < out.length; n += 1) {
      const place = (from + n) * this.#down;
      const whole = Math.floor(place / this.#up);
      const weights = this.#weights[place - whole * this.#up];
      if (weights === undefined) continue;
      const begin = whole - this.reach + 1 - first;
      let sum = 0;
      for (let tap = 0; tap < taps; tap += 1) sum += (source[begin + tap] ?? 0) * (weights[tap] ?? 0);
      out[n] = Math.max(-32_768, Math.min(32_767, Math.round((out[n] ?? 0) + sum)));
    }
  }
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));
