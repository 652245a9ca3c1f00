/**
 * A segment of the journal of captures: what was appended to which capture file, before it is in that file.
 *
 *   0   8   magic: the letters TWJOUR, a zero byte, version 1
 *   8   ..  entries: CRC-32 of all that follows in the entry (4), bytes appended (4), offset in the capture file (8), length
 *           of its name (2), the name, the bytes; all numbers big-endian
 *
 * An offset of `closed` and no bytes: that file is whole, and what the entries before say of it is in it.
 *
 * A segment is only ever appended to. What a killed process or a power cut leaves is a run of whole entries and perhaps the
 * beginning of one more: a reader stops at the first that is not whole. The bytes are sealed; names tell what file names
 * of captures tell.
 *
 * Pure, and parsing is total: it never throws, on any bytes.
 */
import { crc32 } from 'node:zlib';

export const journalMagic = Buffer.from('TWJOUR\0\x01', 'latin1');

const headBytes = 18;
const maxNameBytes = 1_024;
/** A length beyond this is damage: bounds what a reader keeps in memory. */
export const maxEntryBytes = 64 * 1024 * 1024;
export const closed = -1;
const closedOffset = 0xffff_ffff_ffff_ffffn;

export interface JournalEntry {
  readonly name: string;
  /** Where the bytes begin in the file, or `closed`. */
  readonly offset: number;
  readonly bytes: Buffer;
}

/** How long the entry of so many bytes will be. */
export const entryBytesOf = (name: Buffer, bytes: Uint8Array): number => headBytes + name.length + bytes.length;

/** An entry. The name has at most 1,024 bytes, as file names do. */
export function encodeEntry(name: Buffer, offset: number, bytes: Uint8Array): Buffer {
  const entry = Buffer.alloc(entryBytesOf(name, bytes));
  putEntry(entry, 0, name, offset, bytes);
  return entry;
}

/** The same to `at` of `room`, which has enough of it. */
export function putEntry(room: Buffer, at: number, name: Buffer, offset: number, bytes: Uint8Array): void {
  room.writeUInt32BE(bytes.length, at + 4);
  // In two halves: a BigInt would be allocated for every chunk.
  room.writeUInt32BE(offset === closed ? 0xffff_ffff : Math.floor(offset / 0x1_0000_0000), at + 8);
  room.writeUInt32BE(offset === closed ? 0xffff_ffff : offset % 0x1_0000_0000, at + 12);
  room.writeUInt16BE(name.length, at + 16);
  room.set(name, at + headBytes);
  room.set(bytes, at + headBytes + name.length);
  room.writeUInt32BE(crc32(room.subarray(at + 4, at + entryBytesOf(name, bytes))), at);
}

/** How long the entry is that begins with these bytes: undefined when they are too few, or none begins so. */
export function entryBytes(head: Buffer): number | undefined {
  if (head.length < headBytes) return undefined;
  const bytes = head.readUInt32BE(4);
  const nameBytes = head.readUInt16BE(16);
  return nameBytes === 0 || nameBytes > maxNameBytes || bytes > maxEntryBytes ? undefined : headBytes + nameBytes + bytes;
}

export const entryHeadBytes = headBytes;

/** An entry out of exactly its bytes; undefined when it is not whole. The bytes alias the input. */
export function parseEntry(entry: Buffer): JournalEntry | undefined {
  if (entryBytes(entry) !== entry.length || crc32(entry.subarray(4)) !== entry.readUInt32BE(0)) return undefined;
  const nameEnds = headBytes + entry.readUInt16BE(16);
  const offset = entry.readBigUInt64BE(8);
  if (offset !== closedOffset && offset > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { name: entry.toString('utf8', headBytes, nameEnds), offset: offset === closedOffset ? closed : Number(offset), bytes: entry.subarray(nameEnds) };
}
