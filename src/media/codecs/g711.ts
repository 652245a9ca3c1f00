/**
 * G.711: µ-law and A-law (ITU-T G.711, tables 1 and 2; as ITU-T G.191's reference code has them).
 *
 * Samples are 16 bits, the standard's 14 (µ-law) and 13 (A-law) left-justified: µ-law reaches ±32,124,
 * A-law ±32,256.
 *
 * Owns       octet to sample and back.
 * Leaves to  stitch/ place and time.
 */
import assert from 'node:assert/strict';

/**
 * Decodes µ-law into `out` from sample `at` on; `out` too small asserts.
 * @returns how many samples were written: one an octet
 */
export const decodePcmu = (payload: Buffer, out: Int16Array, at: number): number =>
  expand(pcmuSamples, payload, out, at);

/** As `decodePcmu`, for A-law. */
export const decodePcma = (payload: Buffer, out: Int16Array, at: number): number =>
  expand(pcmaSamples, payload, out, at);

/** Encodes to µ-law, an octet a sample, in a new buffer. Of its two zeros, 0 becomes the positive one, 0xFF. */
export const encodePcmu = (samples: Int16Array): Buffer => compress(pcmuCode, samples);

/** Encodes to A-law, an octet a sample, in a new buffer. A-law has no zero: 0 is encoded as +8, 0xD5. */
export const encodePcma = (samples: Int16Array): Buffer => compress(pcmaCode, samples);

function expand(table: Int16Array, payload: Buffer, out: Int16Array, at: number): number {
  assert(at >= 0 && at + payload.length <= out.length, 'decoded samples need room');
  for (let n = 0; n < payload.length; n += 1) out[at + n] = table[payload[n] ?? 0] ?? 0;
  return payload.length;
}

function compress(codeOf: (sample: number) => number, samples: Int16Array): Buffer {
  const codes = Buffer.allocUnsafe(samples.length);
  for (let n = 0; n < samples.length; n += 1) codes[n] = codeOf(samples[n] ?? 0);
  return codes;
}

// A code is a sign, three bits of segment and four of step; µ-law inverts all, A-law every other bit.
/** The sample of each octet of µ-law, and of A-law. */
export const pcmuSamples = Int16Array.from({ length: 256 }, (_, code) => {
  const plain = ~code & 0xff;
  const magnitude = ((((plain & 0x0f) << 3) + 0x84) << ((plain & 0x70) >> 4)) - 0x84;
  return plain >= 0x80 ? -magnitude : magnitude;
});

export const pcmaSamples = Int16Array.from({ length: 256 }, (_, code) => {
  const plain = code ^ 0x55;
  const segment = (plain & 0x70) >> 4;
  const step = (plain & 0x0f) << 4;
  const magnitude = segment === 0 ? step + 0x08 : (step + 0x108) << (segment - 1);
  return plain >= 0x80 ? magnitude : -magnitude;
});

// The complement instead of the negative keeps -32768 in range, and the intervals half open on the same side.
function pcmuCode(sample: number): number {
  const biased = Math.min((sample < 0 ? ~sample : sample) + 0x84, 0x7fff);
  const segment = 24 - Math.clz32(biased);
  return ~((sample < 0 ? 0x80 : 0) | (segment << 4) | ((biased >> (segment + 3)) & 0x0f)) & 0xff;
}

function pcmaCode(sample: number): number {
  const magnitude = sample < 0 ? ~sample : sample;
  const segment = Math.max(0, 24 - Math.clz32(magnitude));
  const step = (magnitude >> (segment === 0 ? 4 : segment + 3)) & 0x0f;
  return ((sample < 0 ? 0 : 0x80) | (segment << 4) | step) ^ 0x55;
}
