/** What the ledger and the thread that runs PGlite say to each other. One request is under way at a time. */
import type { Row, Statement } from './sql.js';

export type ToWorker = { readonly do: 'run'; readonly statements: readonly Statement[] } | { readonly do: 'close' };

export type FromWorker =
  | { readonly is: 'ready' }
  | { readonly is: 'rows'; readonly rows: readonly (readonly Row[])[] }
  /** PostgreSQL refused the statement; nothing of it was done. */
  | { readonly is: 'refused'; readonly sqlState: string; readonly message: string };

export interface WorkerSettings {
  readonly dir: string;
}
