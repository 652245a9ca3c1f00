/**
 * ChaCha20 and Poly1305 (RFC 8439) of the OpenSSL that is in this process anyhow, through the optional package koffi: the
 * processor's own wide instructions, where libsodium's WebAssembly has none of them.
 *
 * Looked for once; where koffi or a symbol is missing there is none. Whoever uses it tries it against libsodium first.
 *
 * Pointers are plain numbers into one piece of memory, which is mapped once and never given back; every offset is fixed or
 * checked. Nothing of a key stays in it: `wipe`.
 *
 *   0     32   key
 *   32    16   counter of blocks, nonce
 *   48    16   tag
 *   64    ..   state of Poly1305
 *   1024  ..   work
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';

type CFunction = (...args: readonly number[]) => number;

interface Koffi {
  load(path: null): { func(definition: string): CFunction };
  view(address: bigint, bytes: number): ArrayBuffer;
}

const [keyAt, counterAt, tagAt, stateAt, workAt] = [0, 32, 48, 64, 1_024];
/** Room for so many bytes at a time. */
export const workBytes = 64 * 1024;
const arenaBytes = workAt + workBytes + 4_096;
const [protReadWrite, mapPrivateAnonymous] = [0x3, 0x22];

export class NativeCipher {
  /** What the following work on. */
  readonly work: Buffer;
  readonly tag: Buffer;
  readonly #head: Buffer;
  readonly #words: Uint32Array;
  readonly #base: number;
  readonly #chacha: CFunction;
  readonly #init: CFunction;
  readonly #update: CFunction;
  readonly #final: CFunction;

  /** Undefined where it is not to be had. */
  static load(): NativeCipher | undefined {
    if (process.platform !== 'linux' || endianness() !== 'LE' || !['x64', 'arm64'].includes(process.arch)) return undefined;
    try {
      return new NativeCipher(createRequire(import.meta.url)('koffi') as Koffi);
    } catch {
      return undefined;
    }
  }

  private constructor(koffi: Koffi) {
    const library = koffi.load(null);
    this.#chacha = library.func('void ChaCha20_ctr32(int64_t out, int64_t from, size_t bytes, int64_t key, int64_t counter)');
    this.#init = library.func('void Poly1305_Init(int64_t state, int64_t key)');
    this.#update = library.func('void Poly1305_Update(int64_t state, int64_t from, size_t bytes)');
    this.#final = library.func('void Poly1305_Final(int64_t state, int64_t tag)');
    assert(library.func('size_t Poly1305_ctx_size()')() <= workAt - stateAt);
    const base = library.func('int64_t mmap(int64_t address, size_t bytes, int protection, int flags, int fd, int64_t offset)')(0, arenaBytes, protReadWrite, mapPrivateAnonymous, -1, 0);
    assert(Number.isSafeInteger(base) && base > 0 && base % 4_096 === 0);
    this.#base = base;
    const buffer = koffi.view(BigInt(base), arenaBytes);
    this.#head = Buffer.from(buffer, 0, workAt);
    this.#words = new Uint32Array(buffer, counterAt, 4);
    this.tag = Buffer.from(buffer, tagAt, 16);
    this.work = Buffer.from(buffer, workAt, workBytes);
  }

  /** A key of 32 bytes and a nonce of three words, for the calls until `wipe`. */
  begin(key: Uint8Array, nonce: Uint32Array): void {
    this.#head.set(key, keyAt);
    this.#words.set(nonce, 1);
  }

  /** XORs `bytes` of the work, from its beginning, with the key stream from a block on. */
  crypt(bytes: number, block: number): void {
    assert(bytes >= 0 && bytes <= workBytes);
    this.#words[0] = block;
    this.#chacha(this.#base + workAt, this.#base + workAt, bytes, this.#base + keyAt, this.#base + counterAt);
  }

  /** The first 32 bytes of the work are the key. */
  beginTag(): void {
    this.#init(this.#base + stateAt, this.#base + workAt);
  }

  authenticate(from: number, bytes: number): void {
    assert(from >= 0 && bytes >= 0 && from + bytes <= workBytes);
    this.#update(this.#base + stateAt, this.#base + workAt + from, bytes);
  }

  /** Leaves it in `tag`. */
  endTag(): void {
    this.#final(this.#base + stateAt, this.#base + tagAt);
  }

  /** Of key, key stream and state, and of as many bytes of the work. */
  wipe(bytes: number): void {
    this.#head.fill(0, 0, tagAt);
    this.#head.fill(0, stateAt);
    this.work.fill(0, 0, bytes);
  }
}
