/**
 * Which of the last N indices have been seen: the replay list of RFC 3711 §3.3.2, and the way to tell
 * a duplicate from a late packet.
 *
 * Owns       a ring of bits, one an index, behind the highest index added.
 * Leaves to  its users how an index is made from what the wire carries.
 * Invariant  1. a bit is set exactly if its index was added and lies in (highest - size, highest].
 */
import assert from 'node:assert/strict';

export type Seen = 'new' | 'seen' | 'old';

export class SeenWindow {
  private readonly words: Uint32Array;
  private top = Number.NEGATIVE_INFINITY;

  /** @param size how many indices are remembered: a power of two, 32 at least */
  constructor(private readonly size: number) {
    assert(size >= 32 && (size & (size - 1)) === 0, 'the size of a window is a power of two');
    this.words = new Uint32Array(size / 32);
  }

  /** The highest index added; minus infinity while there is none. */
  get highest(): number {
    return this.top;
  }

  /** `old` is an index too far behind to tell. Changes nothing. */
  look(index: number): Seen {
    if (index > this.top) return 'new';
    if (index <= this.top - this.size) return 'old';
    return ((this.words[this.wordOf(index)] ?? 0) & bitOf(index)) === 0 ? 'new' : 'seen';
  }

  /** Remembers an index; one that is `old` is not remembered. */
  add(index: number): void {
    if (index <= this.top - this.size) return;
    if (index > this.top) this.advance(index);
    const word = this.wordOf(index);
    this.words[word] = (this.words[word] ?? 0) | bitOf(index);
  }

  /** Forgets everything. */
  clear(): void {
    this.words.fill(0);
    this.top = Number.NEGATIVE_INFINITY;
  }

  private advance(index: number): void {
    if (index - this.top >= this.size) {
      this.words.fill(0);
    } else {
      for (let passed = this.top + 1; passed <= index; passed += 1) this.forget(passed);
    }
    this.top = index;
  }

  private forget(index: number): void {
    const word = this.wordOf(index);
    this.words[word] = (this.words[word] ?? 0) & ~bitOf(index);
  }

  // The bitwise operators cut to 32 bits in two's complement, so negative and 48-bit indices fall in place.
  private wordOf(index: number): number {
    return (index & (this.size - 1)) >>> 5;
  }
}

const bitOf = (index: number): number => 1 << (index & 31);
