/**
 * HMAC-SHA1 (RFC 2104) of a packet, without an object for it: about a tenth of what node:crypto takes for so few octets.
 *
 * The states after the key's own blocks are kept (RFC 2104 §4), and the blocks of a message run in OpenSSL or, where that is
 * not to be had so, in WebAssembly; where there is none, node:crypto serves.
 */
import { createHmac } from 'node:crypto';
import { inNetworkOrder } from '../network-order.js';
import { openSsl } from '../openssl.js';
import { blockBytes, loadSha1Blocks, type Sha1Blocks } from './sha1-blocks.js';

export const sha1Bytes = 20;
const stateWords = 5;
/** FIPS 180-4 §5.3.1. */
const initial = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const [innerPad, outerPad] = [0x36, 0x5c];

/** Where things lie in the memory of the module; messages take what is left, more than a datagram. */
const [stateAt, outerAt, messageAt] = [0, 64, 128];

let loaded: Sha1Blocks | null | undefined;
const sha1Blocks = (): Sha1Blocks | null => openSsl()?.sha1 ?? (loaded === undefined ? (loaded = loadSha1Blocks()) : loaded);

/** The padding of the outer message, which is one block always, and always as long: nothing else is written there. */
function padOuter({ memory }: Sha1Blocks): void {
  memory[outerAt + sha1Bytes] = 0x80;
  putWord(memory, outerAt + blockBytes - 4, (blockBytes + sha1Bytes) * 8);
}

/** A copy of what was authenticated last, from word `at` on; it goes with the next message of any key. */
export interface TakenMessage {
  readonly words: Int32Array;
  readonly at: number;
}

export class HmacSha1 {
  /** Undefined where node:crypto serves. */
  readonly taken: TakenMessage | undefined;
  /** Of the last message. Changed by the next one. */
  readonly digest: Buffer;
  readonly #digestWords = new Int32Array(stateWords);
  readonly #key: Buffer;
  readonly #blocks: Sha1Blocks | null;
  readonly #inner: Int32Array = new Int32Array(stateWords);
  readonly #outer: Int32Array = new Int32Array(stateWords);

  /** @param key 64 octets at most; copied. `blocks` is for tests. */
  constructor(key: Buffer, blocks: Sha1Blocks | null = sha1Blocks()) {
    this.digest = Buffer.from(this.#digestWords.buffer);
    this.#key = Buffer.alloc(blockBytes);
    key.copy(this.#key);
    this.#blocks = blocks;
    if (blocks === null) return;
    this.taken = { words: blocks.words, at: messageAt >> 2 };
    padOuter(blocks);
    for (const [pad, state] of [[innerPad, this.#inner], [outerPad, this.#outer]] as const) {
      for (let n = 0; n < blockBytes; n += 1) blocks.memory[messageAt + n] = (this.#key[n] ?? 0) ^ pad;
      initial.forEach((word, n) => (blocks.words[(stateAt >> 2) + n] = word));
      blocks.run(stateAt, messageAt, 1);
      state.set(blocks.words.subarray(stateAt >> 2, (stateAt >> 2) + stateWords));
    }
    // The key is not left where other packets go.
    blocks.memory.fill(0, messageAt, messageAt + blockBytes);
  }

  /** The digest of the first `end` octets of `bytes`, which has 65,535 at most, and then of `word`, big endian, if there is one. */
  update(bytes: Buffer, end: number, word?: number): Buffer {
    const blocks = this.#blocks;
    if (blocks === null) return this.#byNode(bytes, end, word);
    const { memory, words } = blocks;
    // What is behind `end` is overwritten: a view of a part would cost more than its copy.
    memory.set(bytes, messageAt);
    let at = messageAt + end;
    if (word !== undefined) at = putWord(memory, at, word);
    const messageBits = (at - messageAt + blockBytes) * 8;
    const padded = messageAt + Math.ceil((at - messageAt + 9) / blockBytes) * blockBytes;
    memory[at] = 0x80;
    for (at += 1; at % 4 !== 0; at += 1) memory[at] = 0;
    for (let n = at >> 2; n < (padded >> 2) - 1; n += 1) words[n] = 0;
    words[(padded >> 2) - 1] = inNetworkOrder(messageBits);
    this.#begin(words, this.#inner);
    blocks.run(stateAt, messageAt, (padded - messageAt) / blockBytes);
    for (let n = 0; n < stateWords; n += 1) words[(outerAt >> 2) + n] = inNetworkOrder(words[(stateAt >> 2) + n] as number);
    this.#begin(words, this.#outer);
    blocks.run(stateAt, outerAt, 1);
    for (let n = 0; n < stateWords; n += 1) this.#digestWords[n] = inNetworkOrder(words[(stateAt >> 2) + n] as number);
    return this.digest;
  }

  #begin(words: Int32Array, state: Int32Array): void {
    for (let n = 0; n < stateWords; n += 1) words[(stateAt >> 2) + n] = state[n] as number;
  }

  #byNode(bytes: Buffer, end: number, word: number | undefined): Buffer {
    const hmac = createHmac('sha1', this.#key).update(bytes.subarray(0, end));
    if (word !== undefined) {
      const last = Buffer.alloc(4);
      last.writeUInt32BE(word >>> 0);
      hmac.update(last);
    }
    hmac.digest().copy(this.digest);
    return this.digest;
  }
}

/** Big endian; where the next octet goes. */
function putWord(out: Uint8Array, at: number, word: number): number {
  out[at] = word >>> 24;
  out[at + 1] = word >>> 16;
  out[at + 2] = word >>> 8;
  out[at + 3] = word;
  return at + 4;
}
