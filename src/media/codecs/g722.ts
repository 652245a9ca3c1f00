/**
 * G.722 at 64 kbit/s: 16,000 samples a second in two bands, each an adaptive differential PCM (ITU-T G.722, 09/2012).
 *
 * An octet holds two samples, the higher band in its upper two bits. Its RTP clock has 8,000 ticks a second
 * (RFC 3551 §4.5.2), so an octet is a tick. Both ends agree to the bit, and what one has forgotten of the other's state
 * fades away by itself, within 0.2 s for the most part.
 *
 * Owns       the filters that split and join the bands, and the codes.
 * Leaves to  g722-band.ts what is remembered of each band; callers one instance a stream.
 */
import assert from 'node:assert/strict';
import { G722Band, saturated } from './g722-band.js';
import { highDecision, highLogSteps, highOutput, lowCode, lowDecisions, lowFeedback, lowLogSteps, lowOutput, qmf } from './g722-tables.js';

const taps = qmf.length;

/** The last samples of a filter, oldest first, two by two: a ring would cost more than the copy of 22 numbers. */
class Past {
  readonly #samples = new Int32Array(taps);
  /** Sums over the taps of even and of odd place. */
  even = 0;
  odd = 0;

  push(first: number, second: number): void {
    const samples = this.#samples;
    samples.copyWithin(0, 2);
    samples[taps - 2] = first;
    samples[taps - 1] = second;
    let [even, odd] = [0, 0];
    for (let n = 0; n < taps; n += 2) {
      even += (samples[n] ?? 0) * (qmf[n] ?? 0);
      odd += (samples[n + 1] ?? 0) * (qmf[n + 1] ?? 0);
    }
    this.even = even;
    this.odd = odd;
  }
}

export class G722Encoder {
  readonly #past = new Past();
  readonly #low = new G722Band('low');
  readonly #high = new G722Band('high');

  /** An octet for two samples of 16,000 a second, in a new buffer. An odd number asserts. */
  encode(samples: Int16Array): Buffer {
    assert(samples.length % 2 === 0, 'G.722 takes samples by two');
    const codes = Buffer.allocUnsafe(samples.length / 2);
    for (let n = 0; n < codes.length; n += 1) {
      this.#past.push(samples[2 * n] ?? 0, samples[2 * n + 1] ?? 0);
      const { even, odd } = this.#past;
      codes[n] = (this.#encodeHigh((odd - even) >> 14) << 6) | this.#encodeLow((odd + even) >> 14);
    }
    return codes;
  }

  #encodeLow(sample: number): number {
    const band = this.#low;
    const difference = saturated(sample - band.prediction);
    const size = difference < 0 ? ~difference : difference;
    let step = 0;
    while (step < lowDecisions.length && size >= ((lowDecisions[step] ?? 0) * band.scale) >> 12) step += 1;
    const code = lowCode(step, difference < 0);
    takeLow(band, code);
    return code;
  }

  #encodeHigh(sample: number): number {
    const band = this.#high;
    const difference = saturated(sample - band.prediction);
    const size = difference < 0 ? ~difference : difference;
    const small = size < (highDecision * band.scale) >> 12 ? 1 : 0;
    const code = (difference < 0 ? 0 : 2) + small;
    takeHigh(band, code);
    return code;
  }
}

export class G722Decoder {
  readonly #past = new Past();
  readonly #low = new G722Band('low');
  readonly #high = new G722Band('high');

  /** Writes two samples an octet into `out` from `at` on, asserts that they fit, and returns how many. */
  decode(payload: Buffer, out: Int16Array, at: number): number {
    assert(at >= 0 && at + 2 * payload.length <= out.length, 'decoded samples need room');
    for (let n = 0; n < payload.length; n += 1) {
      const octet = payload[n] ?? 0;
      const low = decodeLow(this.#low, octet & 63);
      const high = decodeHigh(this.#high, octet >> 6);
      this.#past.push(low + high, low - high);
      out[at + 2 * n] = saturated(this.#past.odd >> 11);
      out[at + 2 * n + 1] = saturated(this.#past.even >> 11);
    }
    return 2 * payload.length;
  }
}

const takeLow = (band: G722Band, code: number): void => band.adapt((band.scale * (lowFeedback[code >> 2] ?? 0)) >> 15, lowLogSteps[code >> 2] ?? 0);
const takeHigh = (band: G722Band, code: number): void => band.adapt((band.scale * (highOutput[code] ?? 0)) >> 15, highLogSteps[code] ?? 0);

/** Half the range of 16 bits is a band's (clause 6.2.1.2). */
const limited = (value: number): number => Math.min(Math.max(value, -16_384), 16_383);

function decodeLow(band: G722Band, code: number): number {
  const sample = limited(band.prediction + ((band.scale * (lowOutput[code] ?? 0)) >> 15));
  takeLow(band, code);
  return sample;
}

function decodeHigh(band: G722Band, code: number): number {
  const sample = limited(band.prediction + ((band.scale * (highOutput[code] ?? 0)) >> 15));
  takeHigh(band, code);
  return sample;
}
