/**
 * The transform of a suite under a master key.
 *
 * Owns       the choice of family.
 * Leaves to  session-keys.ts the keys; layout.ts the places.
 */
import { AesCmHmac } from './aes-cm-hmac.js';
import { AesGcm } from './aes-gcm.js';
import { layoutOf, type Layout } from './layout.js';
import type { CryptoLine } from './crypto-line.js';
import { RatedTransform } from './key-rate.js';
import { deriveSessionKeys, type DerivedKeys } from './session-keys.js';
import { suites } from './suites.js';
import type { Transform } from './transform.js';

type Keyed = Pick<CryptoLine, 'suite' | 'keySalt'> & Partial<Pick<CryptoLine, 'sessionParameters'>>;

/** A key of another length than the suite says asserts. */
export function transformFor({ suite, keySalt, sessionParameters = [] }: Keyed, mkiBytes: number): { transform: Transform; layout: Layout } {
  const parameters = suites[suite];
  const says = (parameter: string): boolean => sessionParameters.some((one) => one.toUpperCase() === parameter);
  const rate = derivationRate(sessionParameters);
  const rated = (make: (keys: DerivedKeys) => Transform): Transform => {
    const of = (stretch: number): Transform => make(deriveSessionKeys(suite, keySalt, stretch));
    return rate === undefined ? of(0) : new RatedTransform(rate, of);
  };
  if (parameters.family === 'aes-gcm') {
    const layout = layoutOf(parameters, mkiBytes);
    return { transform: rated((keys) => new AesGcm(keys, layout)), layout };
  }
  // RFC 4568 §6.3.2: SRTP may go without encryption, and without authentication; SRTCP is authenticated in any case.
  const layout = layoutOf({ ...parameters, rtpTagBytes: says('UNAUTHENTICATED_SRTP') ? 0 : parameters.rtpTagBytes }, mkiBytes);
  const encrypted = parameters.family === 'aes-cm';
  const encrypts = { rtp: encrypted && !says('UNENCRYPTED_SRTP'), rtcp: encrypted };
  return { transform: rated((keys) => new AesCmHmac(keys, layout, encrypts)), layout };
}

/** In packets; undefined where keys are derived once (RFC 4568 §6.3.1: KDR=n is a rate of 2^n). */
function derivationRate(sessionParameters: readonly string[]): number | undefined {
  for (const parameter of sessionParameters) {
    const [, power] = /^KDR=([1-9]|1\d|2[0-4])$/iu.exec(parameter) ?? [];
    if (power !== undefined) return 2 ** Number(power);
  }
  return undefined;
}
