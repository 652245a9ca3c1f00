/**
 * One sealed byte stream: what rests encrypted, rests as this.
 *
 * The header, 120 bytes:
 *   0   16  key id of the vault it was sealed for
 *   16  80  the stream's fresh key, crypto_box_seal'ed to the vault (X25519, XSalsa20-Poly1305)
 *   96  24  header of crypto_secretstream_xchacha20poly1305
 * Then sealed chunks, each 17 bytes longer than its plain bytes. A chunk opens only in its place: after a lost,
 * changed, moved or doubled chunk nothing opens any more. The last chunk carries the tag FINAL, so a stream that
 * was cut is told from one that ended. Where a chunk begins and ends is for the file around it to say.
 *
 * libsodium begins a stream; where the process's OpenSSL is at hand its chunks are made by that, several times as quickly
 * and the same byte for byte.
 *
 * Owns       the header's layout, the stream keys, libsodium's states.
 * Leaves to  object-file.ts and capture/ the framing of chunks.
 */
import assert from 'node:assert/strict';
import { Failure } from '../errors/index.js';
import { nativeStream, type NativeStream } from './native-streams.js';
import { keyIdBytes, secretsOf, type VaultKeys, type VaultPublic } from './keys.js';
import { asBuffer, freeState, openSodium, streamStateBytes, type Sodium, type StateAddress } from './sodium.js';

const streamKeyBytes = 32;
const sealedKeyBytes = streamKeyBytes + 48;
const streamHeaderBytes = 24;
// crypto_secretstream_xchacha20poly1305_TAG_MESSAGE and _FINAL.
const messageTag = 0;
const finalTag = 3;
const sealedKeyAt = keyIdBytes;
const streamHeaderAt = sealedKeyAt + sealedKeyBytes;

export const sealedHeaderBytes = streamHeaderAt + streamHeaderBytes;
/** By how many bytes a sealed chunk is longer than its plain bytes. */
export const sealOverheadBytes = 17;

/** The writing end. Its owner seals a last chunk or closes it. */
export interface Sealer {
  /** All that a reader with the keys needs, `sealedHeaderBytes` long. */
  readonly header: Buffer;
  /** The next chunk. `last` ends the stream. The result belongs to the caller; `plain` is free again. */
  seal(plain: Uint8Array, last?: boolean): Buffer;
  /** The same to the beginning of `room`, which has enough of it. Gives back how many bytes it came to. */
  sealInto(room: Buffer, plain: Uint8Array, last?: boolean): number;
  /** Gives the stream up, or does nothing after the last chunk. */
  close(): void;
}

/** The reading end. Its owner closes it. */
export interface Unsealer {
  /**
   * The next chunk. `damaged`: these are not the bytes that were sealed as this chunk of this stream, or the
   * last one was already opened; every later call says the same. The plain bytes belong to the caller; they may lie in
   * `room`, if that is given.
   */
  open(sealed: Uint8Array, room?: Buffer): { plain: Buffer; last: boolean } | 'damaged';
  close(): void;
}

/** A new stream that only the keys of `to` open. */
export async function createSealer(to: VaultPublic): Promise<Sealer> {
  const sodium = await openSodium();
  const key = sodium.crypto_secretstream_xchacha20poly1305_keygen();
  const stream = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
  const sealedKey = sodium.crypto_box_seal(key, to.sealTo);
  sodium.memzero(key);
  const header = Buffer.concat([Buffer.from(to.keyId, 'hex'), sealedKey, stream.header]);
  assert.equal(header.length, sealedHeaderBytes);
  const native = nativeStream(sodium, stream.state);
  return native === undefined ? new StreamSealer(sodium, stream.state, header) : new NativeSealer(native, header);
}

/**
 * Opens a stream by its header.
 * Failure VAULT_KEYS: it was sealed for other keys. Failure VAULT_READ: the header is damaged.
 */
export async function openSealed(header: Buffer, keys: VaultKeys): Promise<Unsealer> {
  assert.equal(header.length, sealedHeaderBytes);
  const sodium = await openSodium();
  const keyId = header.toString('hex', 0, sealedKeyAt);
  if (keyId !== keys.public.keyId) {
    throw new Failure(
      'VAULT_KEYS',
      `it was sealed for the keys ${keyId}, not for ${keys.public.keyId}; use the vault.key that belongs to it.`,
      { facts: { sealedFor: keyId, keyId: keys.public.keyId } },
    );
  }
  const key = openBox(sodium, header.subarray(sealedKeyAt, streamHeaderAt), keys);
  if (key?.length !== streamKeyBytes) {
    throw new Failure('VAULT_READ', 'the key in its header is damaged; restore it from your backup.');
  }
  const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(header.subarray(streamHeaderAt), key);
  sodium.memzero(key);
  const native = nativeStream(sodium, state);
  return native === undefined ? new StreamUnsealer(sodium, state) : new NativeUnsealer(native);
}

/** What crypto_box_seal closed; undefined when it does not open. */
export function openBox(sodium: Sodium, sealed: Uint8Array, keys: VaultKeys): Uint8Array | undefined {
  if (sealed.length < sodium.crypto_box_SEALBYTES) return undefined;
  try {
    return sodium.crypto_box_seal_open(sealed, keys.public.sealTo, secretsOf(keys).openWith);
  } catch {
    // libsodium's wrapper has one error for everything here; lengths were checked, so it is the authentication.
    return undefined;
  }
}

class StreamSealer implements Sealer {
  readonly #sodium: Sodium;
  #state: StateAddress | undefined;

  constructor(sodium: Sodium, state: StateAddress, readonly header: Buffer) {
    this.#sodium = sodium;
    this.#state = state;
  }

  seal(plain: Uint8Array, last = false): Buffer {
    assert(this.#state !== undefined, 'the stream has ended');
    const sealed = this.#sodium.crypto_secretstream_xchacha20poly1305_push(this.#state, plain, null, last ? finalTag : messageTag);
    if (last) this.close();
    return asBuffer(sealed);
  }

  sealInto(room: Buffer, plain: Uint8Array, last = false): number {
    const sealed = this.seal(plain, last);
    room.set(sealed);
    return sealed.length;
  }

  close(): void {
    if (this.#state === undefined) return;
    freeState(this.#sodium, this.#state, streamStateBytes);
    this.#state = undefined;
  }
}

class NativeSealer implements Sealer {
  #stream: NativeStream | undefined;

  constructor(stream: NativeStream, readonly header: Buffer) {
    this.#stream = stream;
  }

  seal(plain: Uint8Array, last = false): Buffer {
    assert(this.#stream !== undefined, 'the stream has ended');
    const sealed = this.#stream.seal(plain, last ? finalTag : messageTag);
    if (last) this.close();
    return sealed;
  }

  sealInto(room: Buffer, plain: Uint8Array, last = false): number {
    assert(this.#stream !== undefined, 'the stream has ended');
    this.#stream.sealInto(room, plain, last ? finalTag : messageTag);
    if (last) this.close();
    return plain.length + sealOverheadBytes;
  }

  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }
}

class NativeUnsealer implements Unsealer {
  #stream: NativeStream | undefined;

  constructor(stream: NativeStream) {
    this.#stream = stream;
  }

  open(sealed: Uint8Array, room?: Buffer): { plain: Buffer; last: boolean } | 'damaged' {
    const opened = this.#stream?.open(sealed, room);
    if (opened === undefined || (opened.tag !== finalTag && opened.tag !== messageTag)) {
      this.close();
      return 'damaged';
    }
    const last = opened.tag === finalTag;
    if (last) this.close();
    return { plain: opened.message, last };
  }

  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }
}

class StreamUnsealer implements Unsealer {
  readonly #sodium: Sodium;
  #state: StateAddress | undefined;

  constructor(sodium: Sodium, state: StateAddress) {
    this.#sodium = sodium;
    this.#state = state;
  }

  open(sealed: Uint8Array): { plain: Buffer; last: boolean } | 'damaged' {
    if (this.#state === undefined) return 'damaged';
    const long = sealed.length >= sealOverheadBytes;
    const opened = long && this.#sodium.crypto_secretstream_xchacha20poly1305_pull(this.#state, sealed, null);
    if (opened === false || (opened.tag !== finalTag && opened.tag !== messageTag)) {
      this.close();
      return 'damaged';
    }
    const last = opened.tag === finalTag;
    if (last) this.close();
    return { plain: asBuffer(opened.message), last };
  }

  close(): void {
    if (this.#state === undefined) return;
    freeState(this.#sodium, this.#state, streamStateBytes);
    this.#state = undefined;
  }
}
