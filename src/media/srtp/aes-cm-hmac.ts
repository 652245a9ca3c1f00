/**
 * AES in counter mode with HMAC-SHA1, or HMAC-SHA1 alone (RFC 3711 §3.3, §3.4, §4; RFC 6188).
 *
 * Owns       what is encrypted and what is authenticated.
 * Leaves to  keystream.ts and sha1/ the cryptography; layout.ts the places.
 */
import { counterModePrefix, Keystream, lay, layWords } from './keystream.js';
import { encryptedFlag, rtcpHeaderBytes, type Layout } from './layout.js';
import type { DerivedKeys, SessionKeys } from './session-keys.js';
import { slab } from './slab.js';
import { HmacSha1 } from './sha1/hmac-sha1.js';
import type { Transform } from './transform.js';

export class AesCmHmac implements Transform {
  private readonly rtpKeystream: Keystream;
  private readonly rtcpKeystream: Keystream;
  private readonly rtpHmac: HmacSha1;
  private readonly rtcpHmac: HmacSha1;

  constructor(
    keys: DerivedKeys,
    private readonly layout: Layout,
    /** What is encrypted at all. */
    private readonly encrypts: { readonly rtp: boolean; readonly rtcp: boolean },
  ) {
    this.rtpKeystream = keystreamOf(keys.rtp);
    this.rtcpKeystream = keystreamOf(keys.rtcp);
    this.rtpHmac = new HmacSha1(keys.rtp.authenticationKey);
    this.rtcpHmac = new HmacSha1(keys.rtcp.authenticationKey);
  }

  sealRtp(packet: Buffer, headerBytes: number, rollOver: number, out: Buffer): void {
    packet.copy(out, 0, 0, headerBytes);
    if (this.encrypts.rtp) this.rtpApply(packet, headerBytes, packet.length, rollOver, out);
    else packet.copy(out, headerBytes, headerBytes);
    this.rtpTag(out, packet.length, rollOver).copy(out, out.length - this.layout.rtpTagTail, 0, this.layout.rtpTagTail);
  }

  openRtp(packet: Buffer, headerBytes: number, rollOver: number): Buffer | undefined {
    const bodyEnd = packet.length - this.layout.rtpBodyTail;
    const tag = this.rtpTag(packet, bodyEnd, rollOver);
    if (!endsWith(packet, tag, this.layout.rtpTagTail)) return undefined;
    const clear = slab.take(bodyEnd);
    const { taken } = this.rtpHmac;
    if (!this.encrypts.rtp) packet.copy(clear, 0, 0, bodyEnd);
    else if (taken === undefined) {
      packet.copy(clear, 0, 0, headerBytes);
      this.rtpApply(packet, headerBytes, bodyEnd, rollOver, clear);
    } else {
      // It has been copied already, to where words are aligned: RTP headers are whole words.
      const { words, at } = taken;
      const header = headerBytes >> 2;
      for (let n = 0; n < header; n += 1) slab.words[slab.at + n] = words[at + n] as number;
      const keystream = this.rtpKeystreamOf(packet, bodyEnd - headerBytes, rollOver);
      layWords(keystream.words, keystream.from >> 2, words, at + header, bodyEnd - headerBytes, slab.words, slab.at + header);
    }
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
    return this.rtpHmac.update(packet, bodyEnd, rollOver);
  }

  private rtcpTag(packet: Buffer, end: number): Buffer {
    return this.rtcpHmac.update(packet, end);
  }

  /** Of a packet that was made here or has authenticated. */
  private rtpApply(packet: Buffer, start: number, end: number, rollOver: number, out: Buffer): void {
    const keystream = this.rtpKeystreamOf(packet, end - start, rollOver);
    lay(keystream.octets, keystream.from, packet, start, end, out);
  }

  private rtpKeystreamOf(packet: Buffer, bytes: number, rollOver: number): Keystream {
    const keystream = this.rtpKeystream;
    const ssrc = packet.readUInt32BE(8);
    const sequenceNumber = packet.readUInt16BE(2);
    keystream.find(bytes, ssrc, rollOver, sequenceNumber);
    keystream.confirm(ssrc, rollOver, sequenceNumber);
    return keystream;
  }

  private rtcpApply(packet: Buffer, end: number, out: Buffer, indexWord: number): void {
    if (!this.encrypts.rtcp) {
      packet.copy(out, rtcpHeaderBytes, rtcpHeaderBytes, end);
      return;
    }
    const index = indexWord & 0x7fff_ffff;
    const keystream = this.rtcpKeystream;
    keystream.find(end - rtcpHeaderBytes, packet.readUInt32BE(4), index >>> 16, index & 0xffff);
    lay(keystream.octets, keystream.from, packet, rtcpHeaderBytes, end, out);
  }
}

const keystreamOf = ({ key, salt }: SessionKeys): Keystream => new Keystream(key, counterModePrefix(salt), 0);

// In a time that does not depend on where the two differ.
function endsWith(packet: Buffer, tag: Buffer, tagBytes: number): boolean {
  const at = packet.length - tagBytes;
  let difference = 0;
  for (let n = 0; n < tagBytes; n += 1) difference |= (packet[at + n] ?? 0) ^ (tag[n] ?? 0);
  return difference === 0;
}
