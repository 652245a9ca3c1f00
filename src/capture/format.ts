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

/** Where in it the time lies. */
const timeAt = 5;

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
  const cursor = openRecords(chunk);
  if (typeof cursor === 'string') return cursor;
  const records: CaptureRecord[] = [];
  while (cursor.next()) {
    const { event, atMs, stream, rtcp, bytes } = cursor;
    records.push(event === undefined ? { kind: 'packet', stream, arrivedAtMs: atMs, rtcp, bytes } : { kind: 'event', atMs, event });
  }
  return records;
}

/** A chunk that holds whole records of this version and nothing else, before the first of them; or why it does not. */
export function openRecords(chunk: Buffer): RecordCursor | RecordReject {
  const events: CaptureEvent[] = [];
  for (let offset = 0; offset < chunk.length; ) {
    if (chunk.length - offset < recordHeadBytes) return 'record-cut';
    const kind = chunk[offset];
    if (kind !== rtpKind && kind !== rtcpKind && kind !== eventKind) return 'record-kind';
    const length = lengthOf(chunk, offset);
    if (!Number.isSafeInteger(microsecondsAt(chunk, offset + timeAt))) return 'record-time';
    const from = offset + recordHeadBytes;
    if (chunk.length - from < length) return 'record-cut';
    if (kind === eventKind) {
      const event = parseEvent(chunk.subarray(from, from + length));
      if (typeof event === 'string') return event;
      events.push(event);
    }
    offset = from + length;
  }
  return new RecordCursor(chunk, events);
}

/**
 * The records of a chunk, one at a time, read where they lie: an hour's call has hundreds of thousands, and an object and a
 * Buffer for each cost more than what is done with them.
 *
 * Lifetime   as long as the chunk's; what it says of a record holds until `next`.
 */
export class RecordCursor {
  /** Of an event; undefined for a packet. */
  event: CaptureEvent | undefined;
  /** Unix time in ms, fractional to 1 µs. */
  atMs = 0;
  /** Of a packet. */
  stream = 0;
  rtcp = false;
  /** Where in the chunk the packet lies, as received. */
  from = 0;
  to = 0;
  #events = 0;

  constructor(readonly chunk: Buffer, private readonly events: readonly CaptureEvent[]) {}

  /** Goes on to the next record; false, and nothing is said, behind the last. */
  next(): boolean {
    const { chunk, to: offset } = this;
    if (offset >= chunk.length) return false;
    const kind = chunk[offset];
    this.atMs = microsecondsAt(chunk, offset + timeAt) / 1_000;
    this.from = offset + recordHeadBytes;
    this.to = this.from + lengthOf(chunk, offset);
    this.stream = uint16At(chunk, offset + 1);
    this.rtcp = kind === rtcpKind;
    if (kind === eventKind) {
      this.event = this.events[this.#events];
      this.#events += 1;
    } else {
      this.event = undefined;
    }
    return true;
  }

  /** What the first record says, if that is an event. */
  get firstEvent(): CaptureEvent | undefined {
    return this.chunk[0] === eventKind ? this.events[0] : undefined;
  }

  /** The packet, as a Buffer of its own on the chunk. */
  get bytes(): Buffer {
    return this.chunk.subarray(this.from, this.to);
  }
}

const [twoTo16, twoTo32, twoTo40] = [2 ** 16, 2 ** 32, 2 ** 40];

// As two halves: a BigInt would be allocated for every packet.
function writeTime(into: Buffer, offset: number, atMs: number): void {
  const us = Math.round(atMs * 1000);
  into.writeUInt32BE(Math.floor(us / twoTo32), offset);
  into.writeUInt32BE(us % twoTo32, offset + 4);
}

const lengthOf = (chunk: Buffer, offset: number): number => (chunk[offset] === eventKind ? chunk.readUInt32BE(offset + 1) : uint16At(chunk, offset + 3));

/**
 * In pieces of 24, 24 and 16 bits: of two of 32 the lower one is a small number for half an hour and a large one for the
 * next, and whatever is compiled for the one has to be compiled again for the other.
 */
const microsecondsAt = (chunk: Buffer, offset: number): number => uint24At(chunk, offset) * twoTo40 + uint24At(chunk, offset + 3) * twoTo16 + uint16At(chunk, offset + 6);

// The bounds are checked for the whole head: Buffer's own readers check them again for every number.
const uint16At = (bytes: Buffer, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
const uint24At = (bytes: Buffer, at: number): number => ((bytes[at] ?? 0) << 16) | uint16At(bytes, at + 1);
