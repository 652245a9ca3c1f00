/**
 * The OpenSSL that is in this process anyhow, called without node:crypto's objects, through the optional package koffi:
 * blocks of SHA-1, of AES and of GHASH by the processor's own instructions, for a tenth of a microsecond a call.
 *
 * Node gives its symbols away (its addons link to them). They are looked for and tried against node:crypto when they are
 * first needed; where koffi or one of them is missing, or a result differs, there is none, and what is in JavaScript and
 * WebAssembly serves.
 *
 * Pointers are plain numbers into one arena, which is mapped once and never given back; every offset is checked.
 *
 * Owns       the arena, and contexts of keys: a bounded number, so that who needs one when all are taken gets another's. Those
 *            of keys that were dropped, as garbage is collected, and of keys that gave way to others are wiped.
 * Leaves to  keystream.ts, ghash.ts and sha1/ what they are for. Nothing that fails here says what it was given.
 */
import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import type { Sha1Blocks } from './sha1/sha1-blocks.js';

type CFunction = (...args: readonly number[]) => number;

interface Koffi {
  load(path: null): { func(definition: string): CFunction };
  view(address: bigint, bytes: number): ArrayBuffer;
}

type Library = ReturnType<Koffi['load']>;

export interface OpenSsl {
  readonly sha1: Sha1Blocks;
  readonly aes: AesBlocks;
  readonly ghash: GhashBlocks;
}

/** Whoever has a key for AES, or for GHASH: one of them. When it is dropped, its context is wiped. */
export interface KeyHolder {
  readonly key: Buffer;
  readonly place: Place;
}

/** Which context that is, if it still has that key. Written here only; knows nothing of the key, so that it keeps no holder. */
interface Place {
  slot: number;
}

export const newHolder = (key: Buffer): KeyHolder => ({ key, place: { slot: -1 } });

/** AES of whole blocks, each by itself. */
export interface AesBlocks {
  /** Blocks lie here, 128 kB of them; they are encrypted where they are. */
  readonly words: Int32Array;
  readonly octets: Buffer;
  /** @param bytes whole blocks from the beginning of `words` */
  readonly encrypt: (holder: KeyHolder, bytes: number) => void;
}

/** GHASH of whole blocks under the cipher of a block of zeros (NIST SP 800-38D §6.4). */
export interface GhashBlocks {
  readonly memory: Buffer;
  readonly words: Int32Array;
  /** Where blocks lie, on a boundary of 64, and how many octets there is room for. */
  readonly at: number;
  readonly room: number;
  /** Gives the offset of the result, 16 octets: they stand until the next call. @param bytes whole blocks from `at` on */
  readonly hash: (holder: KeyHolder, bytes: number) => number;
}

const pageBytes = 4_096;
const regionBytes = 131_072;
const contexts = 256;
/** Both have some 450 octets, and less than 250. */
const [gcmContextBytes, aesKeyBytes] = [1_024, 512];
/** Regions after one another. */
const [shaAt, aesAt, ghashAt, scratchAt] = [0, regionBytes, 2 * regionBytes, 3 * regionBytes];
const contextsAt = scratchAt + pageBytes;
const arenaBytes = contextsAt + contexts * (gcmContextBytes + aesKeyBytes);
/** In GCM128_CONTEXT, of OpenSSL 1.0.1 to 3.5: Yi, EKi, EK0 and two lengths come before the hash. */
const hashInContext = 64;
const [protReadWrite, mapPrivateAnonymous] = [0x3, 0x22];

let allowed = true;
let found: OpenSsl | null | undefined;

/** Undefined where it is not to be had, or was refused. */
export function openSsl(): OpenSsl | undefined {
  if (!allowed) return undefined;
  // Looked for once, whatever came of it.
  if (found === undefined) found = probe();
  return found ?? undefined;
}

export type SrtpBy = 'OpenSSL' | 'JavaScript';

/** What opens the SRTP of this thread from now on: for people who ask. */
export const srtpBy = (): SrtpBy => (openSsl() === undefined ? 'JavaScript' : 'OpenSSL');

/** Of this thread: whether what is made from now on may use it. */
export const useOpenSsl = (may: boolean): void => {
  allowed = may;
};

function probe(): OpenSsl | null {
  try {
    const loaded = load();
    return loaded !== undefined && digestsAlike(loaded.sha1) && encryptsAlike(loaded.aes) && hashesAlike(loaded.ghash) ? loaded : null;
  } catch {
    return null;
  }
}

function load(): OpenSsl | undefined {
  if (process.platform !== 'linux' || endianness() !== 'LE' || !['x64', 'arm64'].includes(process.arch)) return undefined;
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const library = koffi.load(null);
  const base = library.func('int64_t mmap(int64_t address, size_t bytes, int protection, int flags, int fd, int64_t offset)')(0, arenaBytes, protReadWrite, mapPrivateAnonymous, -1, 0);
  if (!Number.isSafeInteger(base) || base < pageBytes || base % pageBytes !== 0) return undefined;
  const arena: Arena = { base, buffer: koffi.view(BigInt(base), arenaBytes) };
  return { sha1: sha1Of(library, arena), aes: aesOf(library, arena), ghash: ghashOf(library, arena) };
}

interface Arena {
  readonly base: number;
  readonly buffer: ArrayBuffer;
}

function sha1Of(library: Library, { base, buffer }: Arena): Sha1Blocks {
  const run = sha1Run(library);
  return {
    memory: new Uint8Array(buffer, shaAt, regionBytes),
    words: new Int32Array(buffer, shaAt, regionBytes / 4),
    run: (state, from, count) => {
      assert(state >= 0 && from >= 0 && state + 20 <= regionBytes && from + 64 * count <= regionBytes);
      run(base + shaAt + state, base + shaAt + from, count);
    },
  };
}

/** All blocks in one call where OpenSSL is linked into Node; where it is a library of the system, one after the other. */
function sha1Run(library: Library): CFunction {
  try {
    return library.func('void sha1_block_data_order(int64_t state, int64_t from, int64_t count)');
  } catch {
    const transform = library.func('void SHA1_Transform(int64_t state, int64_t from)');
    return (state = 0, from = 0, count = 0) => {
      for (let block = 0; block < count; block += 1) transform(state, from + 64 * block);
      return 0;
    };
  }
}

/** How one sort of contexts is given a key, and made to forget it. */
interface Keying {
  key(slot: number, key: Buffer): void;
  wipe(slot: number): void;
}

/** Gives each holder a context: one that is free, or else another's, in turn. */
class Contexts {
  readonly #places: (Place | undefined)[] = [];
  readonly #free = Array.from({ length: contexts }, (_, n) => contexts - 1 - n);
  readonly #dropped = new FinalizationRegistry<Place>((place) => {
    if (this.#places[place.slot] === place) this.#empty(place.slot);
  });
  #next = 0;

  constructor(private readonly keying: Keying) {}

  of(holder: KeyHolder): number {
    const { place } = holder;
    return place.slot >= 0 && this.#places[place.slot] === place ? place.slot : this.#take(holder);
  }

  #take(holder: KeyHolder): number {
    const { key, place } = holder;
    if (this.#free.length === 0) {
      this.#empty(this.#next);
      this.#next = (this.#next + 1) % contexts;
    }
    const slot = this.#free.at(-1);
    assert(slot !== undefined);
    this.keying.key(slot, key);
    this.#free.pop();
    // Once a holder, however often it loses its context.
    if (place.slot < 0) this.#dropped.register(holder, place);
    this.#places[slot] = place;
    place.slot = slot;
    return slot;
  }

  #empty(slot: number): void {
    this.#places[slot] = undefined;
    this.#free.push(slot);
    this.keying.wipe(slot);
  }
}

function aesOf(library: Library, { base, buffer }: Arena): AesBlocks {
  const make = library.func('int64_t EVP_CIPHER_CTX_new()');
  const ciphers = new Map([16, 24, 32].map((bytes) => [bytes, library.func(`int64_t EVP_aes_${bytes * 8}_ecb()`)()]));
  const init = library.func('int EVP_EncryptInit_ex(int64_t context, int64_t cipher, int64_t engine, int64_t key, int64_t nonce)');
  const pad = library.func('int EVP_CIPHER_CTX_set_padding(int64_t context, int pads)');
  // Wipes what it frees of the key.
  const reset = library.func('int EVP_CIPHER_CTX_reset(int64_t context)');
  const update = library.func('int EVP_EncryptUpdate(int64_t context, int64_t out, int64_t length, int64_t bytes, int count)');
  const memory = Buffer.from(buffer, scratchAt, pageBytes);
  const made: number[] = [];
  const keyed = new Contexts({
    key: (slot, key) => {
      const context = (made[slot] ??= make());
      assert(context > 0 && ciphers.has(key.length));
      memory.set(key);
      const done = init(context, ciphers.get(key.length) ?? 0, 0, base + scratchAt, 0) === 1 && pad(context, 0) === 1;
      memory.fill(0, 0, key.length);
      assert(done);
    },
    wipe: (slot) => reset(made[slot] ?? 0),
  });
  return {
    words: new Int32Array(buffer, aesAt, regionBytes / 4),
    octets: Buffer.from(buffer, aesAt, regionBytes),
    encrypt: (holder, bytes) => {
      assert(bytes >= 0 && bytes % 16 === 0 && bytes <= regionBytes);
      const context = made[keyed.of(holder)] ?? 0;
      assert(update(context, base + aesAt, base + scratchAt + 64, base + aesAt, bytes) === 1);
    },
  };
}

function ghashOf(library: Library, { base, buffer }: Arena): GhashBlocks {
  const memory = Buffer.from(buffer);
  const words = new Int32Array(buffer);
  const schedule = library.func('int AES_set_encrypt_key(int64_t key, int bits, int64_t schedule)');
  const init = library.func('void CRYPTO_gcm128_init(int64_t context, int64_t key, int64_t block)');
  // All of a message is taken as associated data: it is only to be hashed.
  const absorb = library.func('int CRYPTO_gcm128_aad(int64_t context, int64_t bytes, size_t count)');
  memory.write('AES_encrypt\0', scratchAt, 'latin1');
  const encrypt = library.func('int64_t dlsym(int64_t library, int64_t name)')(0, base + scratchAt);
  assert(encrypt !== 0);
  const contextAt = (slot: number): number => contextsAt + slot * (gcmContextBytes + aesKeyBytes);
  const keyed = new Contexts({
    key: (slot, key) => {
      assert(key.length === 16 || key.length === 32);
      const context = contextAt(slot);
      memory.set(key, scratchAt);
      const done = schedule(base + scratchAt, key.length * 8, base + context + gcmContextBytes) === 0;
      memory.fill(0, scratchAt, scratchAt + key.length);
      assert(done);
      init(base + context, base + context + gcmContextBytes, encrypt);
    },
    wipe: (slot) => memory.fill(0, contextAt(slot), contextAt(slot + 1)),
  });
  return {
    memory,
    words,
    at: ghashAt,
    room: regionBytes,
    hash: (holder, bytes) => {
      assert(bytes >= 0 && bytes % 16 === 0 && bytes <= regionBytes);
      const context = contextAt(keyed.of(holder));
      const result = context + hashInContext;
      words[result >> 2] = words[(result >> 2) + 1] = words[(result >> 2) + 2] = words[(result >> 2) + 3] = 0;
      assert(absorb(base + context, base + ghashAt, bytes) === 0);
      return result;
    },
  };
}

/** FIPS 180-4 §5.1.1: a message of three blocks, padding included. */
function digestsAlike({ memory, words, run }: Sha1Blocks): boolean {
  const message = Buffer.alloc(192);
  for (let n = 0; n < 150; n += 1) message[n] = n;
  message[150] = 0x80;
  message.writeUInt32BE(150 * 8, 188);
  memory.set(message, 128);
  words.set([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  run(0, 128, 3);
  const digest = Buffer.alloc(20);
  for (let n = 0; n < 5; n += 1) digest.writeInt32BE(words[n] ?? 0, 4 * n);
  return digest.equals(createHash('sha1').update(message.subarray(0, 150)).digest());
}

const trialKeys = [16, 24, 32].map((bytes) => Buffer.from(Array.from({ length: bytes }, (_, n) => n * 7 + bytes)));

function encryptsAlike({ words, encrypt }: AesBlocks): boolean {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, 160);
  return trialKeys.every((key) => {
    const clear = Buffer.from(Array.from({ length: bytes.length }, (_, n) => n * 3 + key.length));
    bytes.set(clear);
    encrypt(newHolder(key), bytes.length);
    return createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false).update(clear).equals(bytes);
  });
}

/** By the tag of a message without text: GHASH of associated data and lengths, XOR the cipher of the first counter block (SP 800-38D §7.1). */
function hashesAlike({ memory, at, hash }: GhashBlocks): boolean {
  return [trialKeys[0], trialKeys[2]].every((key = Buffer.alloc(0)) => {
    const [associated, nonce] = [Buffer.from(Array.from({ length: 176 }, (_, n) => n * 5 + 1)), Buffer.alloc(12, 9)];
    const lengths = Buffer.alloc(16);
    lengths.writeUInt32BE(associated.length * 8, 4);
    const first = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false).update(Buffer.concat([nonce, Buffer.from([0, 0, 0, 1])]));
    const tag = createCipheriv(key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', key, nonce).setAAD(associated);
    tag.final();
    const expected = tag.getAuthTag();
    const holder = newHolder(key);
    // Twice: nothing of the first is left.
    return [1, 2].every(() => {
      memory.set(Buffer.concat([associated, lengths]), at);
      const result = hash(holder, associated.length + 16);
      return expected.every((octet, n) => octet === ((memory[result + n] ?? 0) ^ (first[n] ?? 0)));
    });
  });
}
