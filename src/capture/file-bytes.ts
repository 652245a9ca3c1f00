/**
 * A file read from its beginning, in pieces of asked lengths, in bounded memory.
 */
import type { FileHandle } from 'node:fs/promises';

const blockBytes = 64 * 1024;

export class FileBytes {
  readonly #handle: FileHandle;
  #block = Buffer.alloc(0);
  #position = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position;
  }

  /** The next `length` bytes, the caller's to keep; undefined, and nothing taken, when the file has fewer. */
  async take(length: number): Promise<Buffer | undefined> {
    if (this.#block.length < length) await this.#fill(length);
    if (this.#block.length < length) return undefined;
    const bytes = this.#block.subarray(0, length);
    this.#block = this.#block.subarray(length);
    this.#position += length;
    return bytes;
  }

  async #fill(length: number): Promise<void> {
    const block = Buffer.allocUnsafeSlow(Math.max(length, blockBytes));
    let filled = this.#block.copy(block);
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(block, filled, block.length - filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#block = block.subarray(0, filled);
  }
}
