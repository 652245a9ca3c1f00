/** Which applications take which requests: in turn, for each verb (spec: several per verb, round robin). */
import type { Application } from './application.js';

/** Verbs one application may register; far above the number of SIP methods. */
const MAX_VERBS = 64;

interface Turn {
  readonly applications: Application[];
  next: number;
}

export class Routes {
  readonly #turns = new Map<string, Turn>();

  /** Registers an application; twice counts twice, as in drachtio-server. */
  add(verb: string, application: Application): void {
    let turn = this.#turns.get(verb);
    if (turn === undefined) {
      if (this.#turns.size >= MAX_VERBS) return;
      turn = { applications: [], next: 0 };
      this.#turns.set(verb, turn);
    }
    if (turn.applications.length < MAX_VERBS * MAX_VERBS) turn.applications.push(application);
  }

  /** Takes one verb back; drachtio-server takes all of them, which nobody can have meant. */
  remove(verb: string, application: Application): void {
    const turn = this.#turns.get(verb);
    if (turn === undefined) return;
    const kept = turn.applications.filter((each) => each !== application);
    if (kept.length === 0) this.#turns.delete(verb);
    else turn.applications.splice(0, turn.applications.length, ...kept);
  }

  removeAll(application: Application): void {
    for (const verb of [...this.#turns.keys()]) this.remove(verb, application);
  }

  /** The application whose turn it is for a verb (lower case). */
  pick(verb: string): Application | undefined {
    const turn = this.#turns.get(verb);
    if (turn === undefined) return undefined;
    const chosen = turn.applications[turn.next % turn.applications.length];
    turn.next = (turn.next + 1) % turn.applications.length;
    return chosen;
  }
}
