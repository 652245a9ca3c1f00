/** Which applications take which requests: in turn, for each verb (spec: several per verb, round robin). */
import type { Application } from './application.js';

/** What one application may register, repetitions counted; far above the number of SIP methods. */
const MAX_VERBS = 64;

/** A method (RFC 3261 §25.1 token) or an event of ours such as `cdr:start`. */
const VERB = /^[\w!%*+'`~.:-]{1,64}$/u;

export type RouteReason = 'bad-verb' | 'too-many';

interface Turn {
  readonly applications: Application[];
  next: number;
}

export class Routes {
  readonly #turns = new Map<string, Turn>();
  readonly #registered = new Map<Application, number>();

  /** Registers an application; twice counts twice, as in drachtio-server. Verbs are compared in lower case. */
  add(verb: string, application: Application): RouteReason | undefined {
    if (!VERB.test(verb)) return 'bad-verb';
    const registered = this.#registered.get(application) ?? 0;
    if (registered >= MAX_VERBS) return 'too-many';
    this.#registered.set(application, registered + 1);
    const key = verb.toLowerCase();
    const turn = this.#turns.get(key);
    if (turn === undefined) this.#turns.set(key, { applications: [application], next: 0 });
    else turn.applications.push(application);
    return undefined;
  }

  /** Takes one verb back; drachtio-server takes all of them, which nobody can have meant. */
  remove(verb: string, application: Application): void {
    const key = verb.toLowerCase();
    const turn = this.#turns.get(key);
    if (turn === undefined) return;
    const { applications } = turn;
    // The others keep their places in the turn.
    for (let at = applications.length - 1; at >= 0; at -= 1) {
      if (applications[at] !== application) continue;
      applications.splice(at, 1);
      if (at < turn.next) turn.next -= 1;
      this.#registered.set(application, (this.#registered.get(application) ?? 1) - 1);
    }
    if (applications.length === 0) this.#turns.delete(key);
  }

  removeAll(application: Application): void {
    for (const verb of [...this.#turns.keys()]) this.remove(verb, application);
    this.#registered.delete(application);
  }

  /**
   * The application whose turn it is for a verb (lower case), out of those with that tag if one is named;
   * one that is behind is passed over while another is not.
   */
  pick(verb: string, tag?: string): Application | undefined {
    const turn = this.#turns.get(verb);
    if (turn === undefined) return undefined;
    const { applications } = turn;
    let chosen: number | undefined;
    for (let tried = 0; tried < applications.length; tried += 1) {
      const at = (turn.next + tried) % applications.length;
      const application = applications[at];
      if (application === undefined || (tag !== undefined && !application.tags.includes(tag))) continue;
      chosen ??= at;
      if (application.promptness.behind) continue;
      chosen = at;
      break;
    }
    if (chosen === undefined) return undefined;
    turn.next = (chosen + 1) % applications.length;
    return applications[chosen];
  }

  /** How long a request with that verb waits at the promptest of those that take it. */
  lagMs(verb: string): number {
    let least = Infinity;
    for (const { promptness } of this.#turns.get(verb)?.applications ?? []) least = Math.min(least, promptness.lagMs);
    return least === Infinity ? 0 : least;
  }

  /** Whether one of those that take the verb is not behind; true for a verb that nobody takes. */
  keepsUp(verb: string): boolean {
    const turn = this.#turns.get(verb);
    return turn === undefined || turn.applications.some(({ promptness }) => !promptness.behind);
  }
}
