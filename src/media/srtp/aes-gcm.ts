/**
 * AES in Galois/counter mode (RFC 7714).
 *
 * Owns       associated data, ciphertext and tag of one packet.
 * Leaves to  keystream.ts and ghash.ts the cryptography; layout.ts the places.
 */
import { packetHash, type PacketHash } from './ghash.js';
import { galoisPrefix, Keystream, lay, layWords } from './keystream.js';
import { encryptedFlag, rtcpHeaderBytes, type Layout } from './layout.js';
import { inNetworkOrder } from './network-order.js';
import type { DerivedKeys, SessionKeys } from './session-keys.js';
import { slab } from './slab.js';
import type { Transform } from './transform.js';

const tagWords = 4;
/** SP 800-38D §7.1: the first counter block hides the tag, the others the data. */
const firstBlock = 1;
const dataAt = 16;

/** Of RTP or of RTCP. */
interface Half {
  readonly keystream: Keystream;
  readonly hash: PacketHash;
}

const halfOf = ({ key, salt }: SessionKeys): Half => ({
  keystream: new Keystream(key, galoisPrefix(salt), firstBlock),
  hash: packetHash(key),
});

export class AesGcm implements Transform {
  readonly #rtp: Half;
  readonly #rtcp: Half;
  readonly #layout: Layout;

  constructor(keys: DerivedKeys, layout: Layout) {
    this.#rtp = halfOf(keys.rtp);
    this.#rtcp = halfOf(keys.rtcp);
    this.#layout = layout;
  }

  sealRtp(packet: Buffer, headerBytes: number, rollOver: number, out: Buffer): void {
    const { keystream, hash } = this.#rtp;
    const [ssrc, sequenceNumber] = [packet.readUInt32BE(8), packet.readUInt16BE(2)];
    keystream.find(dataAt + packet.length - headerBytes, ssrc, rollOver, sequenceNumber);
    packet.copy(out, 0, 0, headerBytes);
    lay(keystream.octets, keystream.from + dataAt, packet, headerBytes, packet.length, out);
    hash.hash(packet, headerBytes, out, headerBytes, packet.length);
    putTag(hash, keystream, out, out.length - this.#layout.rtpTagTail);
    keystream.confirm(ssrc, rollOver, sequenceNumber);
  }

  openRtp(packet: Buffer, headerBytes: number, rollOver: number): Buffer | undefined {
    const { keystream, hash } = this.#rtp;
    const [ssrc, sequenceNumber] = [packet.readUInt32BE(8), packet.readUInt16BE(2)];
    const bodyEnd = packet.length - this.#layout.rtpBodyTail;
    keystream.find(dataAt + bodyEnd - headerBytes, ssrc, rollOver, sequenceNumber);
    hash.hash(packet, headerBytes, packet, headerBytes, bodyEnd);
    if (!hasTag(hash, keystream, packet, packet.length - this.#layout.rtpTagTail)) return undefined;
    keystream.confirm(ssrc, rollOver, sequenceNumber);
    const clear = slab.take(bodyEnd);
    for (let n = 0; n < headerBytes; n += 1) clear[n] = packet[n] as number;
    const { taken } = hash;
    if (taken === undefined) lay(keystream.octets, keystream.from + dataAt, packet, headerBytes, bodyEnd, clear);
    else layWords(keystream.words, (keystream.from + dataAt) >> 2, taken.words, taken.at, bodyEnd - headerBytes, slab.words, slab.at + (headerBytes >> 2));
    return clear;
  }

  sealRtcp(packet: Buffer, indexWord: number, out: Buffer): void {
    // RFC 7714 §9.3: without the encryption flag the whole packet is associated data.
    const clearBytes = indexWord >= encryptedFlag ? rtcpHeaderBytes : packet.length;
    const { keystream } = this.#find(packet, packet.length - clearBytes, indexWord);
    packet.copy(out, 0, 0, clearBytes);
    lay(keystream.octets, keystream.from + dataAt, packet, clearBytes, packet.length, out);
    const hash = this.#hashRtcp(out, clearBytes, packet.length, indexWord);
    putTag(hash, keystream, out, out.length - this.#layout.rtcpTagTail);
    out.writeUInt32BE(indexWord, out.length - this.#layout.rtcpIndexTail);
  }

  openRtcp(packet: Buffer, indexWord: number): Buffer | undefined {
    const bodyEnd = packet.length - this.#layout.rtcpBodyTail;
    const clearBytes = indexWord >= encryptedFlag ? rtcpHeaderBytes : bodyEnd;
    const { keystream } = this.#find(packet, bodyEnd - clearBytes, indexWord);
    const hash = this.#hashRtcp(packet, clearBytes, bodyEnd, indexWord);
    if (!hasTag(hash, keystream, packet, packet.length - this.#layout.rtcpTagTail)) return undefined;
    const clear = Buffer.allocUnsafe(bodyEnd);
    packet.copy(clear, 0, 0, clearBytes);
    lay(keystream.octets, keystream.from + dataAt, packet, clearBytes, bodyEnd, clear);
    return clear;
  }

  /** RFC 7714 §9.1: the nonce has the 31-bit index where that of RTP has roll-over counter and sequence number. */
  #find(packet: Buffer, bodyBytes: number, indexWord: number): Half {
    const index = indexWord & 0x7fff_ffff;
    this.#rtcp.keystream.find(dataAt + bodyBytes, packet.readUInt32BE(4), index >>> 16, index & 0xffff);
    return this.#rtcp;
  }

  /** RFC 7714 §9.2: what is in clear, then the index word, then the ciphertext. */
  #hashRtcp(packet: Buffer, clearBytes: number, bodyEnd: number, indexWord: number): PacketHash {
    const { hash } = this.#rtcp;
    const associated = Buffer.allocUnsafe(clearBytes + 4);
    packet.copy(associated, 0, 0, clearBytes);
    associated.writeUInt32BE(indexWord, clearBytes);
    hash.hash(associated, associated.length, packet, clearBytes, bodyEnd);
    return hash;
  }
}

function putTag(hash: PacketHash, { words, from }: Keystream, out: Buffer, at: number): void {
  for (let n = 0; n < tagWords; n += 1) out.writeInt32BE(hash.word(n) ^ inNetworkOrder(words[(from >> 2) + n] as number), at + 4 * n);
}

/** In a time that does not depend on where the two differ. */
function hasTag(hash: PacketHash, { words, from }: Keystream, packet: Buffer, at: number): boolean {
  let difference = 0;
  for (let n = 0; n < tagWords; n += 1) difference |= hash.word(n) ^ inNetworkOrder(words[(from >> 2) + n] as number) ^ packet.readInt32BE(at + 4 * n);
  return difference === 0;
}
