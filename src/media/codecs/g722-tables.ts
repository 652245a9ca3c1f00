/**
 * The constants of G.722 at 64 kbit/s (ITU-T G.722, 09/2012, clause 6), as fixed-point numbers.
 *
 * Owns       numbers alone.
 * Leaves to  g722-band.ts and g722.ts what is done with them.
 */

/** The first half of the 24 coefficients of the quadrature mirror filters, clause 6.2.1.1; the second mirrors it. */
const qmfHalf = [3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876];
export const qmf = Int32Array.from([...qmfHalf, ...qmfHalf.toReversed()]);

/** Where one step of the lower band's quantizer of 60 ends and the next begins, for a scale factor of 4,096. */
export const lowDecisions = Int32Array.of(
  35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714,
  786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
);

/** What a step stands for, for a scale factor of 32,768: the smallest first, positive ones. */
const lowOutputs = [
  136, 432, 728, 1040, 1360, 1688, 2032, 2400, 2776, 3168, 3576, 4008, 4464, 4944, 5456,
  6000, 6576, 7192, 7856, 8576, 9360, 10232, 11192, 12280, 13512, 14984, 16704, 19008, 21904, 24808,
];

/** The six bits of a step: the lower the number the larger the step, the two smallest negative ones at the end. */
export const lowCode = (step: number, negative: boolean): number => (negative ? (step < 2 ? 63 : 33) : 61) - step;

/** By these six bits. The codes below 4 are never sent; a receiver takes them for the smallest negative step. */
export const lowOutput = new Int32Array(64).fill(-136);
lowOutputs.forEach((output, step) => {
  lowOutput[lowCode(step, false)] = output;
  lowOutput[lowCode(step, true)] = -output;
});

/** By the upper four of these bits: what predictor and scale factor of both ends follow. */
export const lowFeedback = Int32Array.of(0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0);

/** By the same four bits: how the scale factor's logarithm changes. */
const lowWeights = [-60, -30, 58, 172, 334, 538, 1198, 3042];
export const lowLogSteps = Int32Array.from({ length: 16 }, (_, bits) => lowWeights[bits === 0 || bits === 15 ? 0 : (bits < 8 ? 8 : 15) - bits] ?? 0);

/** Of the higher band, by its two bits. */
export const highOutput = Int32Array.of(-7408, -1616, 7408, 1616);
export const highLogSteps = Int32Array.of(798, -214, 798, -214);
/** Where its small step ends, for a scale factor of 4,096. */
export const highDecision = 564;

/** 2,048 times two to the power of n 32nds: the mantissa of a scale factor. */
export const mantissas = Int32Array.from({ length: 32 }, (_, n) => Math.round(2048 * 2 ** (n / 32)));
