/**
 * The payload of an RTP packet, and the same packet with another one: its header stays, octet for octet, but for the
 * padding bit, since padding belongs to what is dropped (RFC 3550 §5.1). Pure.
 */
import { parseRtp, rtpHeaderBytes } from '../../media/index.js';

const paddingBit = 0x20;

/** Without padding; undefined where there is none, or the packet is malformed. Aliases the packet. */
export function payloadOf(packet: Buffer): Buffer | undefined {
  const parsed = parseRtp(packet);
  return typeof parsed === 'string' || parsed.payload.length === 0 ? undefined : parsed.payload;
}

/** In a new buffer. The packet is one that `payloadOf` gave a payload of. */
export function withPayload(packet: Buffer, payload: Buffer): Buffer {
  const headerBytes = rtpHeaderBytes(packet);
  const header = packet.subarray(0, typeof headerBytes === 'string' ? 0 : headerBytes);
  const replaced = Buffer.concat([header, payload]);
  replaced[0] = (replaced[0] ?? 0) & ~paddingBit;
  return replaced;
}
