/**
 * Packets that wait, in the order in which they came, in one piece of memory that grows to what is needed.
 *
 * Bound      `maxPackets`, and `maxBytes` with what is written beside each.
 */
const headBytes = 3;
const firstBytes = 4_096;

export class KeptPackets {
  readonly #maxPackets: number;
  readonly #maxBytes: number;
  #memory: Buffer | undefined;
  #from = 0;
  #to = 0;
  #count = 0;

  constructor(maxPackets: number, maxBytes: number) {
    this.#maxPackets = maxPackets;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** False where there is no room: it is not kept. Copies the bytes, 65,535 at most. */
  push(bytes: Buffer, rtcp: boolean): boolean {
    if (this.#count >= this.#maxPackets) return false;
    const memory = this.#room(headBytes + bytes.length);
    if (memory === undefined) return false;
    memory[this.#to] = rtcp ? 1 : 0;
    memory.writeUInt16BE(bytes.length, this.#to + 1);
    memory.set(bytes, this.#to + headBytes);
    this.#to += headBytes + bytes.length;
    this.#count += 1;
    return true;
  }

  /** The oldest, to be used before anything else is called. */
  shift(): { readonly bytes: Buffer; readonly rtcp: boolean } | undefined {
    const memory = this.#memory;
    if (memory === undefined || this.#count === 0) return undefined;
    const begins = this.#from + headBytes;
    const ends = begins + memory.readUInt16BE(this.#from + 1);
    const rtcp = memory[this.#from] === 1;
    this.#from = ends;
    this.#count -= 1;
    // What is given stays as it is until the next push.
    if (this.#count === 0) this.clear();
    return { bytes: memory.subarray(begins, ends), rtcp };
  }

  /** Gives the memory back. */
  clear(): void {
    this.#memory = undefined;
    this.#from = this.#to = this.#count = 0;
  }

  #room(wanted: number): Buffer | undefined {
    const memory = this.#memory;
    if (memory !== undefined && this.#to + wanted <= memory.length) return memory;
    const kept = this.#to - this.#from;
    if (kept + wanted > this.#maxBytes) return undefined;
    let size = memory?.length ?? firstBytes;
    while (size < kept + wanted) size *= 2;
    const moved = Buffer.allocUnsafeSlow(Math.min(size, this.#maxBytes));
    memory?.copy(moved, 0, this.#from, this.#to);
    this.#from = 0;
    this.#to = kept;
    this.#memory = moved;
    return moved;
  }
}
