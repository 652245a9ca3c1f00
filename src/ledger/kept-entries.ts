/**
 * What is entered of calls and captures, on its way into the database: while that does not answer it is kept, in
 * its order, and entered when it does again.
 *
 * An entry resolves when the database has it, so not while that is down: who follows a call does not await it.
 * What is kept is in memory and ends with the process.
 *
 * Owns       the order, the bound, and trying again.
 * Leaves to  calls.ts and captures.ts the entries, each of which may be repeated; sql.ts's members their timeouts.
 *
 * Invariant 1  an entry is tried when the one before it is settled: what is said of a call is entered as it came.
 * Invariant 2  never more than `maxKept` are kept: one beyond is refused at once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Failure, messageOf } from '../errors/index.js';
import type { Ledger } from './ledger.js';

export interface LedgerObserver {
  /** Entries that are not in the database yet, at each change. */
  waiting(now: number): void;
  /** The database takes no entries: told once, until it takes them again. */
  behind(reason: string): void;
  /** It has taken all that was kept. */
  caughtUp(): void;
}

export interface KeptEntriesOptions {
  /** Whether the database takes changes: one whose disk is full may answer questions all the same. */
  readonly takesChanges: () => Promise<boolean>;
  readonly observer?: LedgerObserver | undefined;
  /** About 1 KB each; a recorded call makes five. */
  readonly maxKept?: number;
  /** Between two questions whether the database takes changes again. */
  readonly retryMs?: number;
  /** How long `close` waits for what is kept. */
  readonly closeWithinMs?: number;
}

/** An entry that fails so often although the database takes changes is given up: it must not hold up the others. */
const maxTries = 5;

interface Entry {
  readonly enter: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class KeptEntries {
  readonly #options: Required<Omit<KeptEntriesOptions, 'observer'>> & Pick<KeptEntriesOptions, 'observer'>;
  /** Oldest first. */
  readonly #kept = new Set<Entry>();
  readonly #over = new AbortController();
  #running = false;
  #behind = false;
  #closed: Promise<void> | undefined;
  #tellEmpty: () => void = () => undefined;

  constructor(options: KeptEntriesOptions) {
    this.#options = { maxKept: 50_000, retryMs: 500, closeWithinMs: 8_000, ...options };
  }

  get waiting(): number {
    return this.#kept.size;
  }

  /** Whether the database refuses what is kept, as far as is known. */
  get isBehind(): boolean {
    return this.#behind;
  }

  /** Rejects with what the entry fails with unless the database is not available; LEDGER_UNAVAILABLE when it is not kept, or the ledger closes first. */
  add(enter: () => Promise<void>): Promise<void> {
    const { maxKept } = this.#options;
    if (this.#closed !== undefined) return Promise.reject(unavailable('the ledger is closed'));
    if (this.#kept.size >= maxKept) return Promise.reject(unavailable(`the ledger is ${maxKept} entries behind; this one is not kept`));
    return new Promise((resolve, reject) => {
      this.#kept.add({ enter, resolve, reject });
      this.#tell();
      if (!this.#running) void this.#run();
    });
  }

  /** Waits for what is kept, but not for ever: what the database has not taken by then is refused. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#kept.size > 0) {
      const empty = new Promise<void>((resolve) => (this.#tellEmpty = resolve));
      await Promise.race([empty, delay(this.#options.closeWithinMs, undefined, { signal: this.#over.signal })]);
    }
    this.#over.abort();
    for (const { reject } of this.#kept) reject(unavailable('the ledger was closed before it took this entry'));
    this.#kept.clear();
    this.#tell();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let [first] = this.#kept; first !== undefined; [first] = this.#kept) {
      await this.#settle(first);
      this.#kept.delete(first);
      this.#tell();
    }
    this.#running = false;
    if (this.#behind && !this.#over.signal.aborted) this.#options.observer?.caughtUp();
    this.#behind = false;
    this.#tellEmpty();
  }

  async #settle({ enter, resolve, reject }: Entry): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await enter();
        resolve();
        return;
      } catch (error) {
        if (!(error instanceof Failure && error.code === 'LEDGER_UNAVAILABLE') || tries === maxTries || this.#over.signal.aborted) {
          reject(error);
          return;
        }
        if (!this.#behind) this.#options.observer?.behind(messageOf(error));
        this.#behind = true;
        await this.#untilItTakesChanges();
      }
    }
  }

  async #untilItTakesChanges(): Promise<void> {
    const { signal } = this.#over;
    do await delay(this.#options.retryMs, undefined, { signal }).catch(() => undefined);
    while (!signal.aborted && !(await this.#options.takesChanges()));
  }

  #tell(): void {
    this.#options.observer?.waiting(this.#kept.size);
  }
}

const unavailable = (message: string): Failure => new Failure('LEDGER_UNAVAILABLE', message);

/** The same ledger, whose entries of calls and captures are kept while its database does not answer. */
export function keepingEntries(ledger: Ledger, options: KeptEntriesOptions): Ledger {
  const kept = new KeptEntries(options);
  return {
    ...ledger,
    callBegan: (call) => kept.add(() => ledger.callBegan(call)),
    callAnswered: (callId, atMs) => kept.add(() => ledger.callAnswered(callId, atMs)),
    callEnded: (callId, end) => kept.add(() => ledger.callEnded(callId, end)),
    captureOpened: (capture) => kept.add(() => ledger.captureOpened(capture)),
    captureClosed: (captureId, end) => kept.add(() => ledger.captureClosed(captureId, end)),
    captureWhole: async (captureId, whole) => {
      let known = false;
      await kept.add(async () => {
        known = await ledger.captureWhole(captureId, whole);
      });
      return known;
    },
    health: async () => {
      // It may take long to say nothing.
      if (kept.isBehind) return { ok: false, detail: `the database takes no entries; ${kept.waiting} of calls and captures are kept for it` };
      const { ok, detail } = await ledger.health();
      return { ok, detail: kept.waiting === 0 ? detail : `${detail}; ${kept.waiting} entries of calls and captures wait for it` };
    },
    close: async () => {
      await kept.close();
      await ledger.close();
    },
  };
}
