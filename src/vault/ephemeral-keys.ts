/**
 * Keys that are in memory alone: what is sealed for them is gone with the process.
 */
import { keysFromSeeds, seedBytes, type VaultKeys } from './keys.js';
import { openSodium } from './sodium.js';

export async function ephemeralKeys(): Promise<VaultKeys> {
  const sodium = await openSodium();
  return keysFromSeeds(sodium, { sealSeed: sodium.randombytes_buf(seedBytes), signSeed: sodium.randombytes_buf(seedBytes) });
}
