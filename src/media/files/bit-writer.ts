/** Bits into octets, the most significant first, in a buffer that grows. Pure. */
export class BitWriter {
  #bytes: Uint8Array;
  /** Whole octets written. */
  length = 0;
  #held = 0;
  #heldBits = 0;

  constructor(bytes = 1 << 16) {
    this.#bytes = new Uint8Array(bytes);
  }

  /** The whole octets, until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  reset(): void {
    this.length = 0;
    this.#held = 0;
    this.#heldBits = 0;
  }

  /** Room for so many octets more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.length + bytes));
    larger.set(this.written);
    this.#bytes = larger;
  }

  /** Up to 24 bits of a value that may have others above them. */
  put(value: number, bits: number): void {
    this.reserve(8);
    this.#held = ((this.#held << bits) | (value & ((1 << bits) - 1))) >>> 0;
    this.#heldBits += bits;
    while (this.#heldBits >= 8) {
      this.#heldBits -= 8;
      this.#bytes[this.length] = this.#held >>> this.#heldBits;
      this.length += 1;
    }
    this.#held &= (1 << this.#heldBits) - 1;
  }

  /** Zeros up to the next whole octet. */
  align(): void {
    if (this.#heldBits > 0) this.put(0, 8 - this.#heldBits);
  }

  /**
   * Values by Rice's code: folded so that signs alternate, a quotient in ones' complement of unary, `parameter` bits.
   * The hot loop of FLAC: all state in locals.
   */
  putRice(values: Int32Array, from: number, to: number, parameter: number): void {
    // The longest code is told by its caller's choice of parameter; the room for each is asked for when it is long.
    this.reserve((to - from) * 4 + 16);
    let bytes = this.#bytes;
    let [length, held, heldBits] = [this.length, this.#held, this.#heldBits];
    const mask = (1 << parameter) - 1;
    for (let n = from; n < to; n += 1) {
      const value = values[n] ?? 0;
      const folded = ((value << 1) ^ (value >> 31)) >>> 0;
      let zeros = folded >>> parameter;
      if (zeros + heldBits >= 24 || length + 16 > bytes.length) {
        if (length + (zeros >> 3) + 16 > bytes.length) {
          this.length = length;
          this.reserve((zeros >> 3) + (to - n) * 4 + 16);
          bytes = this.#bytes;
        }
        for (; zeros + heldBits >= 8; ) {
          const taken = 8 - heldBits;
          bytes[length] = held << taken;
          length += 1;
          held = 0;
          heldBits = 0;
          zeros -= taken;
        }
      }
      held <<= zeros + 1;
      held |= 1;
      heldBits += zeros + 1;
      while (heldBits >= 8) {
        heldBits -= 8;
        bytes[length] = held >>> heldBits;
        length += 1;
      }
      held = ((held & ((1 << heldBits) - 1)) << parameter) | (folded & mask);
      heldBits += parameter;
      while (heldBits >= 8) {
        heldBits -= 8;
        bytes[length] = held >>> heldBits;
        length += 1;
      }
      held &= (1 << heldBits) - 1;
    }
    this.length = length;
    this.#held = held;
    this.#heldBits = heldBits;
  }
}
