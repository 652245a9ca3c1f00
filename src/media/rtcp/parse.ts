/**
 * RTCP parsing (RFC 3550 §6.4 to §6.7, validity A.2).
 *
 * Total: any input yields a value. A compound is taken whole or not at all.
 *
 * Owns       octets to values, bounds.
 * Leaves to  srtp/ authenticity; its users what a report means. A compound need not begin with a
 *            report: RFC 5506 allows that where it was agreed.
 * Lifetime   `body` and `profileExtension` alias the datagram; texts and numbers are copies.
 */
import {
  packetTypes,
  reportBlockBytes,
  type Goodbye,
  type ReportBlock,
  type RtcpPacket,
  type SourceChunk,
  type SourceItem,
} from './packets.js';

/** Why a datagram is not RTCP; metric label, so the list is closed. */
export type RtcpReject =
  | 'too-short'
  | 'not-version-2'
  | 'not-rtcp-type'
  | 'length-past-end'
  | 'padding-before-last'
  | 'padding-past-end'
  | 'report-past-end'
  | 'description-past-end'
  | 'goodbye-past-end';

/** Parses a compound packet, or a single one; at least one packet is in the result. */
export function parseRtcp(datagram: Buffer): RtcpPacket[] | RtcpReject {
  if (datagram.length === 0) return 'too-short';
  const packets: RtcpPacket[] = [];
  for (let at = 0; at < datagram.length; ) {
    if (at + 4 > datagram.length) return 'too-short';
    const first = datagram.readUInt8(at);
    if (first >> 6 !== 2) return 'not-version-2';
    const packetType = datagram.readUInt8(at + 1);
    if (packetType < 192 || packetType > 223) return 'not-rtcp-type';
    const end = at + 4 + datagram.readUInt16BE(at + 2) * 4;
    if (end > datagram.length) return 'length-past-end';
    let bodyEnd = end;
    if ((first & 0x20) !== 0) {
      // RFC 3550 §6.4.1: padding is only on the last packet of a compound, in whole words.
      if (end < datagram.length) return 'padding-before-last';
      const paddingBytes = end - at > 4 ? datagram.readUInt8(end - 1) : 0;
      if (paddingBytes === 0 || paddingBytes % 4 !== 0 || at + 4 + paddingBytes > end) return 'padding-past-end';
      bodyEnd = end - paddingBytes;
    }
    const packet = parseOne(packetType, first & 0x1f, datagram.subarray(at + 4, bodyEnd));
    if (typeof packet === 'string') return packet;
    packets.push(packet);
    at = end;
  }
  return packets;
}

function parseOne(packetType: number, count: number, body: Buffer): RtcpPacket | RtcpReject {
  switch (packetType) {
    case packetTypes.SR:
      return parseSenderReport(count, body);
    case packetTypes.RR:
      return parseReceiverReport(count, body);
    case packetTypes.SDES:
      return parseDescription(count, body);
    case packetTypes.BYE:
      return parseGoodbye(count, body);
    default:
      return { type: 'other', packetType, count, body };
  }
}

function parseSenderReport(count: number, body: Buffer): RtcpPacket | RtcpReject {
  const blocksEnd = 24 + count * reportBlockBytes;
  if (blocksEnd > body.length) return 'report-past-end';
  return {
    type: 'SR',
    ssrc: body.readUInt32BE(0),
    ntp: body.readBigUInt64BE(4),
    rtpTimestamp: body.readUInt32BE(12),
    packetCount: body.readUInt32BE(16),
    octetCount: body.readUInt32BE(20),
    reports: reportsOf(body, 24, count),
    profileExtension: body.subarray(blocksEnd),
  };
}

function parseReceiverReport(count: number, body: Buffer): RtcpPacket | RtcpReject {
  const blocksEnd = 4 + count * reportBlockBytes;
  if (blocksEnd > body.length) return 'report-past-end';
  return {
    type: 'RR',
    ssrc: body.readUInt32BE(0),
    reports: reportsOf(body, 4, count),
    profileExtension: body.subarray(blocksEnd),
  };
}

const reportsOf = (body: Buffer, start: number, count: number): ReportBlock[] =>
  Array.from({ length: count }, (_, n) => {
    const at = start + n * reportBlockBytes;
    return {
      ssrc: body.readUInt32BE(at),
      fractionLost: body.readUInt8(at + 4),
      cumulativeLost: body.readIntBE(at + 5, 3),
      extendedHighest: body.readUInt32BE(at + 8),
      jitterTicks: body.readUInt32BE(at + 12),
      lastSenderReport: body.readUInt32BE(at + 16),
      delaySinceLastSenderReport: body.readUInt32BE(at + 20),
    };
  });

// RFC 3550 §6.5: a chunk is an SSRC, items, a null octet, and nulls to the next word.
function parseDescription(count: number, body: Buffer): RtcpPacket | RtcpReject {
  const chunks: SourceChunk[] = [];
  let at = 0;
  for (let n = 0; n < count; n += 1) {
    if (at + 4 > body.length) return 'description-past-end';
    const ssrc = body.readUInt32BE(at);
    const items: SourceItem[] = [];
    at += 4;
    for (;;) {
      if (at >= body.length) return 'description-past-end';
      const item = body.readUInt8(at);
      if (item === 0) break;
      if (at + 2 > body.length) return 'description-past-end';
      const textEnd = at + 2 + body.readUInt8(at + 1);
      if (textEnd > body.length) return 'description-past-end';
      items.push({ item, text: body.toString('utf8', at + 2, textEnd) });
      at = textEnd;
    }
    at += 4 - (at % 4);
    chunks.push({ ssrc, items });
  }
  return { type: 'SDES', chunks };
}

function parseGoodbye(count: number, body: Buffer): Goodbye | RtcpReject {
  const ssrcsEnd = count * 4;
  if (ssrcsEnd > body.length) return 'goodbye-past-end';
  const ssrcs = Array.from({ length: count }, (_, n) => body.readUInt32BE(n * 4));
  if (ssrcsEnd === body.length) return { type: 'BYE', ssrcs, reason: undefined };
  const reasonEnd = ssrcsEnd + 1 + body.readUInt8(ssrcsEnd);
  if (reasonEnd > body.length) return 'goodbye-past-end';
  return { type: 'BYE', ssrcs, reason: body.toString('utf8', ssrcsEnd + 1, reasonEnd) };
}
