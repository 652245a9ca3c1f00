/**
 * How far an application is behind. The protocol has no other sign of it than how long it takes for what
 * drachtio-srf does by itself and at once, such as the ACK to a 2xx or the answer to a BYE, and for what it
 * decides, which may take its time: a socket takes megabytes before it fills.
 *
 * Invariant 1: what an application reacts to shows that it has read all that it was sent before. Older things
 * that it has not reacted to are withheld, as the ACK of a delayed offer is, and say nothing.
 */

/** Later than this, and it has more than it can do. */
const BEHIND_MS = 500;
/**
 * How long a reaction speaks for the application. Of the reactions of that time the soonest counts: what is told
 * in one turn is answered in one, the first of it soon and the last late, and only a wait that all of them have is
 * a queue (RFC 8289 §3 on why the minimum shows a standing queue).
 */
const FRESH_MS = 100;
/** What a decision may take for reasons of its own, such as a question to somebody else. */
const THINKING_MS = 500;

export class Promptness {
  /** What it has been asked and not reacted to, oldest first. */
  readonly #asked = new Map<unknown, number>();
  /** The soonest reactions since `#windowAt`, and in the half of `FRESH_MS` before that. */
  #soonestMs = Infinity;
  #soonestBeforeMs = Infinity;
  #windowAt = -Infinity;
  #reactedAt = -Infinity;

  constructor(private readonly now: () => number) {}

  /** It is asked for what is done at once. */
  asked(what: unknown): void {
    this.#asked.set(what, this.now());
  }

  /** It reacted. */
  reacted(what: unknown): void {
    const at = this.#asked.get(what);
    if (at === undefined) return;
    for (const older of this.#asked.keys()) {
      this.#asked.delete(older);
      if (older === what) break;
    }
    this.#took(this.now() - at);
  }

  /** It decided about something of that time. */
  decidedSince(at: number): void {
    const lateMs = this.now() - at - THINKING_MS;
    if (lateMs > 0) this.#took(lateMs);
  }

  /** Nothing is awaited of it any more, for that. */
  forget(what: unknown): void {
    this.#asked.delete(what);
  }

  /** How long what it is sent now waits, as far as can be told. */
  get lagMs(): number {
    const now = this.now();
    if (now - this.#reactedAt < FRESH_MS) return Math.min(this.#soonestMs, this.#soonestBeforeMs);
    const [oldest = now] = this.#asked.values();
    return now - oldest;
  }

  get behind(): boolean {
    return this.lagMs > BEHIND_MS;
  }

  #took(ms: number): void {
    const now = this.now();
    const sinceMs = now - this.#windowAt;
    if (sinceMs >= FRESH_MS / 2) {
      this.#soonestBeforeMs = sinceMs < FRESH_MS ? this.#soonestMs : Infinity;
      this.#soonestMs = Infinity;
      this.#windowAt = now;
    }
    this.#soonestMs = Math.min(this.#soonestMs, ms);
    this.#reactedAt = now;
  }
}
