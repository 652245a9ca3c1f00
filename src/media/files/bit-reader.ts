/** Bits out of octets, the most significant first. Total: beyond the end there are zeros, and `isCut` says so. Pure. */
export class BitReader {
  /** In bits. */
  at = 0;
  #cut = false;
  readonly #bits: number;

  constructor(private readonly bytes: Uint8Array, from: number) {
    this.at = from * 8;
    this.#bits = bytes.length * 8;
  }

  isCut(): boolean {
    return this.#cut;
  }

  /** Up to 32 bits, without sign. */
  take(count: number): number {
    let value = 0;
    for (let left = count; left > 0; ) {
      const within = this.at & 7;
      const part = Math.min(8 - within, left);
      const octet = this.bytes[this.at >> 3] ?? 0;
      value = value * 2 ** part + ((octet >> (8 - within - part)) & ((1 << part) - 1));
      this.at += part;
      left -= part;
    }
    if (this.at > this.#bits) this.#cut = true;
    return value;
  }

  /** The same, as a number with a sign. */
  takeSigned(count: number): number {
    const value = this.take(count);
    return count > 0 && value >= 2 ** (count - 1) ? value - 2 ** count : value;
  }

  /** How many zeros come before the next one, which is taken too. */
  takeUnary(): number {
    let zeros = 0;
    while (this.at < this.#bits) {
      const octet = ((this.bytes[this.at >> 3] ?? 0) << (this.at & 7)) & 0xff;
      if (octet !== 0) {
        const ahead = Math.clz32(octet) - 24;
        this.at += ahead + 1;
        return zeros + ahead;
      }
      const skipped = 8 - (this.at & 7);
      zeros += skipped;
      this.at += skipped;
    }
    this.#cut = true;
    return zeros;
  }

  align(): void {
    this.at = (this.at + 7) & ~7;
  }
}
