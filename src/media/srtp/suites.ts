/**
 * The crypto suites of SRTP and their numbers (RFC 4568 §6.2, RFC 6188 §6, RFC 7714 §12 and §14.1).
 *
 * Owns       lengths and families.
 * Leaves to  the transforms what is done with them.
 */
export interface SuiteParameters {
  /** AES in counter mode with HMAC-SHA1, the same without encryption, or AES in Galois/counter mode */
  family: 'aes-cm' | 'null' | 'aes-gcm';
  keyBytes: 16 | 24 | 32;
  saltBytes: 12 | 14;
  rtpTagBytes: number;
  rtcpTagBytes: number;
}

// RFC 4568 §6.2.2: the short tag is for RTP only; SRTCP keeps 80 bits.
const suiteTable = {
  AES_CM_128_HMAC_SHA1_80: { family: 'aes-cm', keyBytes: 16, saltBytes: 14, rtpTagBytes: 10, rtcpTagBytes: 10 },
  AES_CM_128_HMAC_SHA1_32: { family: 'aes-cm', keyBytes: 16, saltBytes: 14, rtpTagBytes: 4, rtcpTagBytes: 10 },
  AES_192_CM_HMAC_SHA1_80: { family: 'aes-cm', keyBytes: 24, saltBytes: 14, rtpTagBytes: 10, rtcpTagBytes: 10 },
  AES_192_CM_HMAC_SHA1_32: { family: 'aes-cm', keyBytes: 24, saltBytes: 14, rtpTagBytes: 4, rtcpTagBytes: 10 },
  AES_256_CM_HMAC_SHA1_80: { family: 'aes-cm', keyBytes: 32, saltBytes: 14, rtpTagBytes: 10, rtcpTagBytes: 10 },
  AES_256_CM_HMAC_SHA1_32: { family: 'aes-cm', keyBytes: 32, saltBytes: 14, rtpTagBytes: 4, rtcpTagBytes: 10 },
  AEAD_AES_128_GCM: { family: 'aes-gcm', keyBytes: 16, saltBytes: 12, rtpTagBytes: 16, rtcpTagBytes: 16 },
  AEAD_AES_256_GCM: { family: 'aes-gcm', keyBytes: 32, saltBytes: 12, rtpTagBytes: 16, rtcpTagBytes: 16 },
  // RFC 3711 §4.1.3 has the cipher; in SDES it has no registered name, and these are what libsrtp and rtpengine say.
  NULL_HMAC_SHA1_80: { family: 'null', keyBytes: 16, saltBytes: 14, rtpTagBytes: 10, rtcpTagBytes: 10 },
  NULL_HMAC_SHA1_32: { family: 'null', keyBytes: 16, saltBytes: 14, rtpTagBytes: 4, rtcpTagBytes: 10 },
} as const satisfies Record<string, SuiteParameters>;

export type SrtpSuite = keyof typeof suiteTable;

export const suites: Readonly<Record<SrtpSuite, SuiteParameters>> = suiteTable;

/** All suites, in the order of the registry. */
export const srtpSuites = Object.freeze(Object.keys(suiteTable)) as readonly SrtpSuite[];

/** How long the master key and salt of a suite are together, in octets. */
export const keySaltBytes = (suite: SrtpSuite): number => suites[suite].keyBytes + suites[suite].saltBytes;

export const isSrtpSuite = (name: string): name is SrtpSuite => Object.hasOwn(suiteTable, name);
