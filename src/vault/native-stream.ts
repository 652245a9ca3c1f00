/**
 * crypto_secretstream_xchacha20poly1305 (libsodium's documentation, "Encrypted streams"), byte for byte, by native-cipher.ts:
 * the key and the nonce that libsodium has begun a stream with, and from then on its chunks.
 *
 * A chunk is one byte of tag and the message under ChaCha20 (blocks 1 and 2 on, of a block for the tag), and Poly1305 of
 * both under block 0. Its first half then changes the nonce for the next chunk, and so does a counter.
 *
 * Leaves to  native-streams.ts whether it does the same as libsodium.
 */
import assert from 'node:assert/strict';
import { timingSafeEqual } from 'node:crypto';
import { NativeCipher, workBytes } from './native-cipher.js';

/** State of libsodium: key, then nonce (counter, and what tags have changed). */
const [keyBytes, nonceBytes] = [32, 12];
export const nativeStateBytes = keyBytes + nonceBytes;
export const [tagBytes, macBytes] = [1, 16];
const block = 64;
/** Of a message, at a time, behind the two blocks. */
export const pieceBytes = workBytes - 2 * block;

export class NativeStream {
  readonly #cipher: NativeCipher;
  readonly #key: Uint8Array;
  readonly #nonce: Uint32Array;

  /** Copies the state. */
  constructor(cipher: NativeCipher, state: Uint8Array) {
    assert(state.length >= nativeStateBytes);
    this.#cipher = cipher;
    this.#key = state.slice(0, keyBytes);
    this.#nonce = new Uint32Array(state.slice(keyBytes, nativeStateBytes).buffer);
  }

  seal(plain: Uint8Array, tag: number): Buffer {
    const sealed = Buffer.allocUnsafe(tagBytes + plain.length + macBytes);
    this.sealInto(sealed, plain, tag);
    return sealed;
  }

  /** The same to the beginning of `sealed`. */
  sealInto(sealed: Buffer, plain: Uint8Array, tag: number): void {
    const cipher = this.#cipher;
    const { work } = cipher;
    assert(sealed.length >= tagBytes + plain.length + macBytes);
    cipher.begin(this.#key, this.#nonce);
    work.fill(0, 0, 2 * block);
    work[block] = tag;
    const first = Math.min(plain.length, pieceBytes);
    work.set(plain.length === first ? plain : plain.subarray(0, first), 2 * block);
    cipher.crypt(2 * block + first, 0);
    cipher.beginTag();
    cipher.authenticate(block, block + first);
    sealed[0] = work.readUInt8(block);
    work.copy(sealed, tagBytes, 2 * block, 2 * block + first);
    for (let from = first; from < plain.length; from += pieceBytes) {
      const bytes = Math.min(plain.length - from, pieceBytes);
      work.set(plain.subarray(from, from + bytes));
      cipher.crypt(bytes, 2 + from / block);
      cipher.authenticate(0, bytes);
      work.copy(sealed, tagBytes + from, 0, bytes);
    }
    this.#endTag(plain.length);
    sealed.set(cipher.tag, tagBytes + plain.length);
    this.#advance(2 * block);
  }

  /**
   * Undefined when these are not the bytes that were sealed as this chunk: the stream is then to be given up.
   * @param room where the message is put, if it has the room
   */
  open(sealed: Uint8Array, room?: Buffer): { readonly message: Buffer; readonly tag: number } | undefined {
    const cipher = this.#cipher;
    const { work } = cipher;
    const bytes = sealed.length - tagBytes - macBytes;
    if (bytes < 0) return undefined;
    cipher.begin(this.#key, this.#nonce);
    work.fill(0, 0, 2 * block);
    work[block] = sealed[0] ?? 0;
    cipher.crypt(2 * block, 0);
    const tag = work.readUInt8(block);
    work[block] = sealed[0] ?? 0;
    cipher.beginTag();
    cipher.authenticate(block, block);
    for (let from = 0; from < bytes; from += pieceBytes) {
      const piece = Math.min(bytes - from, pieceBytes);
      work.set(sealed.subarray(tagBytes + from, tagBytes + from + piece));
      cipher.authenticate(0, piece);
    }
    this.#endTag(bytes);
    if (!timingSafeEqual(cipher.tag, sealed.subarray(tagBytes + bytes))) {
      cipher.wipe(2 * block);
      return undefined;
    }
    const message = room !== undefined && room.length >= bytes ? room.subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes);
    for (let from = 0; from < bytes; from += pieceBytes) {
      const piece = Math.min(bytes - from, pieceBytes);
      // A single piece still lies there.
      if (bytes > pieceBytes) work.set(sealed.subarray(tagBytes + from, tagBytes + from + piece));
      cipher.crypt(piece, 2 + from / block);
      work.copy(message, from, 0, piece);
    }
    this.#advance(Math.max(2 * block, Math.min(bytes, pieceBytes)));
    return { message, tag };
  }

  close(): void {
    this.#key.fill(0);
    this.#nonce.fill(0);
  }

  /** Padding as libsodium's is, and both lengths: there is no associated data. */
  #endTag(bytes: number): void {
    const { work } = this.#cipher;
    // Behind what lies there to be decrypted.
    const at = workBytes - block;
    const padding = bytes % 16;
    work.fill(0, at);
    work.writeUInt32LE((block + bytes) >>> 0, at + padding + 8);
    work.writeUInt32LE(Math.floor((block + bytes) / 0x1_0000_0000), at + padding + 12);
    this.#cipher.authenticate(at, padding + 16);
    this.#cipher.endTag();
  }

  /** `used`: how much of the work is to be wiped: sealing leaves what anybody may read. */
  #advance(used: number): void {
    const { tag } = this.#cipher;
    const nonce = this.#nonce;
    nonce[1] = (nonce[1] ?? 0) ^ tag.readUInt32LE(0);
    nonce[2] = (nonce[2] ?? 0) ^ tag.readUInt32LE(4);
    nonce[0] = (nonce[0] ?? 0) + 1;
    // libsodium would make a new key.
    assert(nonce[0] !== 0, 'no stream has 2^32 chunks');
    this.#cipher.wipe(used);
  }
}
