/**
 * Host names to addresses. Literals are answered at once; names are looked up through the
 * system's resolver (A and AAAA), cached briefly, and never hold up anything else.
 *
 * Invariant 1: at most `MAX_ENTRIES` names are remembered.
 */
import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { CancelTimer, Clock } from '../timing.js';
import { familyOf, type Family } from './local-address.js';

const MAX_ENTRIES = 1_000;
const FRESH_MS = 30_000;
const FAILED_FRESH_MS = 2_000;
const LOOKUP_MS = 5_000;

type Resolved = (addresses: readonly string[]) => void;

/** Looks a name up in both families; an empty list when it has no address. */
export type LookUp = (host: string, done: Resolved) => void;

const systemLookUp: LookUp = (host, done) => {
  lookup(host, { all: true, verbatim: true }, (error, found) => {
    done(error === null ? found.map((entry) => entry.address) : []);
  });
};

interface Entry {
  readonly addresses: readonly string[];
  readonly staleAt: number;
}

export class Resolver {
  readonly #known = new Map<string, Entry>();
  readonly #waiting = new Map<string, Resolved[]>();
  readonly #timers = new Set<CancelTimer>();
  #closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly families: ReadonlySet<Family>,
    private readonly lookUp: LookUp = systemLookUp,
  ) {}

  /** Calls back with an address of a family in use, or undefined; at once when it is known. */
  resolve(host: string, done: (address: string | undefined) => void): void {
    const choose: Resolved = (addresses) => done(addresses.find((address) => this.families.has(familyOf(address))));
    if (isIP(host) !== 0) {
      choose([host]);
      return;
    }
    const entry = this.#known.get(host);
    if (entry !== undefined && entry.staleAt > this.clock.now()) {
      choose(entry.addresses);
      return;
    }
    const waiting = this.#waiting.get(host);
    if (waiting !== undefined) {
      waiting.push(choose);
      return;
    }
    if (this.#waiting.size >= MAX_ENTRIES) {
      choose([]);
      return;
    }
    this.#waiting.set(host, [choose]);
    let answered = false;
    const finish: Resolved = (addresses) => {
      if (answered) return;
      answered = true;
      cancel();
      this.#timers.delete(cancel);
      if (!this.#closed) this.#remember(host, addresses);
    };
    const cancel = this.clock.after(LOOKUP_MS, () => finish([]));
    this.#timers.add(cancel);
    this.lookUp(host, finish);
  }

  /** Calls off what waits for a name; nobody is told. */
  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    for (const cancel of this.#timers) cancel();
  }

  #remember(host: string, addresses: readonly string[]): void {
    if (this.#known.size >= MAX_ENTRIES) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    const freshMs = addresses.length === 0 ? FAILED_FRESH_MS : FRESH_MS;
    this.#known.set(host, { addresses, staleAt: this.clock.now() + freshMs });
    const waiting = this.#waiting.get(host) ?? [];
    this.#waiting.delete(host);
    for (const choose of waiting) choose(addresses);
  }
}
