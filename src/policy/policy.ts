/**
 * Whether a call is recorded: facts of a call and rules in, a decision out. Pure.
 *
 * The deny list comes before all; then the first rule whose conditions all hold decides; the catch-all
 * decides the rest.
 */
import type { CallFacts } from './call-facts.js';
import { openConditions, openNumbers, type Bearing, type Condition, type Numbers } from './conditions.js';
import type { RecordingCommand } from './recording-commands.js';
import type { Outcome, PolicySettings } from './settings.js';

export interface Decision extends Outcome {
  /** What decided, as the ledger and people are told: `rule sales`, `deny entry 2`, `no rule`. */
  readonly decidedBy: string;
}

/** One thing that was looked at on the way to a decision. */
export interface Step {
  /** `deny entry 2`, `rule sales`. */
  readonly what: string;
  /** Why it did not fit; absent for the one that decided. */
  readonly why?: string;
}

export interface Explanation {
  readonly bearing: Bearing;
  readonly steps: readonly Step[];
  readonly decision: Decision;
}

interface Entry {
  readonly what: string;
  readonly conditions: readonly Condition[];
  readonly outcome: Outcome;
}

const denied: Outcome = {
  record: 'never', pausable: false, commandsFrom: [], mandatory: false, refuseWith: 503,
  recorders: { group: 'default', redundancy: 'single' }, retention: 'standard', dtmfMasked: false,
};

export class Policy {
  readonly #internal: Numbers;
  /** Deny entries, then rules. */
  readonly #entries: readonly Entry[];
  readonly #denials: number;
  readonly #otherwise: Outcome;

  /** @param settings checked before. */
  constructor({ internal, deny, rules, otherwise }: PolicySettings) {
    this.#internal = openNumbers(internal);
    this.#entries = [
      ...deny.map((entry, i) => ({ what: `deny entry ${i + 1}`, conditions: openConditions(entry), outcome: denied })),
      ...rules.map(({ name, when, ...outcome }) => ({ what: `rule ${name}`, conditions: openConditions(when), outcome })),
    ];
    this.#denials = deny.length;
    this.#otherwise = otherwise;
  }

  decide(facts: CallFacts): Decision {
    return this.#decision(this.#firstOf(this.#entries, facts));
  }

  /** What the deny list alone says: undefined for a call that it does not deny. */
  denial(facts: CallFacts): Decision | undefined {
    const entry = this.#firstOf(this.#entries.slice(0, this.#denials), facts);
    return entry === undefined ? undefined : this.#decision(entry);
  }

  /** The same, with what was looked at and why it did not fit. */
  explain(facts: CallFacts): Explanation {
    const bearing = this.#bearing(facts);
    const steps: Step[] = [];
    for (const entry of this.#entries) {
      const missed = entry.conditions.find((condition) => !condition.holds(facts, bearing));
      if (missed === undefined) {
        steps.push({ what: entry.what });
        return { bearing, steps, decision: this.#decision(entry) };
      }
      steps.push({ what: entry.what, why: missed.why(facts, bearing) });
    }
    return { bearing, steps, decision: this.#decision(undefined) };
  }

  #firstOf(entries: readonly Entry[], facts: CallFacts): Entry | undefined {
    const bearing = this.#bearing(facts);
    return entries.find(({ conditions }) => conditions.every((condition) => condition.holds(facts, bearing)));
  }

  #decision(entry: Entry | undefined): Decision {
    return { ...(entry?.outcome ?? this.#otherwise), decidedBy: entry?.what ?? 'no rule' };
  }

  #bearing({ caller, callee }: CallFacts): Bearing {
    const [from, to] = [this.#internal.has(caller), this.#internal.has(callee)];
    return { direction: from === to ? undefined : from ? 'outbound' : 'inbound', traffic: from && to ? 'internal' : 'external' };
  }
}

/** What the rule lets people say of the recording while the call runs. */
export function allowedCommands({ record, pausable, commands }: Outcome): ReadonlySet<RecordingCommand> {
  if (record === 'never') return new Set();
  if (commands !== undefined) return new Set(commands);
  return new Set([...(record === 'on-demand' ? (['start', 'stop'] as const) : []), ...(pausable ? (['pause', 'resume'] as const) : []), 'tag']);
}
