/**
 * RTCP encoding (RFC 3550 §6.4 to §6.7).
 *
 * Owns       values to octets. A value out of its range is a bug of the caller: it asserts.
 * Leaves to  its users the rule that a compound begins with a report and has a CNAME (RFC 3550 §6.1).
 */
import assert from 'node:assert/strict';
import { packetTypes, reportBlockBytes, type ReportBlock, type RtcpPacket, type SourceChunk } from './packets.js';

/** The octets of a compound, in a new buffer, its packets in the order given. */
export function encodeRtcp(packets: readonly RtcpPacket[]): Buffer {
  return Buffer.concat(packets.map(encodeOne));
}

function encodeOne(packet: RtcpPacket): Buffer {
  switch (packet.type) {
    case 'SR': {
      const info = Buffer.alloc(24);
      info.writeUInt32BE(packet.ssrc, 0);
      info.writeBigUInt64BE(packet.ntp, 4);
      info.writeUInt32BE(packet.rtpTimestamp, 12);
      info.writeUInt32BE(packet.packetCount, 16);
      info.writeUInt32BE(packet.octetCount, 20);
      return framed(packetTypes.SR, packet.reports.length, [
        info,
        ...packet.reports.map(encodeBlock),
        packet.profileExtension,
      ]);
    }
    case 'RR':
      return framed(packetTypes.RR, packet.reports.length, [
        word(packet.ssrc),
        ...packet.reports.map(encodeBlock),
        packet.profileExtension,
      ]);
    case 'SDES':
      return framed(packetTypes.SDES, packet.chunks.length, packet.chunks.map(encodeChunk));
    case 'BYE':
      return framed(packetTypes.BYE, packet.ssrcs.length, [
        ...packet.ssrcs.map(word),
        ...(packet.reason === undefined ? [] : [toWords(lengthAndText(packet.reason))]),
      ]);
    case 'other':
      return framed(packet.packetType, packet.count, [packet.body]);
  }
}

function framed(packetType: number, count: number, parts: readonly Buffer[]): Buffer {
  assert(count >= 0 && count <= 31, 'the count of an RTCP packet has five bits');
  assert(packetType >= 192 && packetType <= 223, 'RTCP packet types are 192 to 223 (RFC 5761 §4)');
  const packet = Buffer.concat([Buffer.alloc(4), ...parts]);
  assert(packet.length % 4 === 0, 'an RTCP packet is whole 32-bit words');
  packet.writeUInt8(0x80 | count, 0);
  packet.writeUInt8(packetType, 1);
  packet.writeUInt16BE(packet.length / 4 - 1, 2);
  return packet;
}

function encodeBlock(report: ReportBlock): Buffer {
  const block = Buffer.alloc(reportBlockBytes);
  block.writeUInt32BE(report.ssrc, 0);
  block.writeUInt8(report.fractionLost, 4);
  block.writeIntBE(report.cumulativeLost, 5, 3);
  block.writeUInt32BE(report.extendedHighest, 8);
  block.writeUInt32BE(report.jitterTicks, 12);
  block.writeUInt32BE(report.lastSenderReport, 16);
  block.writeUInt32BE(report.delaySinceLastSenderReport, 20);
  return block;
}

function encodeChunk(chunk: SourceChunk): Buffer {
  const items = chunk.items.map(({ item, text }) => {
    assert(item >= 1 && item <= 255, 'an SDES item is 1 to 255');
    return Buffer.concat([Buffer.from([item]), lengthAndText(text)]);
  });
  return toWords(Buffer.concat([word(chunk.ssrc), ...items, Buffer.alloc(1)]));
}

function lengthAndText(text: string): Buffer {
  const octets = Buffer.from(text, 'utf8');
  assert(octets.length <= 255, 'a text in RTCP is 255 octets at most');
  return Buffer.concat([Buffer.from([octets.length]), octets]);
}

const toWords = (octets: Buffer): Buffer => Buffer.concat([octets], Math.ceil(octets.length / 4) * 4);

function word(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value, 0);
  return octets;
}
