/**
 * One of G.722's two bands, as both ends keep it: the adaptive predictor and the scale factor of the quantizer
 * (ITU-T G.722, clauses 3.3 to 3.6 and 6.2).
 *
 * Encoder and decoder feed it the same quantized differences, so that both predict the same. All arithmetic is that
 * of 16-bit words that saturate, to the bit.
 *
 * Owns       what is remembered from sample to sample.
 * Leaves to  g722.ts quantizing, codes and filters.
 */

import { mantissas } from './g722-tables.js';

export const saturated = (value: number): number => (value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : value);

/** 127 of 128 of it. */
const leaked = (value: number): number => (value * 32_512) >> 15;
/** 255 of 256 of it. */
const slowlyLeaked = (value: number): number => (value * 32_640) >> 15;
const product = (coefficient: number, value: number): number => (coefficient * saturated(value * 2)) >> 15;
const negative = (value: number): boolean => value < 0;

const zeros = 6;
/** Beyond it the two poles would not be stable (clause 3.6.3). */
const secondPoleLimit = 12_288;
const poleSumLimit = 15_360;

export class G722Band {
  /** What the next sample is expected to be. */
  prediction = 0;
  /** Multiplies the levels of the quantizer. */
  scale: number;
  #logScale = 0;
  readonly #logScaleLimit: number;
  readonly #scaleShift: number;

  /** The part of the prediction that comes of the zeros. */
  #fromZeros = 0;
  readonly #zeros = new Int32Array(zeros);
  /** The last differences, the newest first. */
  readonly #differences = new Int32Array(zeros);
  #firstPole = 0;
  #secondPole = 0;
  /** The last samples as both ends know them. */
  #sample = 0;
  #sampleBefore = 0;
  /** Signs of the last samples less what the poles made of them. */
  #signBefore = false;
  #signTwoBefore = false;

  constructor(band: 'low' | 'high') {
    this.scale = band === 'low' ? 32 : 8;
    this.#logScaleLimit = band === 'low' ? 18_432 : 22_528;
    this.#scaleShift = band === 'low' ? 8 : 10;
  }

  /**
   * Takes in the difference that was quantized.
   * @param difference between sample and prediction, as the decoder knows it
   * @param logStep by how much the logarithm of the scale factor changes for this code
   */
  adapt(difference: number, logStep: number): void {
    this.#rescale(logStep);
    const sample = saturated(this.prediction + difference);
    const sign = negative(saturated(this.#fromZeros + difference));
    this.#movePoles(sign);
    this.#moveZeros(difference);
    this.#signTwoBefore = this.#signBefore;
    this.#signBefore = sign;
    this.#sampleBefore = this.#sample;
    this.#sample = sample;
    this.#predict();
  }

  /** The scale factor follows the codes logarithmically, and forgets slowly (clause 3.5). */
  #rescale(logStep: number): void {
    const next = ((this.#logScale * 127) >> 7) + logStep;
    this.#logScale = Math.min(Math.max(next, 0), this.#logScaleLimit);
    const mantissa = mantissas[(this.#logScale >> 6) & 31] ?? 0;
    const shift = this.#scaleShift - (this.#logScale >> 11);
    this.scale = (shift < 0 ? mantissa << -shift : mantissa >> shift) << 2;
  }

  #movePoles(sign: boolean): void {
    const turned = saturated(this.#firstPole * 4);
    const pull = Math.min(sign === this.#signBefore ? -turned : turned, 32_767) >> 7;
    const second = pull + (sign === this.#signTwoBefore ? 128 : -128) + leaked(this.#secondPole);
    this.#secondPole = Math.min(Math.max(second, -secondPoleLimit), secondPoleLimit);
    const limit = saturated(poleSumLimit - this.#secondPole);
    const first = saturated((sign === this.#signBefore ? 192 : -192) + slowlyLeaked(this.#firstPole));
    this.#firstPole = Math.min(Math.max(first, -limit), limit);
  }

  #moveZeros(difference: number): void {
    const step = difference === 0 ? 0 : 128;
    for (let n = zeros - 1; n >= 0; n -= 1) {
      const before = this.#differences[n] ?? 0;
      const along = negative(before) === negative(difference) ? step : -step;
      this.#zeros[n] = saturated(along + slowlyLeaked(this.#zeros[n] ?? 0));
      this.#differences[n] = n === 0 ? difference : (this.#differences[n - 1] ?? 0);
    }
  }

  #predict(): void {
    let fromZeros = 0;
    for (let n = 0; n < zeros; n += 1) fromZeros += product(this.#zeros[n] ?? 0, this.#differences[n] ?? 0);
    this.#fromZeros = saturated(fromZeros);
    const fromPoles = saturated(product(this.#firstPole, this.#sample) + product(this.#secondPole, this.#sampleBefore));
    this.prediction = saturated(fromPoles + this.#fromZeros);
  }
}
