/** WAV files, written as the samples come: PCM of 16 bits, or G.711 as it came. */
import { encodeWavHeader } from '../wav.js';
import type { AudioShape, AudioWriter } from './audio-writer.js';

/** @throws Failure AUDIO_UNUSABLE when it would be longer than a WAV file can be. */
export function openWavWriter({ channels, sampleRate, frames, codes }: AudioShape): AudioWriter {
  let head: Buffer | undefined = encodeWavHeader(codes === undefined ? { channels, sampleRate, bitsPerSample: 16, format: 'pcm', frames } : { channels, sampleRate, bitsPerSample: 8, format: codes === 'PCMU' ? 'pcmu' : 'pcma', frames });
  // One buffer for all pieces: a new one for each would cost as much as filling it.
  let room = new ArrayBuffer(0);
  const interleave = (block: readonly Int16Array[]): Buffer => {
    const bytes = (block[0]?.length ?? 0) * block.length * 2;
    if (room.byteLength < bytes) room = new ArrayBuffer(bytes);
    return codes === undefined ? interleaved(block, room) : interleavedCodes(block, room);
  };
  const dataBytes = frames * channels * (codes === undefined ? 2 : 1);
  return {
    write(block) {
      const data = interleave(block);
      if (head === undefined) return data;
      const first = Buffer.concat([head, data]);
      head = undefined;
      return first;
    },
    // RIFF: a chunk of odd length has a pad octet.
    end: () => Buffer.concat([head ?? Buffer.alloc(0), Buffer.alloc(dataBytes % 2)]),
    close: () => undefined,
  };
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function interleaved(block: readonly Int16Array[], room: ArrayBuffer): Buffer {
  const frames = block[0]?.length ?? 0;
  const channels = block.length;
  const out = new Int16Array(room, 0, frames * channels);
  const [left, right] = block;
  if (channels === 2 && left !== undefined && right !== undefined && littleEndian) {
    interleavePairs(left, right, new Int32Array(room, 0, frames));
  } else {
    block.forEach((samples, channel) => {
      for (let n = 0; n < frames; n += 1) out[n * channels + channel] = samples[n] ?? 0;
    });
  }
  const bytes = Buffer.from(room, 0, out.byteLength);
  return littleEndian ? bytes : bytes.swap16();
}

/** The hot loop of an hour's call: two samples a side are loaded at once, where they lie for that, and both sides stored at once. */
function interleavePairs(left: Int16Array, right: Int16Array, pairs: Int32Array): void {
  const frames = pairs.length;
  const twos = (left.byteOffset | right.byteOffset) % 4 === 0 ? frames >> 1 : 0;
  const lefts = new Int32Array(left.buffer, twos === 0 ? 0 : left.byteOffset, twos);
  const rights = new Int32Array(right.buffer, twos === 0 ? 0 : right.byteOffset, twos);
  for (let n = 0; n < twos; n += 1) {
    const two = lefts[n] ?? 0;
    const other = rights[n] ?? 0;
    pairs[2 * n] = (two & 0xffff) | (other << 16);
    pairs[2 * n + 1] = (two >>> 16) | (other & 0xffff_0000);
  }
  for (let n = 2 * twos; n < frames; n += 1) pairs[n] = ((left[n] ?? 0) & 0xffff) | ((right[n] ?? 0) << 16);
}

function interleavedCodes(block: readonly Int16Array[], room: ArrayBuffer): Buffer {
  const out = Buffer.from(room, 0, (block[0]?.length ?? 0) * block.length);
  block.forEach((codes, channel) => {
    for (let n = 0; n < codes.length; n += 1) out[n * block.length + channel] = codes[n] ?? 0;
  });
  return out;
}
