/**
 * Bytes that wait for their file, in the order in which they came: in blocks of memory that all files of the process share,
 * since thousands of small pieces that live for seconds would be work for the garbage collector.
 */

const blockBytes = 16_384;
/** Of all files, that are kept for the next ones although fewer are in use: 16 MB. */
const spareBlocks = 1_024;

const spare: Buffer[] = [];
let inUse = 0;

function takeBlock(): Buffer {
  inUse += 1;
  return spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
}

/** What waits of all files together swings with their settling: as much as is in use may be so again soon. */
function giveBlockBack(block: Buffer): void {
  inUse -= 1;
  if (spare.length < Math.max(spareBlocks, inUse)) spare.push(block);
}

export class WaitingBytes {
  #blocks: Buffer[] = [];
  /** Where they begin in the first block, and end in the last. */
  #from = 0;
  #to = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies them. */
  push(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      let last = this.#blocks.at(-1);
      if (last === undefined || this.#to === blockBytes) {
        this.#blocks.push((last = takeBlock()));
        this.#to = 0;
      }
      const count = Math.min(bytes.length - done, blockBytes - this.#to);
      last.set(count === bytes.length ? bytes : bytes.subarray(done, done + count), this.#to);
      this.#to += count;
      done += count;
    }
    this.#length += bytes.length;
  }

  /** Copies all to the beginning of `room`, which has enough of it. */
  copyInto(room: Uint8Array): void {
    let at = 0;
    for (const [n, block] of this.#blocks.entries()) {
      const from = n === 0 ? this.#from : 0;
      const to = n === this.#blocks.length - 1 ? this.#to : blockBytes;
      room.set(block.subarray(from, to), at);
      at += to - from;
    }
  }

  /** Lets go of the oldest; there are so many. */
  letGo(bytes: number): void {
    this.#length -= bytes;
    this.#from += bytes;
    const done = this.#length === 0 ? this.#blocks.length : Math.floor(this.#from / blockBytes);
    for (const block of this.#blocks.splice(0, done)) giveBlockBack(block);
    this.#from = this.#length === 0 ? 0 : this.#from - done * blockBytes;
    if (this.#length === 0) this.#to = 0;
  }
}
