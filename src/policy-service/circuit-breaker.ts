/**
 * Leaves a service alone that fails: after so many failures in a row nobody is sent to it for a while, then one
 * question tries it. Pure but for its state: clock and randomness are arguments, and there is no timer.
 *
 *   closed     everybody asks; `failures` in a row open it
 *   open       nobody asks; when the back-off is over, the next question becomes the trial
 *   half-open  the trial is under way, nobody else asks; its outcome closes it, or opens it for twice as long
 */
import type { PolicyServiceSettings } from './settings.js';

export type BreakerName = 'closed' | 'half-open' | 'open';
/** `abandoned`: the question was withdrawn, which says nothing of the service. */
export type BreakerEvent = 'asked' | 'answered' | 'failed' | 'abandoned';

export interface BreakerState {
  readonly name: BreakerName;
  /** In a row, while closed. */
  readonly failures: number;
  /** Trials that failed since it was closed last. */
  readonly failedTrials: number;
  /** When a trial may be made, while open. */
  readonly untilMs: number;
}

export interface BreakerEnvironment {
  readonly settings: PolicyServiceSettings['breaker'];
  readonly nowMs: number;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
}

type Step = (state: BreakerState, environment: BreakerEnvironment) => BreakerState;

export const closed: BreakerState = { name: 'closed', failures: 0, failedTrials: 0, untilMs: 0 };

/** Half of the back-off stands, half is drawn, so that several proxies do not come back at one moment. */
function opened(failedTrials: number, { settings, nowMs, random }: BreakerEnvironment): BreakerState {
  const backOffMs = Math.min(settings.maxBackOffMs, settings.minBackOffMs * 2 ** failedTrials);
  return { name: 'open', failures: 0, failedTrials, untilMs: nowMs + backOffMs * (0.5 + random() / 2) };
}

const table: Readonly<Record<BreakerName, Partial<Record<BreakerEvent, Step>>>> = {
  'closed': {
    answered: () => closed,
    failed: (state, environment) => (state.failures + 1 < environment.settings.failures ? { ...state, failures: state.failures + 1 } : opened(0, environment)),
  },
  'open': {
    asked: (state, { nowMs }) => (nowMs < state.untilMs ? state : { ...state, name: 'half-open' }),
  },
  'half-open': {
    answered: () => closed,
    failed: ({ failedTrials }, environment) => opened(failedTrials + 1, environment),
    abandoned: (state, { nowMs }) => ({ ...state, name: 'open', untilMs: nowMs }),
  },
};

/** A pair that is not in the table changes nothing. */
export const step = (state: BreakerState, event: BreakerEvent, environment: BreakerEnvironment): BreakerState => table[state.name][event]?.(state, environment) ?? state;

/** Leave to ask; what came of it is owed to `settle`. */
export type Pass = number;

export interface BreakerOptions {
  readonly settings: PolicyServiceSettings['breaker'];
  readonly now: () => number;
  readonly random: () => number;
  readonly onChange: (state: BreakerState) => void;
}

export class CircuitBreaker {
  #state = closed;
  /** Counts the changes: what was asked before one says nothing of the service as it is after it. */
  #period: Pass = 0;

  constructor(private readonly options: BreakerOptions) {}

  /** Undefined: do not ask. */
  admit(): Pass | undefined {
    const before = this.#state.name;
    this.#step('asked');
    return this.#state.name === 'closed' || this.#state.name !== before ? this.#period : undefined;
  }

  settle(pass: Pass, event: Exclude<BreakerEvent, 'asked'>): void {
    if (pass === this.#period) this.#step(event);
  }

  #step(event: BreakerEvent): void {
    const { settings, now, random, onChange } = this.options;
    const before = this.#state.name;
    this.#state = step(this.#state, event, { settings, nowMs: now(), random });
    if (this.#state.name === before) return;
    this.#period += 1;
    onChange(this.#state);
  }
}
