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

  /** The application whose turn it is for a verb (lower case); one that is behind is passed over while another is not. */
  pick(verb: string): Application | undefined {
    const turn = this.#turns.get(verb);
    if (turn === undefined) return undefined;
    const { applications } = turn;
    const first = turn.next % applications.length;
    let at = first;
    while (applications[at]?.promptness.behind === true) {
      at = (at + 1) % applications.length;
      if (at === first) break;
    }
    turn.next = (at + 1) % applications.length;
    return applications[at];
  }

  /** Whether one of those that take the verb is not behind; true for a verb that nobody takes. */
  keepsUp(verb: string): boolean {
    const turn = this.#turns.get(verb);
    return turn === undefined || turn.applications.some(({ promptness }) => !promptness.behind);
  }
}
