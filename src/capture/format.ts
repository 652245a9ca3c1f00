/**
 * The records of a capture, the plain bytes inside its sealed chunks. All numbers big-endian.
 *
 *   packet  0  1  kind: 1 RTP or SRTP, 2 RTCP or SRTCP
 *           1  2  stream index
 *           3  2  bytes of the packet
 *           5  8  arrived at: microseconds since 1970
 *           13 .. the packet, as it came from the wire
 *   event   0  1  kind: 3
 *           1  4  bytes of the event
 *           5  8  at: microseconds since 1970
 *           13 .. the event, JSON in UTF-8
 *
 * A chunk holds whole records, back to back. Pure, and parsing is total: it never throws, on any bytes.
 *
 * Leaves to  file-layout.ts the chunks; event.ts the events; media/ the packets.
 */
import { parseEvent, type CaptureEvent, type EventReject } from './event.js';

export type CaptureRecord =
  | {
      readonly kind: 'packet';
      readonly stream: number;
      /** Unix time in ms, fractional to 1 µs. */
      readonly arrivedAtMs: number;
      readonly rtcp: boolean;
      /** As received; aliases the chunk it was read from, which nothing else uses. */
      readonly bytes: Buffer;
    }
  | { readonly kind: 'event'; readonly atMs: number; readonly event: CaptureEvent };

export type RecordReject = 'record-cut' | 'record-kind' | 'record-time' | EventReject;

/** Bytes of a record before the packet or event. */
export const recordHeadBytes = 13;
export const maxStream = 0xffff;
export const maxPacketBytes = 0xffff;

const rtpKind = 1;
const rtcpKind = 2;
const eventKind = 3;

/**
 * Writes a packet record at `offset`, where recordHeadBytes + bytes.length must have room, and copies `bytes`.
 * The stream is at most maxStream, the packet at most maxPacketBytes long.
 */
export function encodePacket(into: Buffer, offset: number, stream: number, arrivedAtMs: number, rtcp: boolean, bytes: Buffer): void {
  into[offset] = rtcp ? rtcpKind : rtpKind;
  into.writeUInt16BE(stream, offset + 1);
  into.writeUInt16BE(bytes.length, offset + 3);
  writeTime(into, offset + 5, arrivedAtMs);
  into.set(bytes, offset + recordHeadBytes);
}

/** Writes an event record at `offset`; `json` is its encodeEvent. */
export function encodeEventRecord(into: Buffer, offset: number, atMs: number, json: Buffer): void {
  into[offset] = eventKind;
  into.writeUInt32BE(json.length, offset + 1);
  writeTime(into, offset + 5, atMs);
  into.set(json, offset + recordHeadBytes);
}

/** All records of a chunk, or why one of them is none. */
export function parseRecords(chunk: Buffer): CaptureRecord[] | RecordReject {
  const records: CaptureRecord[] = [];
  for (let offset = 0; offset < chunk.length; ) {
    if (chunk.length - offset < recordHeadBytes) return 'record-cut';
    const kind = chunk[offset];
    if (kind !== rtpKind && kind !== rtcpKind && kind !== eventKind) return 'record-kind';
    const length = kind === eventKind ? chunk.readUInt32BE(offset + 1) : chunk.readUInt16BE(offset + 3);
    const atMs = readTime(chunk, offset + 5);
    if (atMs === undefined) return 'record-time';
    const from = offset + recordHeadBytes;
    if (chunk.length - from < length) return 'record-cut';
    const bytes = chunk.subarray(from, from + length);
    if (kind === eventKind) {
      const event = parseEvent(bytes);
      if (typeof event === 'string') return event;
      records.push({ kind: 'event', atMs, event });
    } else {
      const stream = chunk.readUInt16BE(offset + 1);
      records.push({ kind: 'packet', stream, arrivedAtMs: atMs, rtcp: kind === rtcpKind, bytes });
    }
    offset = from + length;
  }
  return records;
}

const twoTo32 = 0x1_0000_0000;

// As two halves: a BigInt would be allocated for every packet.
function writeTime(into: Buffer, offset: number, atMs: number): void {
  const us = Math.round(atMs * 1000);
  into.writeUInt32BE(Math.floor(us / twoTo32), offset);
  into.writeUInt32BE(us % twoTo32, offset + 4);
}

function readTime(from: Buffer, offset: number): number | undefined {
  const us = from.readUInt32BE(offset) * twoTo32 + from.readUInt32BE(offset + 4);
  return Number.isSafeInteger(us) ? us / 1000 : undefined;
}
