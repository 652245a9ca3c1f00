/**
 * Lets a few through at a time, the others in the order they came.
 *
 * Syncing is what disks are slow at, and node has four threads for all disk work of a process: a thousand captures
 * that sync at once would keep each other's writes waiting.
 */
export class Turnstile {
  readonly #atOnce: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Runs `work` when it is its turn. Each user waits with one at most, which bounds the line. */
  async pass(work: () => Promise<void>): Promise<void> {
    if (this.#inside >= this.#atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inside += 1;
    try {
      await work();
    } finally {
      // Whoever waits longest takes over this place.
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside -= 1;
      else next();
    }
  }
}
