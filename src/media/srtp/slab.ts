/**
 * New buffers for packets in clear, cut out of larger pieces as Node's own pool cuts them, whose words can be written too.
 *
 * A packet that is kept keeps its piece: 16 kB.
 */
const pieceBytes = 16_384;

export class Slab {
  /** Of the piece that the last buffer is in, and where in it that begins, in words. */
  words: Int32Array = new Int32Array(0);
  at = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #used = 0;

  /** A new buffer; octets to the end of its last word are its own too. */
  take(bytes: number): Buffer {
    const room = (bytes + 3) & -4;
    if (this.#used + room > this.#bytes.length) {
      // Of its own, and not zeroed: each buffer is written whole.
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(pieceBytes, room));
      this.words = new Int32Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length / 4);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += room;
    this.at = from >> 2;
    return this.#bytes.subarray(from, from + bytes);
  }
}

/** Shared by all keys of a thread. */
export const slab = new Slab();
