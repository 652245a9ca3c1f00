/**
 * What was given to a capture and is not sealed yet: one chunk that fills, and full ones that wait for the disk.
 *
 * Room is given out of a buffer that grows to what the call needs and is then used again and again, so that a
 * packet costs a copy and no allocation.
 *
 * Invariant  1. All bytes waiting never exceed `maxBytes` and the events' reserve: a disk that hangs costs packets,
 *               not the process.
 */
import { chunkBytes, maxEventBytes } from './file-layout.js';

/** Events may take so much beyond what packets may: to know of a re-INVITE is worth more than a packet. */
const eventReserveBytes = 2 * maxEventBytes;
const firstBufferBytes = 4096;

/** A run of whole records on its way to the disk; given back with `recycle`. */
export interface PendingChunk {
  readonly bytes: Buffer;
  /** What they lie at the beginning of. */
  readonly buffer: Buffer;
  readonly packets: number;
  /** Bytes of those packets alone. */
  readonly packetBytes: number;
}

export class PendingChunks {
  readonly #maxBytes: number;
  readonly #full: PendingChunk[] = [];
  #fullBytes = 0;
  #buffer: Buffer = Buffer.allocUnsafeSlow(firstBufferBytes);
  #spare: Buffer | undefined;
  #used = 0;
  #packets = 0;
  #packetBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a full chunk waits. */
  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  /** The buffer in which `claim` last found room. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /**
   * The offset in `buffer` of room for a record of `bytes`, or -1 when that is more than may wait. The caller
   * fills all of it before anything else is called. `packetBytes` is undefined for an event.
   */
  claim(bytes: number, packetBytes: number | undefined): number {
    const maxBytes = packetBytes === undefined ? this.#maxBytes + eventReserveBytes : this.#maxBytes;
    if (this.#fullBytes + this.#used + bytes > maxBytes) return -1;
    if (this.#used > 0 && this.#used + bytes > chunkBytes) this.cut();
    const offset = this.#used;
    this.#used += bytes;
    if (this.#used > this.#buffer.length) this.#grow(offset);
    if (packetBytes !== undefined) {
      this.#packets += 1;
      this.#packetBytes += packetBytes;
    }
    return offset;
  }

  /** Ends the chunk that fills, unless it is empty. */
  cut(): void {
    if (this.#used === 0) return;
    const buffer = this.#buffer;
    this.#full.push({ bytes: buffer.subarray(0, this.#used), buffer, packets: this.#packets, packetBytes: this.#packetBytes });
    this.#fullBytes += this.#used;
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(firstBufferBytes);
    this.#spare = undefined;
    this.#used = this.#packets = this.#packetBytes = 0;
  }

  /** The oldest full chunk. */
  take(): PendingChunk | undefined {
    const chunk = this.#full.shift();
    this.#fullBytes -= chunk?.bytes.length ?? 0;
    return chunk;
  }

  /** Gives a chunk's memory back for later ones. */
  recycle({ buffer }: PendingChunk): void {
    if (buffer.length <= chunkBytes) this.#spare ??= buffer;
  }

  /** Gives up all that waits and lets its memory go. */
  clear(): void {
    this.#full.length = 0;
    this.#spare = undefined;
    this.#buffer = Buffer.alloc(0);
    this.#fullBytes = this.#used = this.#packets = this.#packetBytes = 0;
  }

  #grow(keep: number): void {
    let size = Math.max(this.#buffer.length, firstBufferBytes);
    while (size < this.#used) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(grown, 0, 0, keep);
    this.#buffer = grown;
  }
}
