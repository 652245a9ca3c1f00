/**
 * Where things lie in a protected packet, counted back from its end.
 *
 *   AES-CM, RFC 3711 §3.1, §3.4      SRTP  header, body, MKI, tag        SRTCP  header, body, index, MKI, tag
 *   AES-GCM, RFC 7714 §8.2, §9.2     SRTP  header, body, tag, MKI        SRTCP  header, body, tag, index, MKI
 *
 * Owns       these orders. "Index" is the 32-bit word of encryption flag and SRTCP index.
 * Leaves to  the transforms what the parts contain.
 */
import type { SuiteParameters } from './suites.js';

export interface Layout {
  rtpBodyTail: number;
  rtpMkiTail: number;
  rtpTagTail: number;
  rtcpBodyTail: number;
  rtcpIndexTail: number;
  rtcpMkiTail: number;
  rtcpTagTail: number;
}

/** The SRTCP header that stays in clear: one word, and the SSRC (RFC 3711 §3.4). */
export const rtcpHeaderBytes = 8;
export const rtcpIndexBytes = 4;
/** The highest bit of the index word: the body is encrypted (RFC 3711 §3.4). */
export const encryptedFlag = 0x8000_0000;

export function layoutOf(suite: Pick<SuiteParameters, 'family' | 'rtpTagBytes' | 'rtcpTagBytes'>, mkiBytes: number): Layout {
  const { rtpTagBytes, rtcpTagBytes } = suite;
  const rtpBodyTail = rtpTagBytes + mkiBytes;
  const rtcpBodyTail = rtcpTagBytes + rtcpIndexBytes + mkiBytes;
  return suite.family !== 'aes-gcm'
    ? {
        rtpBodyTail,
        rtpMkiTail: rtpBodyTail,
        rtpTagTail: rtpTagBytes,
        rtcpBodyTail,
        rtcpIndexTail: rtcpBodyTail,
        rtcpMkiTail: rtcpTagBytes + mkiBytes,
        rtcpTagTail: rtcpTagBytes,
      }
    : {
        rtpBodyTail,
        rtpMkiTail: mkiBytes,
        rtpTagTail: rtpBodyTail,
        rtcpBodyTail,
        rtcpIndexTail: rtcpIndexBytes + mkiBytes,
        rtcpMkiTail: mkiBytes,
        rtcpTagTail: rtcpBodyTail,
      };
}
