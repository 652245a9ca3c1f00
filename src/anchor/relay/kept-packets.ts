/**
 * Packets that are kept, in the order in which they came, until somebody has confirmed them: those that were sent, and
 * behind them those that were not yet.
 *
 * They lie in blocks of memory that all forks of a thread share: no object for a packet, and none for a call that keeps
 * no more than a second.
 *
 * Bound      `maxPackets` and `maxBytes`; where a packet finds no room the oldest go, and it is told of each.
 * Lifetime   what is handed out stays as it is until the next call.
 */

/** 22 packets of G.711; what is longer than a block has one of its own. */
const blockBytes = 4_096;
/** Of all forks of a thread: 16 MB. */
const mostSpareBlocks = 4_096;
/** Length (2), RTCP or not (1), and after one that is not used when it came (4). */
const headBytes = 8;

interface Block {
  readonly memory: Buffer;
  from: number;
  to: number;
  next: Block | undefined;
}

/** Blocks that nobody uses. */
export class BlockShelf {
  readonly #spare: Block[] = [];

  take(bytes: number): Block {
    const spare = bytes <= blockBytes ? this.#spare.pop() : undefined;
    if (spare === undefined) return { memory: Buffer.allocUnsafeSlow(Math.max(blockBytes, bytes)), from: 0, to: 0, next: undefined };
    spare.from = spare.to = 0;
    spare.next = undefined;
    return spare;
  }

  give(block: Block): void {
    if (block.memory.length === blockBytes && this.#spare.length < mostSpareBlocks) this.#spare.push(block);
  }
}

export interface KeptPacket {
  readonly bytes: Buffer;
  readonly rtcp: boolean;
}

/** One goes that nobody is done with: it lies in `memory` from `at` on. */
export type GoneUnconfirmed = (memory: Buffer, at: number, rtcp: boolean, sent: boolean) => void;

export class KeptPackets {
  readonly #shelf: BlockShelf;
  readonly #maxPackets: number;
  readonly #maxBytes: number;
  readonly #gone: GoneUnconfirmed;
  #first: Block | undefined;
  #last: Block | undefined;
  /** The first that was not sent: in this block, from there on. */
  #cursor: Block | undefined;
  #cursorAt = 0;
  #count = 0;
  #unsent = 0;
  #bytes = 0;

  constructor(shelf: BlockShelf, maxPackets: number, maxBytes: number, gone: GoneUnconfirmed) {
    this.#shelf = shelf;
    this.#maxPackets = maxPackets;
    this.#maxBytes = maxBytes;
    this.#gone = gone;
  }

  get count(): number {
    return this.#count;
  }

  get unsent(): number {
    return this.#unsent;
  }

  /**
   * Copies the bytes, 65,535 at most.
   *
   * @param atMs whole, modulo 2^32
   * @param sent only where none waits to be sent
   */
  push(bytes: Buffer, rtcp: boolean, atMs: number, sent: boolean): void {
    const { length } = bytes;
    const needed = headBytes + length;
    while (this.#count > 0 && (this.#count >= this.#maxPackets || this.#bytes + needed > this.#maxBytes)) this.#lose();
    let block = this.#last;
    if (block === undefined || block.to + needed > block.memory.length) {
      const taken = this.#shelf.take(needed);
      if (block === undefined) this.#first = taken;
      else block.next = taken;
      // The cursor stands at the end where nothing waits: the end is there now.
      if (this.#cursor === undefined || this.#unsent === 0) {
        this.#cursor = taken;
        this.#cursorAt = 0;
      }
      this.#last = block = taken;
    }
    const { memory, to } = block;
    memory[to] = length & 0xff;
    memory[to + 1] = length >> 8;
    memory[to + 2] = rtcp ? 1 : 0;
    memory.writeUInt32LE(atMs, to + 4);
    memory.set(bytes, to + headBytes);
    block.to = to + needed;
    this.#count += 1;
    this.#bytes += needed;
    if (sent) this.#cursorAt = block.to;
    else this.#unsent += 1;
  }

  /** The first that was not sent, which now is; undefined where there is none. */
  takeUnsent(): KeptPacket | undefined {
    if (this.#unsent === 0 || this.#cursor === undefined) return undefined;
    if (this.#cursorAt === this.#cursor.to && this.#cursor.next !== undefined) {
      this.#cursor = this.#cursor.next;
      this.#cursorAt = this.#cursor.from;
    }
    const at = this.#cursorAt;
    const packet = packetAt(this.#cursor, at);
    this.#cursorAt = at + headBytes + packet.bytes.length;
    this.#unsent -= 1;
    return packet;
  }

  /** As if nothing had been sent. */
  rewind(): void {
    this.#cursor = this.#first;
    this.#cursorAt = this.#first?.from ?? 0;
    this.#unsent = this.#count;
  }

  /** Shows each, oldest first: it lies in `memory` from `at` on. */
  each(visit: (memory: Buffer, at: number, rtcp: boolean) => void): void {
    for (let block = this.#first; block !== undefined; block = block.next) {
      const { memory, to } = block;
      for (let at = block.from; at < to; at += headBytes + lengthAt(memory, at)) visit(memory, at + headBytes, memory[at + 2] === 1);
    }
  }

  /** Lets go of the oldest that were sent, as long as they are done with. */
  letGo(isDone: (memory: Buffer, at: number, rtcp: boolean) => boolean): void {
    while (this.#count > this.#unsent) {
      const { memory, from } = this.#front();
      if (!isDone(memory, from + headBytes, memory[from + 2] === 1)) return;
      this.#drop();
    }
  }

  /** Lets go of those that came before that instant. */
  dropBefore(ms: number): void {
    while (this.#count > 0) {
      const block = this.#front();
      // Modulo 2^32: which is earlier shows in the difference.
      if (((block.memory.readUInt32LE(block.from + 4) - ms) | 0) >= 0) return;
      this.#lose();
    }
  }

  /** Gives the memory back. */
  clear(): void {
    for (let block = this.#first; block !== undefined; ) {
      const { next } = block;
      this.#shelf.give(block);
      block = next;
    }
    this.#first = this.#last = this.#cursor = undefined;
    this.#count = this.#unsent = this.#bytes = this.#cursorAt = 0;
  }

  /** The block of the oldest; there is one. */
  #front(): Block {
    let block = this.#first as Block;
    while (block.from === block.to && block.next !== undefined) {
      if (this.#cursor === block) {
        this.#cursor = block.next;
        this.#cursorAt = block.next.from;
      }
      this.#first = block.next;
      this.#shelf.give(block);
      block = this.#first;
    }
    return block;
  }

  /** The oldest, and there is one. */
  #lose(): void {
    const { memory, from } = this.#front();
    this.#gone(memory, from + headBytes, memory[from + 2] === 1, this.#unsent < this.#count);
    this.#drop();
  }

  /** The oldest, and there is one. */
  #drop(): void {
    const block = this.#front();
    const unsent = this.#unsent === this.#count;
    const needed = headBytes + lengthAt(block.memory, block.from);
    block.from += needed;
    this.#bytes -= needed;
    this.#count -= 1;
    if (unsent) {
      this.#unsent -= 1;
      this.#cursor = block;
      this.#cursorAt = block.from;
    }
    if (this.#count === 0) this.clear();
  }
}

const lengthAt = (memory: Buffer, at: number): number => (memory[at] ?? 0) + (memory[at + 1] ?? 0) * 0x100;

function packetAt({ memory }: Block, at: number): KeptPacket {
  const begins = at + headBytes;
  return { bytes: memory.subarray(begins, begins + lengthAt(memory, at)), rtcp: memory[at + 2] === 1 };
}
