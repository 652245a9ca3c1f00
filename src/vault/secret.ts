/**
 * Small secrets on their way through places that must not know them, such as the SRTP keys in an event.
 * crypto_box_seal: anyone with the public half can seal, only the vault's keys open.
 */
import { Failure } from '../errors/index.js';
import type { VaultKeys, VaultPublic } from './keys.js';
import { openBox } from './sealed-stream.js';
import { asBuffer, openSodium } from './sodium.js';

/** 48 bytes longer than `plain`. */
export async function sealSecret(plain: Uint8Array, to: VaultPublic): Promise<Buffer> {
  const sodium = await openSodium();
  return asBuffer(sodium.crypto_box_seal(plain, to.sealTo));
}

/** Failure VAULT_KEYS: it was sealed for other keys, or is damaged; the two cannot be told apart. */
export async function openSecret(sealed: Uint8Array, keys: VaultKeys): Promise<Buffer> {
  const plain = openBox(await openSodium(), sealed, keys);
  if (plain !== undefined) return asBuffer(plain);
  throw new Failure(
    'VAULT_KEYS',
    `a sealed secret does not open with the keys ${keys.public.keyId}: it was sealed for other keys, or it is damaged. ` +
      'Seal it again for these keys.',
    { facts: { keyId: keys.public.keyId } },
  );
}
