/**
 * FLAC (RFC 9639), written as the samples come: lossless, about half the size of WAV, less where there is silence.
 *
 * Fixed predictors alone (§9.2.5), each channel by itself: parties of a call have nothing in common that another
 * subframe could save, and adaptive ones cost ten times the CPU for a few hundredths of the size. Samples of G.711 have
 * zeros at their end, which are not written (§9.2.2).
 *
 * The header says how many samples there are, and no digest of them: it is written first, and a recording is never
 * held as a whole. What rests is sealed, which is a better digest.
 */
import assert from 'node:assert/strict';
import type { AudioShape, AudioWriter } from './audio-writer.js';
import { BitWriter } from './bit-writer.js';
import { flacBlockFrames, flacCrc16, flacCrc8, rateCodes } from './flac-layout.js';

const sampleBits = 16;
const highestOrder = 4;
/** Partitions of a residual: 2 to this; each has a parameter of its own (§9.2.7). */
const partitionOrder = 4;
const mostParameter = 14;

export function openFlacWriter({ channels, sampleRate, frames }: AudioShape): AudioWriter {
  assert(channels >= 1 && channels <= 8 && sampleRate < 1 << 20, 'FLAC has 1 to 8 channels');
  const bits = new BitWriter();
  const held = Array.from({ length: channels }, () => new Int16Array(flacBlockFrames));
  const residual = new Int32Array(flacBlockFrames);
  let heldFrames = 0;
  let frameNumber = 0;
  writeStreamInfo(bits, channels, sampleRate, frames);

  const writeFrame = (): void => {
    const from = bits.length;
    writeFrameHead(bits, { channels, sampleRate, frames: heldFrames, number: frameNumber });
    bits.put(flacCrc8(bits.written, from, bits.length), 8);
    for (const samples of held) writeSubframe(bits, samples.subarray(0, heldFrames), residual);
    bits.align();
    bits.put(flacCrc16(bits.written, from, bits.length), 16);
    frameNumber += 1;
    heldFrames = 0;
  };
  const taken = (): Uint8Array => {
    const written = bits.written.slice();
    bits.reset();
    return written;
  };
  return {
    write(block) {
      const count = block[0]?.length ?? 0;
      for (let at = 0; at < count; ) {
        const part = Math.min(count - at, flacBlockFrames - heldFrames);
        held.forEach((samples, channel) => samples.set((block[channel] ?? new Int16Array(count)).subarray(at, at + part), heldFrames));
        heldFrames += part;
        at += part;
        if (heldFrames === flacBlockFrames) writeFrame();
      }
      return taken();
    },
    end() {
      if (heldFrames > 0) writeFrame();
      return taken();
    },
    close: () => undefined,
  };
}

/** §8: the signature and one metadata block, the last. */
function writeStreamInfo(bits: BitWriter, channels: number, sampleRate: number, frames: number): void {
  for (const letter of Buffer.from('fLaC')) bits.put(letter, 8);
  bits.put(0x80, 8);
  bits.put(34, 24);
  for (let n = 0; n < 2; n += 1) bits.put(flacBlockFrames, 16);
  // The least and the largest frame: not known.
  for (let n = 0; n < 2; n += 1) bits.put(0, 24);
  bits.put(sampleRate, 20);
  bits.put(channels - 1, 3);
  bits.put(sampleBits - 1, 5);
  // 36 bits; what does not fit is told as unknown.
  const known = frames < 2 ** 36 ? frames : 0;
  bits.put(Math.floor(known / 2 ** 24), 12);
  bits.put(known % 2 ** 24, 24);
  for (let n = 0; n < 16; n += 1) bits.put(0, 8);
}

/** §9.1. */
function writeFrameHead(bits: BitWriter, { channels, sampleRate, frames, number }: { channels: number; sampleRate: number; frames: number; number: number }): void {
  const rateCode = rateCodes.get(sampleRate) ?? (sampleRate < 1 << 16 ? 13 : 0);
  bits.put(0xfff8, 16);
  bits.put(frames === flacBlockFrames ? 12 : 7, 4);
  bits.put(rateCode, 4);
  bits.put(channels - 1, 4);
  bits.put(4, 3);
  bits.put(0, 1);
  putNumber(bits, number);
  if (frames !== flacBlockFrames) bits.put(frames - 1, 16);
  if (rateCode === 13) bits.put(sampleRate, 16);
}

/** As UTF-8 would, up to 36 bits (§9.1.5). */
function putNumber(bits: BitWriter, number: number): void {
  if (number < 0x80) {
    bits.put(number, 8);
    return;
  }
  let more = 1;
  while (number >= 2 ** (6 * more + (6 - more))) more += 1;
  bits.put((0xff00 >> (more + 1)) | Math.floor(number / 2 ** (6 * more)), 8);
  for (let n = more - 1; n >= 0; n -= 1) bits.put(0x80 | (Math.floor(number / 2 ** (6 * n)) & 0x3f), 8);
}

function writeSubframe(bits: BitWriter, samples: Int16Array, residual: Int32Array): void {
  const first = samples[0] ?? 0;
  let [all, varied] = [0, 0];
  for (let n = 0; n < samples.length; n += 1) {
    all |= samples[n] ?? 0;
    varied |= (samples[n] ?? 0) ^ first;
  }
  if (varied === 0) {
    bits.put(0, 8);
    bits.put(first, sampleBits);
    return;
  }
  const wasted = 31 - Math.clz32(all & -all);
  const order = bestOrder(samples, wasted);
  bits.put(0, 1);
  bits.put(8 + order, 6);
  if (wasted === 0) bits.put(0, 1);
  else {
    bits.put(1, 1);
    bits.put(1, wasted);
  }
  for (let n = 0; n < order; n += 1) bits.put((samples[n] ?? 0) >> wasted, sampleBits - wasted);
  predict(samples, wasted, order, residual);
  writeResidual(bits, residual, order, samples.length);
}

/** Of the fixed predictors (§9.2.5) the one whose errors are least in sum. */
function bestOrder(samples: Int16Array, wasted: number): number {
  if (samples.length <= highestOrder) return 0;
  let [before0, before1, before2, before3] = [0, 0, 0, 0];
  let [sum0, sum1, sum2, sum3, sum4] = [0, 0, 0, 0, 0];
  for (let n = 0; n < samples.length; n += 1) {
    const error0 = (samples[n] ?? 0) >> wasted;
    const error1 = error0 - before0;
    const error2 = error1 - before1;
    const error3 = error2 - before2;
    const error4 = error3 - before3;
    before0 = error0;
    before1 = error1;
    before2 = error2;
    before3 = error3;
    // The first errors are of a history that there is not.
    if (n < highestOrder) continue;
    // The absolute values, without branches: signs are noise, and no processor foresees them.
    sum0 += (error0 ^ (error0 >> 31)) - (error0 >> 31);
    sum1 += (error1 ^ (error1 >> 31)) - (error1 >> 31);
    sum2 += (error2 ^ (error2 >> 31)) - (error2 >> 31);
    sum3 += (error3 ^ (error3 >> 31)) - (error3 >> 31);
    sum4 += (error4 ^ (error4 >> 31)) - (error4 >> 31);
  }
  const sums = [sum0, sum1, sum2, sum3, sum4];
  return sums.indexOf(Math.min(...sums));
}

function predict(samples: Int16Array, wasted: number, order: number, residual: Int32Array): void {
  for (let n = 0; n < samples.length; n += 1) residual[n] = (samples[n] ?? 0) >> wasted;
  // Differences of differences, from the end, so that each still finds the one before it.
  for (let round = 0; round < order; round += 1) {
    for (let n = samples.length - 1; n > round; n -= 1) residual[n] = (residual[n] ?? 0) - (residual[n - 1] ?? 0);
  }
}

/** §9.2.7, with parameters of four bits. */
function writeResidual(bits: BitWriter, residual: Int32Array, order: number, count: number): void {
  const partitions = count === flacBlockFrames ? partitionOrder : 0;
  const size = count >> partitions;
  bits.put(0, 2);
  bits.put(partitions, 4);
  for (let partition = 0; partition < 1 << partitions; partition += 1) {
    const from = partition === 0 ? order : partition * size;
    const to = (partition + 1) * size;
    const parameter = bestParameter(residual, from, to);
    bits.put(parameter, 4);
    bits.putRice(residual, from, to, parameter);
  }
}

/** That of a geometric distribution with the values' mean. */
function bestParameter(residual: Int32Array, from: number, to: number): number {
  let sum = 0;
  for (let n = from; n < to; n += 1) {
    const value = residual[n] ?? 0;
    sum += (value ^ (value >> 31)) - (value >> 31);
  }
  const mean = (2 * sum) / Math.max(1, to - from);
  let parameter = 0;
  while (parameter < mostParameter && 1 << (parameter + 1) < mean * 1.4) parameter += 1;
  return parameter;
}
