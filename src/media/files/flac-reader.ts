/**
 * FLAC (RFC 9639) of 16 bits, read piece by piece; each frame is proved by its checksums.
 *
 * Invariant  no more is held than the longest frame of the largest block that the file announces.
 */
import type { AudioInfo, AudioReader, AudioReject } from './audio-reader.js';
import { BitReader } from './bit-reader.js';
import { flacCrc16, flacCrc8, rateCodes } from './flac-layout.js';

type Block = readonly Int16Array[];

interface StreamInfo extends AudioInfo {
  readonly largestBlock: number;
}

const streamInfoBytes = 34;
const longestHeadBytes = 1 << 20;
const sampleBits = 16;

export function openFlacReader(): AudioReader {
  let held: Buffer = Buffer.alloc(0);
  let info: StreamInfo | undefined;
  let frames = 0;

  const taken = (last: boolean): readonly Block[] | AudioReject => {
    if (info === undefined) {
      const head = headOf(held);
      if (head === 'cut') return last || held.length > longestHeadBytes ? 'not-flac' : [];
      if (typeof head === 'string') return head;
      info = head.info;
      held = held.subarray(head.bytes);
    }
    const blocks: Block[] = [];
    // What is shorter than a frame may be is only read when nothing more comes.
    const enough = info.channels * info.largestBlock * 4 + 64;
    let at = 0;
    while (at < held.length && (last || held.length - at > enough)) {
      const frame = frameAt(held, at, info);
      if (typeof frame === 'string') return frame;
      blocks.push(frame.block);
      frames += frame.block[0]?.length ?? 0;
      at = frame.end;
    }
    held = held.subarray(at);
    return blocks;
  };
  return {
    get info() {
      return info;
    },
    push(piece) {
      held = held.length === 0 ? piece : Buffer.concat([held, piece]);
      return taken(false);
    },
    end() {
      const rest = taken(true);
      if (typeof rest === 'string') return rest;
      return info?.frames === undefined || info.frames === frames ? rest : frames < info.frames ? 'cut' : 'sizes-disagree';
    },
    close: () => undefined,
  };
}

/** §8. */
function headOf(file: Buffer): { readonly info: StreamInfo; readonly bytes: number } | AudioReject {
  if (file.length < 4) return 'cut';
  if (file.toString('latin1', 0, 4) !== 'fLaC') return 'not-flac';
  let info: StreamInfo | undefined;
  for (let at = 4; ; ) {
    if (file.length < at + 4) return 'cut';
    const kind = file.readUInt8(at);
    const bytes = file.readUIntBE(at + 1, 3);
    if ((kind & 0x7f) === 0) {
      if (bytes !== streamInfoBytes) return 'not-flac';
      if (file.length < at + 4 + bytes) return 'cut';
      const parsed = parseStreamInfo(file.subarray(at + 4, at + 4 + bytes));
      if (typeof parsed === 'string') return parsed;
      info = parsed;
    }
    at += 4 + bytes;
    if (kind >= 0x80) return info === undefined ? 'not-flac' : file.length < at ? 'cut' : { info, bytes: at };
  }
}

function parseStreamInfo(body: Buffer): StreamInfo | AudioReject {
  const bits = new BitReader(body, 2);
  const largestBlock = bits.take(16);
  bits.at += 48;
  const [sampleRate, channels, width] = [bits.take(20), bits.take(3) + 1, bits.take(5) + 1];
  const frames = bits.take(12) * 2 ** 24 + bits.take(24);
  if (width !== sampleBits) return 'unsupported';
  if (sampleRate === 0 || largestBlock < 16) return 'not-flac';
  return { largestBlock, sampleRate, channels, frames: frames === 0 ? undefined : frames };
}

/** §9: one frame; `end` is where the next begins. */
function frameAt(file: Buffer, from: number, info: StreamInfo): { readonly block: Block; readonly end: number } | AudioReject {
  const bits = new BitReader(file, from);
  const sync = bits.take(15);
  bits.take(1);
  const [sizeCode, rateCode, layout, width] = [bits.take(4), bits.take(4), bits.take(4), bits.take(3)];
  const reserved = bits.take(1);
  const lead = bits.take(8);
  const more = Math.clz32(~lead & 0xff) - 24;
  for (let n = 1; n < more; n += 1) bits.take(8);
  const size = sizeCode === 6 ? bits.take(8) + 1 : sizeCode === 7 ? bits.take(16) + 1 : sizeCode === 1 ? 192 : sizeCode >= 8 ? 256 << (sizeCode - 8) : sizeCode >= 2 ? 576 << (sizeCode - 2) : 0;
  const rate = rateCode === 12 ? bits.take(8) * 1000 : rateCode === 13 ? bits.take(16) : rateCode === 14 ? bits.take(16) * 10 : rateCode === 0 ? info.sampleRate : [...rateCodes].find(([, code]) => code === rateCode)?.[0];
  const headEnd = bits.at >> 3;
  const crc8 = bits.take(8);
  if (bits.isCut()) return 'cut';
  if (sync !== 0x7ffc || reserved !== 0 || size === 0 || size > info.largestBlock || layout > 7 || layout + 1 !== info.channels || rate !== info.sampleRate || (width !== 4 && width !== 0)) return sync === 0x7ffc && layout > 7 && layout < 11 ? 'unsupported' : 'damaged';
  if (flacCrc8(file, from, headEnd) !== crc8) return 'damaged';
  const block: Int16Array[] = [];
  for (let channel = 0; channel < info.channels; channel += 1) {
    const samples = subframe(bits, size);
    if (typeof samples === 'string') return samples;
    block.push(samples);
  }
  bits.align();
  const end = bits.at >> 3;
  const crc16 = bits.take(16);
  if (bits.isCut()) return 'cut';
  return flacCrc16(file, from, end) === crc16 ? { block, end: end + 2 } : 'damaged';
}

const fixed: readonly (readonly number[])[] = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];

/** §9.2. */
function subframe(bits: BitReader, size: number): Int16Array | AudioReject {
  const padding = bits.take(1);
  const kind = bits.take(6);
  const wasted = bits.take(1) === 0 ? 0 : bits.takeUnary() + 1;
  if (padding !== 0 || wasted >= sampleBits) return bits.isCut() ? 'cut' : 'damaged';
  const width = sampleBits - wasted;
  const values = new Int32Array(size);
  if (kind === 0) values.fill(bits.takeSigned(width));
  else if (kind === 1) for (let n = 0; n < size && !bits.isCut(); n += 1) values[n] = bits.takeSigned(width);
  else if (kind >= 8 && kind <= 12) {
    const refused = predicted(bits, values, width, kind - 8, fixed[kind - 8] ?? [], 0);
    if (refused !== undefined) return refused;
  } else if (kind >= 32) {
    const refused = adaptive(bits, values, width, kind - 31);
    if (refused !== undefined) return refused;
  } else return 'damaged';
  if (bits.isCut()) return 'cut';
  return Int16Array.from(values, (value) => value << wasted);
}

/** §9.2.6. */
function adaptive(bits: BitReader, values: Int32Array, width: number, order: number): AudioReject | undefined {
  if (order > values.length) return 'damaged';
  for (let n = 0; n < order; n += 1) values[n] = bits.takeSigned(width);
  const precision = bits.take(4) + 1;
  const shift = bits.takeSigned(5);
  if (precision === 16 || shift < 0) return 'damaged';
  const factors = Array.from({ length: order }, () => bits.takeSigned(precision));
  const refused = residual(bits, values, order);
  if (refused === undefined) addPrediction(values, order, factors, shift);
  return refused;
}

function predicted(bits: BitReader, values: Int32Array, width: number, order: number, factors: readonly number[], shift: number): AudioReject | undefined {
  if (order > values.length) return 'damaged';
  for (let n = 0; n < order; n += 1) values[n] = bits.takeSigned(width);
  const refused = residual(bits, values, order);
  if (refused === undefined) addPrediction(values, order, factors, shift);
  return refused;
}

function addPrediction(values: Int32Array, order: number, factors: readonly number[], shift: number): void {
  for (let n = order; n < values.length; n += 1) {
    let foretold = 0;
    for (let k = 0; k < order; k += 1) foretold += (factors[k] ?? 0) * (values[n - 1 - k] ?? 0);
    values[n] = (values[n] ?? 0) + Math.floor(foretold / 2 ** shift);
  }
}

/** §9.2.7: into `values`, behind the first `order`. */
function residual(bits: BitReader, values: Int32Array, order: number): AudioReject | undefined {
  const method = bits.take(2);
  const partitions = 1 << bits.take(4);
  const size = values.length / partitions;
  if (method > 1 || !Number.isInteger(size) || size < order) return bits.isCut() ? 'cut' : 'damaged';
  const width = method === 0 ? 4 : 5;
  for (let partition = 0; partition < partitions && !bits.isCut(); partition += 1) {
    const parameter = bits.take(width);
    const escaped = parameter === (1 << width) - 1 ? bits.take(5) : undefined;
    for (let n = partition === 0 ? order : partition * size; n < (partition + 1) * size && !bits.isCut(); n += 1) {
      if (escaped !== undefined) values[n] = bits.takeSigned(escaped);
      else {
        const folded = bits.takeUnary() * 2 ** parameter + bits.take(parameter);
        values[n] = folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
      }
    }
  }
  return bits.isCut() ? 'cut' : undefined;
}
