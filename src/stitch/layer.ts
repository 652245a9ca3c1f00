/**
 * What one party said at one sample rate, as a window that moves on: pure.
 *
 * Positions are counted at the layer's own rate, from the beginning of the recording; those before it are kept too,
 * as far as the window reaches, for what is resampled.
 *
 * Invariant  outside of what was placed, and behind what was let go, the window holds the silence.
 */
export class Layer {
  readonly #ring: Int16Array;
  readonly #size: number;
  /** The first position that is in the window. */
  #from: number;
  /** Behind the last position that anything was placed at. */
  #end = 0;

  /** @param from the first position that is kept, 0 or below */
  constructor(size: number, from: number, private readonly silence: number) {
    this.#ring = new Int16Array(size);
    if (silence !== 0) this.#ring.fill(silence);
    this.#size = size;
    this.#from = from;
  }

  /** Puts samples at `at`; what lies outside of the window is left out. Later ones replace earlier ones. */
  place(at: number, samples: Int16Array, count: number): void {
    const first = Math.max(at, this.#from);
    const last = Math.min(at + count, this.#from + this.#size);
    if (last <= first) return;
    if (last > this.#end) this.#end = last;
    const begin = this.#index(first);
    const whole = last - first;
    const head = Math.min(whole, this.#size - begin);
    this.#ring.set(samples.subarray(first - at, first - at + head), begin);
    if (head < whole) this.#ring.set(samples.subarray(first - at + head, last - at), 0);
  }

  /**
   * The same of octets, each of which is a sample: the hot loop of an hour's call in G.711, which goes to its place at once.
   * Four at a time: that halves it.
   */
  placeOctets(at: number, octets: Uint8Array, from: number, count: number, samples: Int16Array): void {
    const ring = this.#ring;
    const begin = this.#index(at);
    if (at < this.#from || at + count > this.#from + this.#size || begin + count > this.#size) {
      this.place(at, Int16Array.from({ length: count }, (_, n) => samples[octets[from + n] ?? 0] ?? 0), count);
      return;
    }
    if (at + count > this.#end) this.#end = at + count;
    let into = begin;
    let of = from;
    for (const last = begin + count - 3; into < last; into += 4, of += 4) {
      ring[into] = samples[octets[of] ?? 0] ?? 0;
      ring[into + 1] = samples[octets[of + 1] ?? 0] ?? 0;
      ring[into + 2] = samples[octets[of + 2] ?? 0] ?? 0;
      ring[into + 3] = samples[octets[of + 3] ?? 0] ?? 0;
    }
    for (; into < begin + count; into += 1, of += 1) ring[into] = samples[octets[of] ?? 0] ?? 0;
  }

  /** Copies what lies from `at` on; silence where the window does not reach. False, and nothing copied, when nothing was ever placed there. */
  read(at: number, out: Int16Array): boolean {
    if (at >= this.#end) return false;
    const first = Math.max(at, this.#from);
    const last = Math.min(at + out.length, this.#from + this.#size);
    if (last <= first) return false;
    if (first > at) out.fill(this.silence, 0, first - at);
    const begin = this.#index(first);
    const head = Math.min(last - first, this.#size - begin);
    out.set(this.#ring.subarray(begin, begin + head), first - at);
    if (head < last - first) out.set(this.#ring.subarray(0, last - first - head), first - at + head);
    if (last < at + out.length) out.fill(this.silence, last - at);
    return true;
  }

  /** Moves the window on: what lies before `to` is let go. */
  letGo(to: number): void {
    const behind = Math.min(to, this.#from + this.#size, this.#end);
    for (let at = this.#from; at < behind; ) {
      const begin = this.#index(at);
      const count = Math.min(behind - at, this.#size - begin);
      this.#ring.fill(this.silence, begin, begin + count);
      at += count;
    }
    this.#from = Math.max(this.#from, to);
  }

  #index(at: number): number {
    return ((at % this.#size) + this.#size) % this.#size;
  }
}
