/**
 * Which capture gave which packets of a source, where several captures hold the call: pure.
 *
 * Bound      the last `remembered` sequence numbers; what comes later than that counts as of its capture alone.
 */

/** More than a copy may be behind (track.ts). */
const remembered = 2_048;

export interface Given {
  /** Packets that this capture had, by the first copy or a later one. */
  packets: number;
  /** Those that no other had. */
  alone: number;
}

export class Origins {
  readonly given = new Map<number, Given>();
  /** Of each number: the capture that gave it first, one more than its index. */
  readonly #first = new Uint16Array(remembered);
  readonly #shared = new Uint8Array(remembered);

  took(sequence: number, source: number): void {
    const at = ((sequence % remembered) + remembered) % remembered;
    this.#first[at] = source + 1;
    this.#shared[at] = 0;
    const given = this.#of(source);
    given.packets += 1;
    given.alone += 1;
  }

  /** A packet that was there before. True when it is another capture's copy, not the network's. */
  again(sequence: number, source: number): boolean {
    const at = ((sequence % remembered) + remembered) % remembered;
    const first = (this.#first[at] ?? 0) - 1;
    if (first === source || first < 0) return false;
    this.#of(source).packets += 1;
    if (this.#shared[at] === 0) this.#of(first).alone -= 1;
    this.#shared[at] = 1;
    return true;
  }

  #of(source: number): Given {
    let given = this.given.get(source);
    if (given === undefined) this.given.set(source, (given = { packets: 0, alone: 0 }));
    return given;
  }
}
