/**
 * Datagrams out of their IP fragments (RFC 791 §3.2, RFC 8200 §4.5): pure, in bounded memory and time.
 *
 * Where fragments overlap, what came first stays: nobody who sends honestly overlaps.
 */
import type { Losses } from './losses.js';

/** RFC 791 §3.2 advises 15 s, RFC 8200 §4.5 asks for 60: of a capture's clock. */
const timeoutMs = 30_000;
const longestDatagram = 65_535;
const mostFragments = 128;
const mostDatagrams = 512;

interface Piece {
  readonly from: number;
  readonly bytes: Buffer;
}

interface Unfinished {
  readonly startedAtMs: number;
  readonly pieces: Piece[];
  /** Known once the last fragment came. */
  length: number | undefined;
}

export class Fragments {
  readonly #unfinished = new Map<string, Unfinished>();

  constructor(private readonly losses: Losses) {}

  get waiting(): number {
    return this.#unfinished.size;
  }

  /**
   * Takes the bytes of a fragment, which are copied.
   *
   * @param key of source, target, protocol and identification
   * @returns the whole datagram's, once all have come
   */
  take(key: string, from: number, isLast: boolean, bytes: Buffer, atMs: number): Buffer | undefined {
    this.#forgetOld(atMs);
    if (from + bytes.length > longestDatagram || bytes.length === 0) return undefined;
    let datagram = this.#unfinished.get(key);
    if (datagram === undefined) this.#unfinished.set(key, (datagram = { startedAtMs: atMs, pieces: [], length: undefined }));
    if (isLast) datagram.length ??= from + bytes.length;
    if (datagram.pieces.length >= mostFragments) return undefined;
    datagram.pieces.push({ from, bytes: Buffer.from(bytes) });
    const whole = assembled(datagram);
    if (whole !== undefined) this.#unfinished.delete(key);
    return whole;
  }

  /** No more will come. */
  finish(): void {
    if (this.#unfinished.size > 0) this.losses.count('fragments-lost', this.#unfinished.size);
    this.#unfinished.clear();
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { startedAtMs }] of this.#unfinished) {
      // In the order in which they began.
      if (nowMs - startedAtMs < timeoutMs && this.#unfinished.size < mostDatagrams) return;
      this.#unfinished.delete(key);
      this.losses.count('fragments-lost');
    }
  }
}

function assembled({ pieces, length }: Unfinished): Buffer | undefined {
  if (length === undefined) return undefined;
  const held = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (held < length) return undefined;
  const whole = Buffer.alloc(length);
  let end = 0;
  // Of two that begin at one place the sort keeps the order they came in.
  for (const { from, bytes } of [...pieces].sort((a, b) => a.from - b.from)) {
    if (from > end) return undefined;
    if (from + bytes.length <= end) continue;
    bytes.copy(whole, end, end - from);
    end = Math.min(length, from + bytes.length);
  }
  return end === length ? whole : undefined;
}
