/**
 * GSM full rate at 13 kbit/s, decoded (ETSI EN 300 961, GSM 06.10; its frames in RTP: RFC 3551 §4.5.8).
 *
 * A frame of 33 octets is 20 ms at 8,000 samples a second: eight reflection coefficients for all of it, then four
 * times a lag and gain of what was said before, and thirteen pulses. All arithmetic is that of the standard, in
 * 16 bits with saturation, so decoders agree to the bit.
 *
 * Owns       the frame's layout, and what is remembered from one to the next.
 */
import assert from 'node:assert/strict';

export const gsmFrameBytes = 33;
export const gsmFrameSamples = 160;

const subframe = 40;
/** How far back a lag reaches. */
const history = 120;
/** The upper four bits of a frame's first octet (RFC 3551 §4.5.8.1). */
const signature = 0xd;

// Tables 4.1, 4.3a and 4.6 of the standard.
const larBits = [6, 6, 5, 5, 4, 4, 3, 3];
const larOffset = [0, 0, 2_048, -2_560, 94, -1_792, -341, -1_144];
const larLeast = [-32, -32, -16, -16, -8, -8, -4, -4];
const larInverse = [13_107, 13_107, 13_107, 13_107, 19_223, 17_476, 31_454, 29_708];
const gains = [3_277, 11_469, 21_299, 32_767];
const mantissas = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];

const saturated = (value: number): number => (value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : value);
/** The rounded product of two fractions (clause 5.1). */
const product = (a: number, b: number): number => (a === -32_768 && b === -32_768 ? 32_767 : (a * b + 16_384) >> 15);

class Bits {
  #at = 0;
  constructor(private readonly frame: Buffer, private readonly from: number) {}

  take(count: number): number {
    const octet = this.from + (this.#at >> 3);
    const two = ((this.frame[octet] ?? 0) << 8) | (this.frame[octet + 1] ?? 0);
    const value = (two >> (16 - (this.#at & 7) - count)) & ((1 << count) - 1);
    this.#at += count;
    return value;
  }
}

export class GsmDecoder {
  /** The excitation: what lies before the subframe, and the subframe. */
  readonly #excitation = new Int16Array(history + subframe);
  #lag = subframe;
  #areas: Int16Array = new Int16Array(8);
  readonly #lattice = new Int16Array(9);
  #deemphasis = 0;

  /** Writes 160 samples a frame into `out` from `at` on, asserts that they fit, and returns how many. Octets after the last frame are no samples; a frame without the signature is silence. */
  decode(payload: Buffer, out: Int16Array, at: number): number {
    const frames = Math.floor(payload.length / gsmFrameBytes);
    assert(at >= 0 && at + frames * gsmFrameSamples <= out.length, 'decoded samples need room');
    for (let n = 0; n < frames; n += 1) this.#frame(payload, n * gsmFrameBytes, out, at + n * gsmFrameSamples);
    return frames * gsmFrameSamples;
  }

  #frame(payload: Buffer, from: number, out: Int16Array, at: number): void {
    if ((payload[from] ?? 0) >> 4 !== signature) {
      out.fill(0, at, at + gsmFrameSamples);
      return;
    }
    const bits = new Bits(payload, from);
    bits.take(4);
    const areas = Int16Array.from(larBits, (count, n) => areaOf(bits.take(count), n));
    for (let n = 0; n < 4; n += 1) this.#excite(bits, out, at + n * subframe);
    this.#synthesize(areas, out, at);
    for (let n = at; n < at + gsmFrameSamples; n += 1) {
      this.#deemphasis = saturated((out[n] ?? 0) + product(this.#deemphasis, 28_180));
      out[n] = saturated(this.#deemphasis * 2) & 0xfff8;
    }
  }

  /** Clauses 5.3.1 and 5.3.2: pulses on their grid, upon what the lag points to. */
  #excite(bits: Bits, out: Int16Array, at: number): void {
    const lag = bits.take(7);
    const gain = gains[bits.take(2)] ?? 0;
    const grid = bits.take(2);
    const pulses = pulsesOf(bits);
    if (lag >= subframe && lag <= history) this.#lag = lag;
    const past = this.#excitation;
    for (let n = 0; n < subframe; n += 1) {
      const pulse = n >= grid && (n - grid) % 3 === 0 ? (pulses[(n - grid) / 3] ?? 0) : 0;
      past[history + n] = saturated(pulse + product(gain, past[history + n - this.#lag] ?? 0));
    }
    for (let n = 0; n < subframe; n += 1) out[at + n] = past[history + n] ?? 0;
    past.copyWithin(0, subframe);
  }

  /** Clause 5.3.3: the lattice, whose coefficients go over from those of the frame before. */
  #synthesize(areas: Int16Array, out: Int16Array, at: number): void {
    const before = this.#areas;
    const mix = (from: number, to: number, blend: (old: number, now: number) => number): void => {
      const reflections = Int16Array.from(areas, (now, n) => reflectionOf(blend(before[n] ?? 0, now)));
      this.#filter(reflections, out, at + from, at + to);
    };
    mix(0, 13, (old, now) => saturated(saturated((old >> 2) + (now >> 2)) + (old >> 1)));
    mix(13, 27, (old, now) => saturated((old >> 1) + (now >> 1)));
    mix(27, 40, (old, now) => saturated(saturated((old >> 2) + (now >> 2)) + (now >> 1)));
    mix(40, gsmFrameSamples, (_old, now) => now);
    this.#areas = areas;
  }

  #filter(reflections: Int16Array, out: Int16Array, from: number, to: number): void {
    const lattice = this.#lattice;
    for (let at = from; at < to; at += 1) {
      let sample = out[at] ?? 0;
      for (let n = 7; n >= 0; n -= 1) {
        const reflection = reflections[n] ?? 0;
        const delayed = lattice[n] ?? 0;
        sample = saturated(sample - product(reflection, delayed));
        lattice[n + 1] = saturated(delayed + product(reflection, sample));
      }
      lattice[0] = sample;
      out[at] = sample;
    }
  }
}

/** Clause 5.2.8: a logarithmic area ratio from its code. */
function areaOf(code: number, n: number): number {
  const scaled = saturated((saturated(code + (larLeast[n] ?? 0)) << 10) - ((larOffset[n] ?? 0) << 1));
  const ratio = product(larInverse[n] ?? 0, scaled);
  return saturated(ratio * 2);
}

/** Clause 5.2.9.2. */
function reflectionOf(area: number): number {
  const size = area === -32_768 ? 32_767 : Math.abs(area);
  const reflection = size < 11_059 ? size << 1 : size < 20_070 ? size + 11_059 : saturated((size >> 2) + 26_112);
  return area < 0 ? -reflection : reflection;
}

/** Clauses 5.2.15 and 5.2.16: thirteen pulses, of one size and 3 bits each. */
function pulsesOf(bits: Bits): readonly number[] {
  const size = bits.take(6);
  let exponent = size > 15 ? (size >> 3) - 1 : 0;
  let mantissa = size - (exponent << 3);
  if (mantissa === 0) {
    [exponent, mantissa] = [-4, 7];
  } else {
    while (mantissa <= 7) {
      mantissa = (mantissa << 1) | 1;
      exponent -= 1;
    }
    mantissa -= 8;
  }
  const factor = mantissas[mantissa] ?? 0;
  const shift = 6 - exponent;
  const rounding = shift === 0 ? 0 : 1 << (shift - 1);
  return Array.from({ length: 13 }, () => saturated(product(factor, ((bits.take(3) << 1) - 7) << 12) + rounding) >> shift);
}
