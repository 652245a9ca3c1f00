/** The calls that run, for those who look at them and command their recordings. */
import { plainUser, type CommandSource } from '../policy/index.js';
import { parseSipUri } from '../sip/index.js';
import type { CallControl, ControlAnswer, ControlCommand } from './call-control.js';
import type { ControlState } from './control-states.js';

/** A call as it is looked at from outside. */
export interface RunningCall {
  readonly sessionId: string;
  readonly trunk: string;
  readonly from: string;
  readonly to: string;
  readonly startedAtMs: number;
  /** `none`: not recorded, or its recording is lost. */
  readonly recording: ControlState | 'none';
}

export interface Controlled {
  /** `recording` apart, which the control tells. */
  readonly facts: Omit<RunningCall, 'recording'>;
  /** Undefined when there is no recording to command. */
  readonly control: CallControl | undefined;
}

export class RunningCalls {
  readonly #calls: () => Iterable<Controlled>;

  constructor(calls: () => Iterable<Controlled>) {
    this.#calls = calls;
  }

  list(): readonly RunningCall[] {
    return [...this.#calls()].map(({ facts, control }) => ({ ...facts, recording: control?.state ?? 'none' }));
  }

  /** The session whose party this is: a number or a name, as a URI or bare. */
  sessionOf(party: string): { readonly sessionId: string } | 'none' | 'several' {
    const wanted = userOf(party);
    const found = new Set([...this.#calls()].flatMap(({ facts }) => (userOf(facts.from) === wanted || userOf(facts.to) === wanted ? [facts.sessionId] : [])));
    const [sessionId] = found;
    if (sessionId === undefined) return 'none';
    return found.size > 1 ? 'several' : { sessionId };
  }

  /**
   * Commands every running call of the session: one that goes through here twice is two, and both hear what is said.
   * Undefined when there is none; the first refusal when one refuses.
   */
  command(sessionId: string, command: ControlCommand, source: CommandSource): ControlAnswer | 'no-recording' | undefined {
    const calls = [...this.#calls()].filter(({ facts }) => facts.sessionId === sessionId);
    if (calls.length === 0) return undefined;
    const answers = calls.flatMap(({ control }) => (control === undefined ? [] : [control.command(command, source, source)]));
    return answers.find(({ refused }) => refused !== undefined) ?? answers[0] ?? 'no-recording';
  }
}

function userOf(party: string): string {
  const parsed = /^(?:sips?|tel):/iu.test(party) ? parseSipUri(party) : 'malformed';
  return plainUser(parsed === 'malformed' ? (party.split('@', 1)[0] ?? '') : (parsed.user ?? ''));
}
