/**
 * Which next hops are up: what their checks and calls have said of them, and the order they are tried in.
 *
 * Owns       the state of each next hop, and the time for which a 503 with Retry-After takes one out.
 * Leaves to  hop-checks the asking; the call the trying.
 *
 * A next hop is known by its URI: in two lists it is one, and counted for the first.
 * Invariant 1: one that is down is tried last, never left out.
 */
import { orderServers } from '../sip/index.js';
import type { NextHop } from './next-hops.js';
import type { HealthSettings } from './trunk-settings.js';

export interface HopChange {
  readonly owner: string;
  readonly hop: NextHop;
  readonly up: boolean;
  readonly reason: string;
}

interface State {
  readonly owner: string;
  readonly hop: NextHop;
  /** Checks in a row that came out alike: failures below zero. */
  run: number;
  failing: boolean;
  held: NodeJS.Timeout | undefined;
  up: boolean;
}

export interface HopBoardOptions {
  readonly lists: readonly { readonly owner: string; readonly hops: readonly NextHop[] }[];
  readonly settings: Pick<HealthSettings, 'failures' | 'successes'>;
  /** A number from 0 to below 1. */
  readonly draw: () => number;
  readonly onChange: (change: HopChange) => void;
}

/** No next hop is out for longer, whatever it asks for. */
const LONGEST_HOLD_MS = 3_600_000;

export class HopBoard {
  readonly #states = new Map<string, State>();
  #closed = false;

  constructor(private readonly options: HopBoardOptions) {
    for (const { owner, hops } of options.lists) {
      for (const hop of hops) {
        if (!this.#states.has(hop.text)) this.#states.set(hop.text, { owner, hop, run: 0, failing: false, held: undefined, up: true });
      }
    }
  }

  /** Each next hop once, with whom it belongs to. */
  get all(): readonly Pick<State, 'owner' | 'hop'>[] {
    return [...this.#states.values()];
  }

  isUp(hop: NextHop): boolean {
    return this.#states.get(hop.text)?.up !== false;
  }

  /** By priority, drawn by weight within one (RFC 2782); those that are down behind all others. */
  order(hops: readonly NextHop[]): readonly NextHop[] {
    const ordered = orderServers(hops, this.options.draw);
    return [...ordered.filter((hop) => this.isUp(hop)), ...ordered.filter((hop) => !this.isUp(hop))];
  }

  /** What came of a check. */
  checked(hop: NextHop, alive: boolean, reason: string): void {
    const state = this.#states.get(hop.text);
    if (state === undefined || this.#closed) return;
    state.run = alive ? Math.max(0, state.run) + 1 : Math.min(0, state.run) - 1;
    const { failures, successes } = this.options.settings;
    if (state.run >= successes) state.failing = false;
    else if (state.run <= -failures) state.failing = true;
    this.#tell(state, reason);
  }

  /** It answered a call 503 and said for how long. */
  hold(hop: NextHop, seconds: number): void {
    const state = this.#states.get(hop.text);
    if (state === undefined || this.#closed || !(seconds > 0)) return;
    clearTimeout(state.held);
    state.held = setTimeout(() => {
      state.held = undefined;
      this.#tell(state, 'the time of its Retry-After is over');
    }, Math.min(seconds * 1_000, LONGEST_HOLD_MS));
    state.held.unref();
    this.#tell(state, `it answered a call 503, Retry-After ${seconds} s`);
  }

  close(): void {
    this.#closed = true;
    for (const state of this.#states.values()) clearTimeout(state.held);
  }

  #tell(state: State, reason: string): void {
    const up = !state.failing && state.held === undefined;
    if (up === state.up) return;
    state.up = up;
    this.options.onChange({ owner: state.owner, hop: state.hop, up, reason });
  }
}
