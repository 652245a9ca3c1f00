/**
 * AES in Galois/counter mode (RFC 7714).
 *
 * Owns       nonce, associated data and ciphertext of one packet.
 * Leaves to  layout.ts the places.
 */
import { createCipheriv, createDecipheriv, type CipherGCMTypes } from 'node:crypto';
import { encryptedFlag, rtcpHeaderBytes, type Layout } from './layout.js';
import type { DerivedKeys, SessionKeys } from './session-keys.js';
import type { Transform } from './transform.js';

const tagBytes = 16;
const options = { authTagLength: tagBytes };

export class AesGcm implements Transform {
  private readonly cipherName: CipherGCMTypes;

  constructor(
    private readonly keys: DerivedKeys,
    private readonly layout: Layout,
  ) {
    this.cipherName = keys.rtp.key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
  }

  sealRtp(packet: Buffer, headerBytes: number, rollOver: number, out: Buffer): void {
    const nonce = rtpNonce(this.keys.rtp.salt, packet, rollOver);
    const header = packet.subarray(0, headerBytes);
    header.copy(out);
    const tagAt = out.length - this.layout.rtpTagTail;
    this.seal(this.keys.rtp, nonce, [header], packet.subarray(headerBytes), out, headerBytes, tagAt);
  }

  openRtp(packet: Buffer, headerBytes: number, rollOver: number): Buffer | undefined {
    const nonce = rtpNonce(this.keys.rtp.salt, packet, rollOver);
    const bodyEnd = packet.length - this.layout.rtpBodyTail;
    const tagAt = packet.length - this.layout.rtpTagTail;
    return this.open(this.keys.rtp, nonce, [], packet, headerBytes, bodyEnd, tagAt);
  }

  sealRtcp(packet: Buffer, indexWord: number, out: Buffer): void {
    const nonce = rtcpNonce(this.keys.rtcp.salt, packet, indexWord);
    const word = wordOf(indexWord);
    const tagAt = out.length - this.layout.rtcpTagTail;
    // RFC 7714 §9.3: without the encryption flag the whole packet is associated data.
    const clearBytes = indexWord >= encryptedFlag ? rtcpHeaderBytes : packet.length;
    const clear = packet.subarray(0, clearBytes);
    clear.copy(out);
    this.seal(this.keys.rtcp, nonce, [clear, word], packet.subarray(clearBytes), out, clearBytes, tagAt);
    word.copy(out, out.length - this.layout.rtcpIndexTail);
  }

  openRtcp(packet: Buffer, indexWord: number): Buffer | undefined {
    const nonce = rtcpNonce(this.keys.rtcp.salt, packet, indexWord);
    const bodyEnd = packet.length - this.layout.rtcpBodyTail;
    const tagAt = packet.length - this.layout.rtcpTagTail;
    const clearBytes = indexWord >= encryptedFlag ? rtcpHeaderBytes : bodyEnd;
    return this.open(this.keys.rtcp, nonce, [wordOf(indexWord)], packet, clearBytes, bodyEnd, tagAt);
  }

  private seal(
    keys: SessionKeys,
    nonce: Buffer,
    associated: readonly Buffer[],
    body: Buffer,
    out: Buffer,
    bodyAt: number,
    tagAt: number,
  ): void {
    const cipher = createCipheriv(this.cipherName, keys.key, nonce, options);
    cipher.setAAD(Buffer.concat(associated));
    cipher.update(body).copy(out, bodyAt);
    cipher.final();
    cipher.getAuthTag().copy(out, tagAt);
  }

  /** @param associatedAfter what is authenticated beside the clear start of the packet */
  private open(
    keys: SessionKeys,
    nonce: Buffer,
    associatedAfter: readonly Buffer[],
    packet: Buffer,
    clearBytes: number,
    bodyEnd: number,
    tagAt: number,
  ): Buffer | undefined {
    const decipher = createDecipheriv(this.cipherName, keys.key, nonce, options);
    const start = packet.subarray(0, clearBytes);
    decipher.setAAD(associatedAfter.length === 0 ? start : Buffer.concat([start, ...associatedAfter]));
    decipher.setAuthTag(packet.subarray(tagAt, tagAt + tagBytes));
    const out = Buffer.allocUnsafe(bodyEnd);
    start.copy(out);
    decipher.update(packet.subarray(clearBytes, bodyEnd)).copy(out, clearBytes);
    try {
      decipher.final();
    } catch {
      // The one failure that final() has here, and the only way it tells: the tag does not fit.
      return undefined;
    }
    return out;
  }
}

// RFC 7714 §8.1: two zero octets, SSRC, roll-over counter, sequence number; XOR salt.
function rtpNonce(salt: Buffer, packet: Buffer, rollOver: number): Buffer {
  return nonceOf(salt, packet.readUInt32BE(8), rollOver, packet.readUInt16BE(2));
}

// RFC 7714 §9.1: two zero octets, SSRC, two zero octets, the 31-bit index; XOR salt.
function rtcpNonce(salt: Buffer, packet: Buffer, indexWord: number): Buffer {
  const index = indexWord & 0x7fff_ffff;
  return nonceOf(salt, packet.readUInt32BE(4), index >>> 16, index & 0xffff);
}

function nonceOf(salt: Buffer, ssrc: number, indexHigh: number, indexLow: number): Buffer {
  const nonce = Buffer.allocUnsafe(12);
  nonce.writeUInt16BE(salt.readUInt16BE(0), 0);
  nonce.writeUInt32BE((salt.readUInt32BE(2) ^ ssrc) >>> 0, 2);
  nonce.writeUInt32BE((salt.readUInt32BE(6) ^ indexHigh) >>> 0, 6);
  nonce.writeUInt16BE(salt.readUInt16BE(10) ^ indexLow, 10);
  return nonce;
}

function wordOf(value: number): Buffer {
  const word = Buffer.allocUnsafe(4);
  word.writeUInt32BE(value, 0);
  return word;
}
