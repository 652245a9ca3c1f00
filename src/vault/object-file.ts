/**
 * The file of one sealed object.
 *
 *   0    8    magic: the letters TWOBJ, two zero bytes, version 1
 *   8    120  header of a sealed stream (sealed-stream.ts)
 *   128  ...  sealed chunks of 64 KiB of plain bytes each, so 65553 bytes; the last is of 0 to 64 KiB and FINAL
 *
 * Valid when every chunk opens, the last is FINAL and nothing follows it. The file gets its name only when it is
 * whole (durable-file.ts): a reader after a crash sees all of it or none.
 */
import type { FileHandle } from 'node:fs/promises';
import { createDigest } from './digest.js';
import { openSealed, sealedHeaderBytes, sealOverheadBytes, type Sealer } from './sealed-stream.js';
import type { VaultKeys } from './keys.js';

const magic = Buffer.from('TWOBJ\0\0\x01', 'latin1');
const headBytes = magic.length + sealedHeaderBytes;
export const chunkBytes = 64 * 1024;
const sealedChunkBytes = chunkBytes + sealOverheadBytes;
/** What is written at a time, all from one piece of memory: a write for each costs more than sealing it. */
const chunksAtOnce = 8;

/** `object-head`: not an object. `object-chunk`: changed, missing, cut or with something after its end. */
export type ObjectReject = 'object-head' | 'object-chunk';

/** What an object came to. */
export interface ObjectSize {
  readonly sealedBytes: number;
  readonly plainBytes: number;
  /** BLAKE2b-256 of all bytes of the file, hex. */
  readonly digest: string;
}

/**
 * Seals `plain` piece by piece, in bounded memory; a piece is free again when the next is asked for. `write` takes the
 * file's bytes in their order, each time for as long as it takes.
 */
export async function sealObject(
  sealer: Sealer,
  plain: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  write: (bytes: Buffer) => Promise<void>,
): Promise<ObjectSize> {
  const digest = await createDigest();
  try {
    let sealedBytes = 0;
    let plainBytes = 0;
    const put = async (bytes: Buffer): Promise<void> => {
      digest.update(bytes);
      sealedBytes += bytes.length;
      await write(bytes);
    };
    const room = Buffer.allocUnsafeSlow(headBytes + chunksAtOnce * sealedChunkBytes);
    let filled = magic.copy(room) + sealer.header.copy(room, magic.length);
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let used = 0;
    for await (const piece of plain) {
      plainBytes += piece.length;
      for (let taken = 0; taken < piece.length; ) {
        // A full chunk waits for the next byte: only then is it known not to be the last.
        if (used === chunkBytes) {
          filled += sealer.sealInto(room.subarray(filled), chunk);
          used = 0;
          if (room.length - filled < sealedChunkBytes) {
            await put(room.subarray(0, filled));
            filled = 0;
          }
        }
        const part = piece.subarray(taken, taken + chunkBytes - used);
        chunk.set(part, used);
        used += part.length;
        taken += part.length;
      }
    }
    filled += sealer.sealInto(room.subarray(filled), chunk.subarray(0, used), true);
    chunk.fill(0);
    await put(room.subarray(0, filled));
    return { sealedBytes, plainBytes, digest: digest.hex() };
  } finally {
    digest.close();
    sealer.close();
  }
}

/**
 * The plain bytes, chunk by chunk; returns the reason when the file is not a whole object.
 * What was yielded before a reason is authentic, but not all. Throws as openSealed and the disk do.
 */
export async function* openObject(handle: FileHandle, keys: VaultKeys): AsyncGenerator<Buffer, ObjectReject | 'whole', undefined> {
  const head = await readUpTo(handle, headBytes);
  if (head.length < headBytes || !head.subarray(0, magic.length).equals(magic)) return 'object-head';
  const unsealer = await openSealed(head.subarray(magic.length), keys);
  try {
    for (;;) {
      const opened = unsealer.open(await readUpTo(handle, sealedChunkBytes));
      if (opened === 'damaged') return 'object-chunk';
      if (opened.last && (await readUpTo(handle, 1)).length > 0) return 'object-chunk';
      if (opened.plain.length > 0) yield opened.plain;
      if (opened.last) return 'whole';
    }
  } finally {
    unsealer.close();
  }
}

/** The next `length` bytes, fewer only at the end of the file. */
async function readUpTo(handle: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
