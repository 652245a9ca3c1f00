/**
 * AES in counter mode with HMAC-SHA1, or HMAC-SHA1 alone (RFC 3711 §3.3, §3.4, §4; RFC 6188).
 *
 * Owns       what is encrypted and what is authenticated.
 * Leaves to  aes-counter.ts the keystream; layout.ts the places.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { AesCounter } from './aes-counter.js';
import { encryptedFlag, rtcpHeaderBytes, type Layout } from './layout.js';
import type { DerivedKeys } from './session-keys.js';
import type { Transform } from './transform.js';

export class AesCmHmac implements Transform {
  private readonly rtpCounter: AesCounter;
  private readonly rtcpCounter: AesCounter;
  private readonly rtpMacKey: KeyObject;
  private readonly rtcpMacKey: KeyObject;
  private readonly rollOverWord = Buffer.alloc(4);

  constructor(
    keys: DerivedKeys,
    private readonly layout: Layout,
    /** What is encrypted at all. */
    private readonly encrypts: { readonly rtp: boolean; readonly rtcp: boolean },
  ) {
    this.rtpCounter = new AesCounter(keys.rtp.key, keys.rtp.salt);
    this.rtcpCounter = new AesCounter(keys.rtcp.key, keys.rtcp.salt);
    this.rtpMacKey = createSecretKey(keys.rtp.authenticationKey);
    this.rtcpMacKey = createSecretKey(keys.rtcp.authenticationKey);
  }

  sealRtp(packet: Buffer, headerBytes: number, rollOver: number, out: Buffer): void {
    packet.copy(out, 0, 0, headerBytes);
    if (this.encrypts.rtp) this.rtpCounter.apply(packet, headerBytes, packet.length, out, ssrcOfRtp(packet), rollOver, packet.readUInt16BE(2));
    else packet.copy(out, headerBytes, headerBytes);
    this.rtpTag(out, packet.length, rollOver).copy(out, out.length - this.layout.rtpTagTail, 0, this.layout.rtpTagTail);
  }

  openRtp(packet: Buffer, headerBytes: number, rollOver: number): Buffer | undefined {
    const bodyEnd = packet.length - this.layout.rtpBodyTail;
    const tag = this.rtpTag(packet, bodyEnd, rollOver);
    if (!endsWith(packet, tag, this.layout.rtpTagTail)) return undefined;
    const clear = Buffer.allocUnsafe(bodyEnd);
    packet.copy(clear, 0, 0, this.encrypts.rtp ? headerBytes : bodyEnd);
    if (this.encrypts.rtp) this.rtpCounter.apply(packet, headerBytes, bodyEnd, clear, ssrcOfRtp(packet), rollOver, packet.readUInt16BE(2));
    return clear;
  }

  sealRtcp(packet: Buffer, indexWord: number, out: Buffer): void {
    packet.copy(out, 0, 0, rtcpHeaderBytes);
    this.rtcpApply(packet, packet.length, out, indexWord);
    const indexAt = out.length - this.layout.rtcpIndexTail;
    out.writeUInt32BE(indexWord, indexAt);
    this.rtcpTag(out, indexAt + 4).copy(out, out.length - this.layout.rtcpTagTail, 0, this.layout.rtcpTagTail);
  }

  openRtcp(packet: Buffer, indexWord: number): Buffer | undefined {
    const bodyEnd = packet.length - this.layout.rtcpBodyTail;
    const tag = this.rtcpTag(packet, packet.length - this.layout.rtcpIndexTail + 4);
    if (!endsWith(packet, tag, this.layout.rtcpTagTail)) return undefined;
    const clear = Buffer.allocUnsafe(bodyEnd);
    packet.copy(clear, 0, 0, bodyEnd);
    if (indexWord >= encryptedFlag) this.rtcpApply(packet, bodyEnd, clear, indexWord);
    return clear;
  }

  // RFC 3711 §4.2: the MKI is not authenticated; the roll-over counter is, though it is not in the packet.
  private rtpTag(packet: Buffer, bodyEnd: number, rollOver: number): Buffer {
    this.rollOverWord.writeUInt32BE(rollOver, 0);
    return createHmac('sha1', this.rtpMacKey).update(packet.subarray(0, bodyEnd)).update(this.rollOverWord).digest();
  }

  private rtcpTag(packet: Buffer, end: number): Buffer {
    return createHmac('sha1', this.rtcpMacKey).update(packet.subarray(0, end)).digest();
  }

  private rtcpApply(packet: Buffer, end: number, out: Buffer, indexWord: number): void {
    if (!this.encrypts.rtcp) {
      packet.copy(out, rtcpHeaderBytes, rtcpHeaderBytes, end);
      return;
    }
    const index = indexWord & 0x7fff_ffff;
    this.rtcpCounter.apply(packet, rtcpHeaderBytes, end, out, packet.readUInt32BE(4), index >>> 16, index & 0xffff);
  }
}

const ssrcOfRtp = (packet: Buffer): number => packet.readUInt32BE(8);

// In a time that does not depend on where the two differ.
function endsWith(packet: Buffer, tag: Buffer, tagBytes: number): boolean {
  const at = packet.length - tagBytes;
  let difference = 0;
  for (let n = 0; n < tagBytes; n += 1) difference |= (packet[at + n] ?? 0) ^ (tag[n] ?? 0);
  return difference === 0;
}
