/**
 * Keystream of AES in counter mode, for packets of one key (RFC 3711 §4.1.1, RFC 6188 §2, RFC 7714 §8.1).
 *
 * One cipher object, or a context in OpenSSL, serves the whole life of a key: it encrypts counter blocks, and what results
 * is laid over a packet. An object a packet, as node:crypto's own counter modes need, costs several times as much; and so
 * does a call a packet: when packets of a source come in their order, the keystream of those that follow is made in the
 * same call.
 *
 * Owns       counter blocks and keystream. Bound: 8 kB for a key, and whatever one packet needs.
 * Leaves to  the transforms which octets of a packet are encrypted.
 * Invariant  nothing is kept about a source before a packet of it was confirmed.
 */
import assert from 'node:assert/strict';
import { createCipheriv, type Cipher } from 'node:crypto';
import { inNetworkOrder } from './network-order.js';
import { newHolder, openSsl } from './openssl.js';

const blockBytes = 16;
// A datagram is 65,535 octets at most.
const maxBlocks = 4_096 + 1;
const aheadPackets = 25;
const aheadBytes = 8_192;
/** Packets that may be missing where the next one comes in order all the same. */
const gapPackets = 8;

/** Sets the four words of the counter blocks of one packet; the lower half of the last one is the block's number, 0 here. */
export type BlockPrefix = (words: Int32Array, ssrc: number, indexHigh: number, indexLow: number) => void;

/** RFC 3711 §4.1.1: IV = (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16). */
export function counterModePrefix(salt: Buffer): BlockPrefix {
  assert(salt.length === 14, 'the salt of counter mode is 14 octets');
  const [first, second, third, fourth] = [salt.readUInt32BE(0), salt.readUInt32BE(4), salt.readUInt32BE(8), salt.readUInt16BE(12)];
  return (words, ssrc, indexHigh, indexLow) => {
    words[0] = first;
    words[1] = second ^ ssrc;
    words[2] = third ^ indexHigh;
    words[3] = (fourth ^ indexLow) << 16;
  };
}

/** RFC 7714 §8.1, §9.1: two zero octets, SSRC, index, XOR salt; then a counter of 32 bits. */
export function galoisPrefix(salt: Buffer): BlockPrefix {
  assert(salt.length === 12, 'the salt of Galois/counter mode is 12 octets');
  const [first, second, third] = [salt.readUInt32BE(0), salt.readUInt32BE(4), salt.readUInt32BE(8)];
  return (words, ssrc, indexHigh, indexLow) => {
    words[0] = first ^ (ssrc >>> 16);
    words[1] = second ^ ((ssrc << 16) | (indexHigh >>> 16));
    words[2] = third ^ ((indexHigh << 16) | indexLow);
    words[3] = 0;
  };
}

/** Shared: it is used up at once. */
const prefix = new Int32Array(4);

export class Keystream {
  /** What the last `find` has found: from `from` on. */
  octets: Buffer = Buffer.alloc(0);
  from = 0;
  /** The same octets, four at a time. */
  words: Int32Array = new Int32Array(0);
  readonly #encrypt: EncryptBlocks;
  readonly #prefix: BlockPrefix;
  readonly #firstBlock: number;
  /** Of the packet that was confirmed last; packet indices have 48 bits. */
  #ssrc = -1;
  #lastIndex = -1;
  /** For packets that follow it. */
  #ahead: Blocks = noBlocks;
  #firstIndex = 0;
  #packets = 0;
  #blocksEach = 0;

  /** @param firstBlock the number of the first counter block of a packet */
  constructor(key: Buffer, prefix: BlockPrefix, firstBlock: number) {
    this.#encrypt = encryptBlocks(key);
    this.#prefix = prefix;
    this.#firstBlock = firstBlock;
  }

  /**
   * Finds `bytes` octets of keystream, or more, for one packet; they stand until the next call, for whatever key.
   *
   * @param indexHigh the upper 32 bits of the 48-bit packet index: the roll-over counter
   * @param indexLow the lower 16: the sequence number
   */
  find(bytes: number, ssrc: number, indexHigh: number, indexLow: number): void {
    const blocks = Math.max(1, Math.ceil(bytes / blockBytes));
    assert(blocks <= maxBlocks, 'a packet is not longer than a datagram');
    const index = indexHigh * 0x1_0000 + indexLow;
    if (ssrc === this.#ssrc) {
      const step = index - this.#lastIndex;
      const isAhead = index >= this.#firstIndex && index < this.#firstIndex + this.#packets && blocks <= this.#blocksEach;
      if (!isAhead && step > 0 && step <= gapPackets) this.#makeAhead(index, Math.max(blocks, this.#blocksEach));
      if (isAhead || (index === this.#firstIndex && blocks <= this.#blocksEach)) {
        this.octets = this.#ahead.octets;
        this.words = this.#ahead.words;
        this.from = (index - this.#firstIndex) * this.#blocksEach * blockBytes;
        return;
      }
    }
    const { words, octets } = this.#made(ssrc, index, blocks, 1);
    this.words = words;
    this.octets = octets;
    this.from = 0;
  }

  /** That packet was authentic: those that follow it are looked for. */
  confirm(ssrc: number, indexHigh: number, indexLow: number): void {
    if (ssrc !== this.#ssrc) {
      this.#ssrc = ssrc;
      this.#packets = this.#blocksEach = 0;
      this.#firstIndex = -1;
    }
    this.#lastIndex = indexHigh * 0x1_0000 + indexLow;
  }

  #makeAhead(firstIndex: number, blocksEach: number): void {
    const packets = Math.max(1, Math.min(aheadPackets, Math.floor(aheadBytes / (blocksEach * blockBytes))));
    this.#ahead = this.#made(this.#ssrc, firstIndex, blocksEach, packets, this.#ahead);
    this.#firstIndex = firstIndex;
    this.#packets = packets;
    this.#blocksEach = blocksEach;
  }

  #made(ssrc: number, firstIndex: number, blocksEach: number, packets: number, keptIn?: Blocks): Blocks {
    const wordsWanted = packets * blocksEach * (blockBytes / 4);
    const counters = this.#encrypt.room(wordsWanted);
    let at = 0;
    for (let packet = 0; packet < packets; packet += 1) {
      const index = firstIndex + packet;
      this.#prefix(prefix, ssrc, Math.floor(index / 0x1_0000), index & 0xffff);
      const [first, second, third] = [inNetworkOrder(prefix[0] ?? 0), inNetworkOrder(prefix[1] ?? 0), inNetworkOrder(prefix[2] ?? 0)];
      const last = prefix[3] ?? 0;
      for (let block = 0; block < blocksEach; block += 1, at += 4) {
        counters[at] = first;
        counters[at + 1] = second;
        counters[at + 2] = third;
        counters[at + 3] = inNetworkOrder(last | (this.#firstBlock + block));
      }
    }
    return this.#encrypt.take(wordsWanted, keptIn);
  }
}

/** The same memory, seen twice. */
interface Blocks {
  readonly words: Int32Array;
  readonly octets: Buffer;
}

const blocksOf = (words: Int32Array): Blocks => ({ words, octets: Buffer.from(words.buffer, words.byteOffset, words.byteLength) });
const noBlocks = blocksOf(new Int32Array(0));

/** Encrypts counter blocks, which are put where it has room for them. */
interface EncryptBlocks {
  room(words: number): Int32Array;
  /** Without `keptIn` what comes of them stands until the next call, for whatever key; with it it is the caller's, and may be where `keptIn` was. */
  take(words: number, keptIn?: Blocks): Blocks;
}

function encryptBlocks(key: Buffer): EncryptBlocks {
  const aes = openSsl()?.aes;
  if (aes === undefined) return new NodeBlocks(key);
  const holder = newHolder(key);
  return {
    room: () => aes.words,
    take: (words, keptIn) => {
      aes.encrypt(holder, 4 * words);
      if (keptIn === undefined) return aes;
      const { length } = keptIn.words;
      if (length < words || length > aheadBytes / 4) return blocksOf(aes.words.slice(0, words));
      keptIn.words.set(aes.words.subarray(0, words));
      return keptIn;
    },
  };
}

/** Shared: they are filled and used up in one go. */
let counters = new Int32Array(aheadBytes / 4);

class NodeBlocks implements EncryptBlocks {
  readonly #cipher: Cipher;

  constructor(key: Buffer) {
    this.#cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  }

  room(words: number): Int32Array {
    if (words > counters.length) counters = new Int32Array(words);
    return counters;
  }

  take(words: number): Blocks {
    const made = this.#cipher.update(new Uint8Array(counters.buffer, 0, 4 * words));
    const aligned = made.byteOffset % 4 === 0 ? made : new Uint8Array(made);
    return blocksOf(new Int32Array(aligned.buffer, aligned.byteOffset, words));
  }
}

/** Lays keystream over `octets` octets, in whole words, on their way from one place to another; places are counted in words. */
export function layWords(keystream: Int32Array, keystreamAt: number, source: Int32Array, at: number, octets: number, out: Int32Array, outAt: number): void {
  const words = (octets + 3) >> 2;
  for (let n = 0; n < words; n += 1) out[outAt + n] = (source[at + n] as number) ^ (keystream[keystreamAt + n] as number);
}

/** Lays keystream over `source` from `start` to `end`, into the same place of `out`. */
export function lay(keystream: Buffer, from: number, source: Buffer, start: number, end: number, out: Buffer): void {
  const ahead = from - start;
  for (let n = start; n < end; n += 1) out[n] = (source[n] as number) ^ (keystream[n + ahead] as number);
}
