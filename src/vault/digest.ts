/**
 * BLAKE2b-256 (RFC 7693) of bytes that arrive piece by piece.
 */
import assert from 'node:assert/strict';
import { asBuffer, digestStateBytes, freeState, openSodium, type Sodium, type StateAddress } from './sodium.js';

const digestBytes = 32;

/** A running digest. Its owner ends it with `hex` or `close`, else libsodium's memory for it is lost. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** The digest in hex; ends it. */
  hex(): string;
  /** Gives it up; does nothing after `hex`. */
  close(): void;
}

export async function createDigest(): Promise<Digest> {
  const sodium = await openSodium();
  let state: StateAddress | undefined = sodium.crypto_generichash_init(null, digestBytes);
  return {
    update(bytes) {
      assert(state !== undefined, 'the digest has ended');
      sodium.crypto_generichash_update(state, bytes);
    },
    hex() {
      assert(state !== undefined, 'the digest has ended');
      const digest = sodium.crypto_generichash_final(state, digestBytes);
      state = undefined;
      return asBuffer(digest).toString('hex');
    },
    close() {
      if (state === undefined) return;
      freeState(sodium, state, digestStateBytes);
      state = undefined;
    },
  };
}

/** BLAKE2b of `bytes` at once, `length` bytes long. */
export const digestOf = (sodium: Sodium, bytes: Uint8Array, length = digestBytes): Uint8Array =>
  sodium.crypto_generichash(length, bytes, null);
