/**
 * How one sender's clock runs against ours, out of when its packets arrive: pure.
 *
 * A packet may be late, never early: of every ten seconds the least delay is kept. Through those points goes a line
 * whose slope is the median of the slopes of all pairs (Theil and Sen), so that neither jitter nor an outage bends it.
 * A delay that changed once, because the network took another way, is no drift: where a step explains the points better
 * than the line does, the clock is taken to be true.
 *
 * Bound      `mostPoints`; when there are more, each two become one.
 */

const stretchMs = 10_000;
const mostPoints = 256;
/** Shorter than that, or by less in all, drift is not told from the network's jitter, and left as it is. */
const shortestMs = 60_000;
const leastPoints = 6;
const leastDriftMs = 5;
/** Quartz is true to some 100 parts a million; what runs faster or slower is no clock. */
const fastest = 1e-3;

interface Point {
  /** By the sender's timestamps, from the beginning. */
  readonly offsetMs: number;
  readonly delayMs: number;
}

export interface ClockLine {
  /** Delay at the beginning, and how it grows: a slow clock's delay grows. */
  readonly baseMs: number;
  readonly slope: number;
}

export class ClockFit {
  #points: Point[] = [];
  #stretchMs = stretchMs;
  #fromMs = 0;
  #least: Point | undefined;
  #leastOfAllMs = Number.POSITIVE_INFINITY;
  #spanMs = 0;

  /** @param delayMs arrival less timestamp */
  add(offsetMs: number, delayMs: number): void {
    if (delayMs < this.#leastOfAllMs) this.#leastOfAllMs = delayMs;
    if (offsetMs > this.#spanMs) this.#spanMs = offsetMs;
    const least = this.#least;
    if (least === undefined || offsetMs >= this.#fromMs + this.#stretchMs) {
      if (least !== undefined) this.#keep(least);
      this.#fromMs = offsetMs;
      this.#least = { offsetMs, delayMs };
    } else if (delayMs < least.delayMs) {
      this.#least = { offsetMs, delayMs };
    }
  }

  /** The delay that a packet at `offsetMs` is looked at by: the least of late, no more above the least of all than a clock can be off. */
  expectedMs(offsetMs: number): number {
    const recent = Math.min(this.#least?.delayMs ?? Number.POSITIVE_INFINITY, this.#points.at(-1)?.delayMs ?? Number.POSITIVE_INFINITY);
    return Math.min(recent, this.#leastOfAllMs + Math.max(0, offsetMs) * fastest);
  }

  /** The line under the delays; level where no drift can be told. */
  line(): ClockLine {
    const level = { baseMs: this.#leastOfAllMs, slope: 0 };
    const points = this.#least === undefined ? this.#points : [...this.#points, this.#least];
    if (points.length < leastPoints || this.#spanMs < shortestMs) return level;
    const slope = medianSlope(points);
    if (Math.abs(slope) > fastest || Math.abs(slope) * this.#spanMs < leastDriftMs) return level;
    if (stepError(points) < lineError(points, slope)) return level;
    return { baseMs: Math.min(...points.map(({ offsetMs, delayMs }) => delayMs - slope * offsetMs)), slope };
  }

  #keep(point: Point): void {
    this.#points.push(point);
    if (this.#points.length < mostPoints) return;
    this.#stretchMs *= 2;
    this.#points = this.#points.flatMap((one, n, all) => {
      const next = all[n + 1];
      if (n % 2 === 1) return [];
      return [next !== undefined && next.delayMs < one.delayMs ? next : one];
    });
  }
}

function medianSlope(points: readonly Point[]): number {
  const slopes: number[] = [];
  points.forEach((one, n) => {
    for (const other of points.slice(n + 1)) if (other.offsetMs > one.offsetMs) slopes.push((other.delayMs - one.delayMs) / (other.offsetMs - one.offsetMs));
  });
  return slopes.length === 0 ? 0 : (Float64Array.from(slopes).sort()[slopes.length >> 1] ?? 0);
}

/** The sum of squares from the mean. */
const spread = (count: number, sum: number, squares: number): number => (count === 0 ? 0 : squares - (sum * sum) / count);

function lineError(points: readonly Point[], slope: number): number {
  const rests = points.map(({ offsetMs, delayMs }) => delayMs - slope * offsetMs);
  return deviation(rests);
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}

/** What is left of the points' spread by the best single step. */
function stepError(points: readonly Point[]): number {
  const first = points[0]?.delayMs ?? 0;
  const delays = points.map(({ delayMs }) => delayMs - first);
  const total = delays.reduce((sum, one) => sum + one, 0);
  const squares = delays.reduce((sum, one) => sum + one * one, 0);
  let [least, sum, sumOfSquares] = [Number.POSITIVE_INFINITY, 0, 0];
  delays.forEach((one, n) => {
    sum += one;
    sumOfSquares += one * one;
    least = Math.min(least, spread(n + 1, sum, sumOfSquares) + spread(delays.length - n - 1, total - sum, squares - sumOfSquares));
  });
  return least;
}
