/**
 * GHASH (NIST SP 800-38D §6.4): by the OpenSSL of this process, or with a table of 256 multiples of the key, one step an
 * octet.
 *
 * Elements are four words, the first octet's highest bit being the coefficient of x^0 (§6.3).
 */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { inNetworkOrder } from './network-order.js';
import { newHolder, openSsl, type GhashBlocks, type KeyHolder } from './openssl.js';

/** Of one packet after the other. */
export interface PacketHash {
  /** Hashes the first octets of `associated`, then those of `body` from `start` to `end`, and both lengths. */
  hash(associated: Buffer, associatedBytes: number, body: Buffer, start: number, end: number): void;
  /** Word `n` of the hash, 0 to 3; its highest octet is the first. */
  word(n: number): number;
  /** Where there is a copy of that body, from word `at` on, until the next packet of any key. Undefined where there is none. */
  readonly taken: { readonly words: Int32Array; readonly at: number } | undefined;
}

/** @param key of AES */
export function packetHash(key: Buffer): PacketHash {
  const blocks = openSsl()?.ghash;
  if (blocks !== undefined) return new OpenSslGhash(blocks, newHolder(key));
  return new Ghash(createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false).update(Buffer.alloc(16)));
}

/** Of a datagram, with room for an index. */
const longestBody = 65_600;
const wholeBlocks = (bytes: number): number => (bytes + blockBytes - 1) & -blockBytes;

class OpenSslGhash implements PacketHash {
  readonly taken: { words: Int32Array; at: number };
  #result = 0;

  constructor(
    private readonly blocks: GhashBlocks,
    private readonly holder: KeyHolder,
  ) {
    this.taken = { words: blocks.words, at: blocks.at >> 2 };
  }

  hash(associated: Buffer, associatedBytes: number, body: Buffer, start: number, end: number): void {
    const { memory, words, at } = this.blocks;
    const bodyAt = at + wholeBlocks(associatedBytes);
    assert(start <= associatedBytes && associatedBytes <= longestBody && body.length <= longestBody && end <= body.length, 'a packet is not longer than a datagram');
    // All of it, so that no view of a part has to be made: what comes before `start` is written over.
    memory.set(body, bodyAt - start);
    const bodyEnd = bodyAt + end - start;
    const lengthsAt = at + wholeBlocks(associatedBytes) + wholeBlocks(end - start);
    for (let n = bodyEnd; n < lengthsAt; n += 1) memory[n] = 0;
    for (let n = 0; n < associatedBytes; n += 1) memory[at + n] = associated[n] as number;
    for (let n = at + associatedBytes; n < bodyAt; n += 1) memory[n] = 0;
    const lengths = lengthsAt >> 2;
    words[lengths] = words[lengths + 2] = 0;
    words[lengths + 1] = inNetworkOrder(associatedBytes * 8);
    words[lengths + 3] = inNetworkOrder((end - start) * 8);
    this.#result = this.blocks.hash(this.holder, lengthsAt + blockBytes - at);
    this.taken.at = bodyAt >> 2;
  }

  word(n: number): number {
    return inNetworkOrder(this.blocks.words[(this.#result >> 2) + n] as number);
  }
}
const blockBytes = 16;

/** What an octet that is shifted out at the low end comes back as, at the high end, 16 bits of it. */
const reductions = Uint16Array.from({ length: 256 }, (_, octet) => {
  let [low, high] = [octet, 0];
  // A bit that leaves at the end is x^128, which is 1 + x + x^2 + x^7.
  for (let bit = 0; bit < 8; bit += 1, low >>>= 1) high = (high >>> 1) ^ ((low & 1) === 1 ? 0xe100 : 0);
  return high;
});

export class Ghash implements PacketHash {
  readonly taken = undefined;
  /** The multiple of each octet, four words after one another. */
  readonly #multiples = new Int32Array(4 * 256);
  #z0 = 0;
  #z1 = 0;
  #z2 = 0;
  #z3 = 0;

  /** @param key 16 octets: the cipher of a block of zeros */
  constructor(key: Buffer) {
    const table = this.#multiples;
    let [a, b, c, d] = [key.readInt32BE(0), key.readInt32BE(4), key.readInt32BE(8), key.readInt32BE(12)];
    // Octet 0x80 is x^0, 0x40 is x, …
    for (let octet = 0x80; octet > 0; octet >>= 1) {
      table.set([a, b, c, d], 4 * octet);
      const carry = d & 1;
      d = (d >>> 1) | (c << 31);
      c = (c >>> 1) | (b << 31);
      b = (b >>> 1) | (a << 31);
      a = (a >>> 1) ^ (carry === 1 ? 0xe100_0000 : 0);
    }
    for (let octet = 2; octet < 256; octet <<= 1) {
      for (let rest = 1; rest < octet; rest += 1) {
        for (let word = 0; word < 4; word += 1) table[4 * (octet + rest) + word] = (table[4 * octet + word] ?? 0) ^ (table[4 * rest + word] ?? 0);
      }
    }
  }

  hash(associated: Buffer, associatedBytes: number, body: Buffer, start: number, end: number): void {
    this.begin();
    this.absorb(associated, 0, associatedBytes);
    this.absorb(body, start, end);
    this.finish(associatedBytes, end - start);
  }

  begin(): void {
    this.#z0 = this.#z1 = this.#z2 = this.#z3 = 0;
  }

  /** Octets from `start` to `end`, filled up with zeros to whole blocks. */
  absorb(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += blockBytes) {
      if (at + blockBytes <= end) this.#block(wordOf(bytes, at), wordOf(bytes, at + 4), wordOf(bytes, at + 8), wordOf(bytes, at + 12));
      else this.#block(partOf(bytes, at, end), partOf(bytes, at + 4, end), partOf(bytes, at + 8, end), partOf(bytes, at + 12, end));
    }
  }

  /** The last block: how many octets were authenticated and how many encrypted (SP 800-38D §7.1). */
  finish(associatedBytes: number, encryptedBytes: number): void {
    this.#block(0, associatedBytes * 8, 0, encryptedBytes * 8);
  }

  word(n: number): number {
    return n === 0 ? this.#z0 : n === 1 ? this.#z1 : n === 2 ? this.#z2 : this.#z3;
  }

  #block(x0: number, x1: number, x2: number, x3: number): void {
    const table = this.#multiples;
    const [y0, y1, y2, y3] = [x0 ^ this.#z0, x1 ^ this.#z1, x2 ^ this.#z2, x3 ^ this.#z3];
    let [z0, z1, z2, z3] = [0, 0, 0, 0];
    for (let octet = 15; octet >= 0; octet -= 1) {
      const word = octet < 4 ? y0 : octet < 8 ? y1 : octet < 12 ? y2 : y3;
      const at = ((word >>> (24 - 8 * (octet & 3))) & 0xff) << 2;
      const out = z3 & 0xff;
      z3 = ((z3 >>> 8) | (z2 << 24)) ^ (table[at + 3] ?? 0);
      z2 = ((z2 >>> 8) | (z1 << 24)) ^ (table[at + 2] ?? 0);
      z1 = ((z1 >>> 8) | (z0 << 24)) ^ (table[at + 1] ?? 0);
      z0 = (z0 >>> 8) ^ ((reductions[out] ?? 0) << 16) ^ (table[at] ?? 0);
    }
    this.#z0 = z0;
    this.#z1 = z1;
    this.#z2 = z2;
    this.#z3 = z3;
  }
}

const wordOf = (bytes: Buffer, at: number): number => ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
const partOf = (bytes: Buffer, at: number, end: number): number => {
  let word = 0;
  for (let n = 0; n < 4; n += 1) word = (word << 8) | (at + n < end ? (bytes[at + n] ?? 0) : 0);
  return word;
};
