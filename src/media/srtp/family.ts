/**
 * The transform of a suite under a master key.
 *
 * Owns       the choice of family.
 * Leaves to  session-keys.ts the keys; layout.ts the places.
 */
import { AesCmHmac } from './aes-cm-hmac.js';
import { AesGcm } from './aes-gcm.js';
import { layoutOf, type Layout } from './layout.js';
import { deriveSessionKeys } from './session-keys.js';
import { suites, type SrtpSuite } from './suites.js';
import type { Transform } from './transform.js';

/** @param keySalt of another length than the suite says, it asserts */
export function transformFor(
  suite: SrtpSuite,
  keySalt: Buffer,
  mkiBytes: number,
): { transform: Transform; layout: Layout } {
  const layout = layoutOf(suites[suite], mkiBytes);
  const keys = deriveSessionKeys(suite, keySalt);
  const transform = suites[suite].family === 'aes-cm' ? new AesCmHmac(keys, layout) : new AesGcm(keys, layout);
  return { transform, layout };
}
