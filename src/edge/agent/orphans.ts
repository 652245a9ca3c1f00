/**
 * Dialogs whose application is gone, while they wait for its return.
 *
 * An application that authenticates with the same set of tags is taken for the same one: drachtio-srf
 * keeps its Dialogs by dialog id, and goes on with them when it has connected again. What happened
 * meanwhile (a peer's BYE, one of the edge's own) is told on its return.
 *
 * Owns       which dialogs wait, the reports kept for them, the end of the wait.
 * Leaves to  the dialog store the dialogs; its owner the BYE for those that nobody came for.
 *
 * Invariant 1: what waits is given away or ended after `orphanMs`.
 * Invariant 2: at most one report a dialog, and `MAX_REPORTS` in all.
 */
import type { Application, Meta } from '../app/application.js';
import type { CancelTimer } from '../timing.js';
import type { AgentContext, AppDialog } from './context.js';

const MAX_REPORTS = 10_000;
/** BYEs sent in one go when nobody came back, and the pause until the next ones. */
const BATCH = 200;
const BATCH_MS = 100;

export interface Report {
  readonly meta: Meta;
  readonly text: string;
}

interface Lost {
  readonly dialogs: AppDialog[];
  readonly reports: Report[];
  stop: CancelTimer;
}

export class Orphans {
  readonly #lost = new Map<Application, Lost>();
  #reports = 0;

  constructor(
    private readonly context: Pick<AgentContext, 'environment' | 'dialogs'>,
    private readonly hangUp: (dialog: AppDialog) => void,
  ) {}

  /**
   * Keeps the established dialogs of an application that is gone, and `reports` for it.
   * `ending` are those with a BYE of its own under way, which most likely need nothing more.
   */
  keep(application: Application, ending: ReadonlySet<AppDialog>, reports: readonly Report[]): void {
    const { dialogs, environment } = this.context;
    let kept = dialogs.ownedBy(application).filter((dialog) => dialog.confirmed);
    if (application.origin === 'outbound') {
      // The edge calls an application for one request only: no connection comes back for it.
      for (const dialog of kept) if (!ending.has(dialog)) this.hangUp(dialog);
      kept = kept.filter((dialog) => ending.has(dialog));
    }
    if (kept.length === 0 && reports.length === 0) return;
    const lost: Lost = { dialogs: kept, reports: [], stop: () => undefined };
    lost.stop = environment.clock.after(environment.timing.orphanMs, () => this.#expire(application, lost));
    this.#lost.set(application, lost);
    for (const { meta, text } of reports) this.report(application, meta, text);
  }

  /** Keeps for a lost application what it will be told on its return. */
  report(application: Application, meta: Meta, text: string): void {
    const lost = this.#lost.get(application);
    if (lost === undefined || this.#reports >= MAX_REPORTS) return;
    this.#reports += 1;
    lost.reports.push({ meta, text });
  }

  /** Gives an application the dialogs of those lost with the same tags. */
  adopt(application: Application): void {
    if (application.origin === 'outbound') return;
    const tags = application.tags.join();
    for (const [gone, lost] of [...this.#lost]) {
      if (gone.tags.join() !== tags) continue;
      this.#forget(gone, lost);
      for (const dialog of lost.dialogs) if (!dialog.ended) dialog.owner = application;
      for (const { meta, text } of lost.reports) application.deliver(meta, text);
    }
  }

  close(): void {
    for (const [application, lost] of [...this.#lost]) this.#forget(application, lost);
  }

  /** Nobody came: both ends of each call are told, a few at a time, as each BYE is a transaction. */
  #expire(application: Application, lost: Lost): void {
    const { clock } = this.context.environment;
    for (let ended = 0; ended < BATCH;) {
      const dialog = lost.dialogs.pop();
      if (dialog === undefined) {
        this.#forget(application, lost);
        return;
      }
      if (dialog.ended) continue;
      this.hangUp(dialog);
      ended += 1;
    }
    lost.stop = clock.after(BATCH_MS, () => this.#expire(application, lost));
  }

  #forget(application: Application, lost: Lost): void {
    lost.stop();
    this.#lost.delete(application);
    this.#reports -= lost.reports.length;
  }
}
