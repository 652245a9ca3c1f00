/**
 * How far an application is behind: how long it takes for what drachtio-srf does by itself and at once,
 * such as the ACK to a 2xx or the answer to a BYE. The protocol has no other sign of it: a socket takes
 * megabytes before it fills.
 */

/** Later than this, and it has more than it can do. */
const BEHIND_MS = 250;
/** How long the last reaction speaks for an application of which nothing is awaited. */
const FRESH_MS = 100;

export class Promptness {
  /** What it has been asked and not reacted to, oldest first. */
  readonly #asked = new Map<unknown, number>();
  #lagMs = 0;
  #reactedAt = 0;

  constructor(private readonly now: () => number) {}

  asked(what: unknown): void {
    this.#asked.set(what, this.now());
  }

  /** It reacted. */
  reacted(what: unknown): void {
    const at = this.#asked.get(what);
    if (at === undefined) return;
    this.#asked.delete(what);
    this.tookSince(at);
  }

  /** It reacted to something of that time. */
  tookSince(at: number): void {
    this.#reactedAt = this.now();
    this.#lagMs = this.#reactedAt - at;
  }

  /** Nothing is awaited of it any more, for that. */
  forget(what: unknown): void {
    this.#asked.delete(what);
  }

  get behind(): boolean {
    const now = this.now();
    const [oldest] = this.#asked.values();
    if (oldest !== undefined && now - oldest > BEHIND_MS) return true;
    return this.#lagMs > BEHIND_MS && now - this.#reactedAt < FRESH_MS;
  }
}
