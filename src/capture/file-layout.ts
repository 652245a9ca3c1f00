/**
 * The capture file: what one recorder took in of one call.
 *
 *   0    8    magic: the letters TWCAPT, a zero byte, version 1
 *   8    120  header of a sealed stream (vault/): which keys open it
 *   128  ...  chunks: 4 bytes big-endian length, then that many sealed bytes; inside, whole records (format.ts)
 *
 * It is only ever appended to. Each chunk is written with one write(2) soon after its packets arrived, so what a
 * killed process leaves is a run of whole chunks and perhaps the beginning of one more. The first record is a
 * `begin` event. The last chunk is FINAL, which says that the writer closed the file.
 *
 * A reader takes chunks until the FINAL one: then the capture is closed. When the file ends before it, or a chunk
 * does not open, the capture is cut there: all records before are authentic, everything after is dropped.
 *
 * Invariants  1. A record is never split between chunks.
 *             2. Chunks open only in their order, so a reader never yields a record out of place.
 */
import { sealOverheadBytes, type Sealer } from '../vault/index.js';

export const magic = Buffer.from('TWCAPT\0\x01', 'latin1');

/** A chunk is sealed when it has so many plain bytes, if the clock did not seal it before. */
export const chunkBytes = 256 * 1024;

/** An event may be longer than a chunk; it then has one of its own. */
export const maxEventBytes = 1024 * 1024;

export const chunkLengthBytes = 4;

/** A length beyond this is damage: bounds what a reader keeps in memory. */
export const maxSealedChunkBytes = maxEventBytes + chunkBytes;

/** Seals the next chunk, as it is written, to the beginning of `room`, which has `framedBytes` for it. Gives it back. */
export function sealChunk(sealer: Pick<Sealer, 'sealInto'>, room: Buffer, plain: Uint8Array, last = false): Buffer {
  const bytes = sealer.sealInto(room.subarray(chunkLengthBytes), plain, last);
  room.writeUInt32BE(bytes, 0);
  return room.subarray(0, chunkLengthBytes + bytes);
}

/** How long that is, of so many plain bytes. */
export const framedBytes = (plainBytes: number): number => chunkLengthBytes + plainBytes + sealOverheadBytes;
