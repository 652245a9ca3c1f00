/**
 * The keys of a vault, in memory.
 *
 * A vault has two key pairs: recordings and captures are sealed to an X25519 key, documents are signed with
 * an Ed25519 key. Both grow from a seed of 32 bytes, so that no bit of a key file is without meaning: a raw
 * X25519 secret has five bits that may flip unseen.
 *
 * Owns       deriving keys and key id from the seeds, and keeping the secrets out of sight.
 * Leaves to  key-file.ts how seeds rest on disk.
 * Invariant  1. The secrets are reachable through secretsOf() only: no property, no prototype, no symbol leads to
 *               them, so util.inspect, JSON.stringify and structuredClone cannot carry them anywhere.
 */
import assert from 'node:assert/strict';
import { digestOf } from './digest.js';
import { asBuffer, type Sodium } from './sodium.js';

export const seedBytes = 32;
export const publicKeyBytes = 32;
export const keyIdBytes = 16;

/** What a recorder needs: enough to seal to the vault and to check its signatures, not to open anything. */
export interface VaultPublic {
  /** 32 hex digits: BLAKE2b-128 of both public keys. */
  readonly keyId: string;
  /** X25519, 32 bytes. */
  readonly sealTo: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly verifyWith: Uint8Array;
}

/**
 * What opens and signs. A copy of it (structuredClone, a message to a worker) has no secrets:
 * each worker loads its own.
 */
export interface VaultKeys {
  readonly public: VaultPublic;
}

export interface Seeds {
  readonly sealSeed: Uint8Array;
  readonly signSeed: Uint8Array;
}

interface Secrets {
  /** X25519, 32 bytes. */
  readonly openWith: Uint8Array;
  /** Ed25519, 64 bytes. */
  readonly signWith: Uint8Array;
}

const secretsByKeys = new WeakMap<VaultKeys, Secrets>();

/** The key id of a pair of public keys. */
export const keyIdOf = (sodium: Sodium, sealTo: Uint8Array, verifyWith: Uint8Array): string =>
  asBuffer(digestOf(sodium, Buffer.concat([Buffer.from('twintrack vault\0'), sealTo, verifyWith]), keyIdBytes)).toString('hex');

export function keysFromSeeds(sodium: Sodium, seeds: Seeds): VaultKeys {
  const seal = sodium.crypto_box_seed_keypair(seeds.sealSeed);
  const sign = sodium.crypto_sign_seed_keypair(seeds.signSeed);
  const keys: VaultKeys = Object.freeze({
    public: Object.freeze({
      keyId: keyIdOf(sodium, seal.publicKey, sign.publicKey),
      sealTo: seal.publicKey,
      verifyWith: sign.publicKey,
    }),
  });
  secretsByKeys.set(keys, { openWith: seal.privateKey, signWith: sign.privateKey });
  return keys;
}

/** The secrets of keys that this thread loaded. */
export function secretsOf(keys: VaultKeys): Secrets {
  const secrets = secretsByKeys.get(keys);
  assert(secrets !== undefined, 'vault keys do not survive copying: load them in this thread');
  return secrets;
}
