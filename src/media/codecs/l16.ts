/**
 * L16: samples of 16 bits as they are, the most significant octet first (RFC 3551 §4.5.11).
 *
 * Owns       octets to samples and back, and the way from a switch's interleaved samples to them.
 */
import assert from 'node:assert/strict';

/**
 * Decodes into `out` from sample `at` on; `out` too small asserts. Of two channels it is their mean. Octets at the end
 * that are no whole frame are no sample.
 * @returns how many samples were written
 */
export function decodeL16(payload: Buffer, out: Int16Array, at: number, channels = 1): number {
  const count = Math.floor(payload.length / (2 * channels));
  assert(at >= 0 && at + count <= out.length, 'decoded samples need room');
  for (let n = 0; n < count; n += 1) {
    out[at + n] = channels === 1 ? payload.readInt16BE(2 * n) : Math.round((payload.readInt16BE(4 * n) + payload.readInt16BE(4 * n + 2)) / 2);
  }
  return count;
}

/**
 * One channel of interleaved little-endian samples as a payload, in a new buffer.
 * @param samples whole frames, each of `channels` samples
 */
export function l16Channel(samples: Buffer, channels: number, channel: number): Buffer {
  const frames = Math.floor(samples.length / (2 * channels));
  const payload = Buffer.allocUnsafe(2 * frames);
  for (let frame = 0; frame < frames; frame += 1) {
    const at = 2 * (frame * channels + channel);
    payload[2 * frame] = samples[at + 1] ?? 0;
    payload[2 * frame + 1] = samples[at] ?? 0;
  }
  return payload;
}
