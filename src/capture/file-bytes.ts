/**
 * A file read from its beginning, in pieces of asked lengths, in bounded memory.
 */
import type { FileHandle } from 'node:fs/promises';

const blockBytes = 128 * 1024;
/** Of a store that is used again and again: a read for each chunk costs as much as opening it. */
const storeBytes = 512 * 1024;

export class FileBytes {
  readonly #handle: FileHandle;
  #store = Buffer.alloc(0);
  /** What of it was read and not taken. */
  #from = 0;
  #to = 0;
  #position = 0;

  /**
   * @param keep `until-next`: what was taken is good until the next call, and all lies in one store: that of hours of a
   *             call would be as many new ones, each longer to make than to read into
   */
  constructor(handle: FileHandle, private readonly keep: 'for-good' | 'until-next' = 'for-good') {
    this.#handle = handle;
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position;
  }

  /** The next `length` bytes, the caller's for as long as was agreed; undefined, and nothing taken, when the file has fewer. */
  async take(length: number): Promise<Buffer | undefined> {
    if (this.#to - this.#from < length) await this.#fill(length);
    if (this.#to - this.#from < length) return undefined;
    const bytes = this.#store.subarray(this.#from, this.#from + length);
    this.#from += length;
    this.#position += length;
    return bytes;
  }

  async #fill(length: number): Promise<void> {
    const store = this.keep === 'until-next' && this.#store.length >= length ? this.#store : Buffer.allocUnsafeSlow(Math.max(length, this.keep === 'until-next' ? storeBytes : blockBytes));
    this.#to = this.#store.copy(store, 0, this.#from, this.#to);
    this.#from = 0;
    this.#store = store;
    while (this.#to < length) {
      const { bytesRead } = await this.#handle.read(store, this.#to, store.length - this.#to);
      if (bytesRead === 0) return;
      this.#to += bytesRead;
    }
  }
}
