/**
 * AES in counter mode as SRTP has it (RFC 3711 §4.1.1, RFC 6188 §2).
 *
 * One cipher object serves the whole life of a key: it encrypts counter blocks, and the keystream that
 * results is laid over the packet here. An object a packet, as node:crypto's own counter mode needs,
 * costs several times as much.
 *
 * Owns       counter blocks and keystream.
 * Leaves to  aes-cm-hmac.ts which octets of a packet are encrypted.
 */
import assert from 'node:assert/strict';
import { createCipheriv, type Cipher } from 'node:crypto';

// A datagram is 65,535 octets at most.
const maxKeystreamBytes = 65_536;

export class AesCounter {
  private readonly cipher: Cipher;
  private readonly salt: readonly [number, number, number, number];
  private blocks = Buffer.alloc(256);

  /** @param salt 14 octets */
  constructor(key: Buffer, salt: Buffer) {
    assert(salt.length === 14, 'the salt of counter mode is 14 octets');
    this.cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
    this.salt = [salt.readUInt32BE(0), salt.readUInt32BE(4), salt.readUInt32BE(8), salt.readUInt16BE(12)];
  }

  /**
   * Encrypts or decrypts `source` from `start` to `end` into the same place of `out`.
   * @param indexHigh the upper 32 bits of the 48-bit packet index: the roll-over counter
   * @param indexLow the lower 16: the sequence number
   */
  apply(
    source: Buffer,
    start: number,
    end: number,
    out: Buffer,
    ssrc: number,
    indexHigh: number,
    indexLow: number,
  ): void {
    const keystream = this.keystream(end - start, ssrc, indexHigh, indexLow);
    for (let n = start; n < end; n += 1) out[n] = (source[n] ?? 0) ^ (keystream[n - start] ?? 0);
  }

  /** `bytes` octets of keystream, rounded up to whole blocks, in a new buffer. */
  keystream(bytes: number, ssrc: number, indexHigh: number, indexLow: number): Buffer {
    assert(bytes <= maxKeystreamBytes, 'a packet is not longer than a datagram');
    const end = Math.ceil(bytes / 16) * 16;
    if (end > this.blocks.length) this.blocks = Buffer.alloc(Math.min(maxKeystreamBytes, end * 2));
    const { blocks } = this;
    // RFC 3711 §4.1.1: IV = (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16), plus the block's number.
    const [first, second, third, fourth] = this.salt;
    for (let at = 0; at < end; at += 16) {
      blocks.writeUInt32BE(first, at);
      blocks.writeUInt32BE((second ^ ssrc) >>> 0, at + 4);
      blocks.writeUInt32BE((third ^ indexHigh) >>> 0, at + 8);
      blocks.writeUInt16BE(fourth ^ indexLow, at + 12);
      blocks.writeUInt16BE(at >>> 4, at + 14);
    }
    return this.cipher.update(blocks.subarray(0, end));
  }
}
