/** The one typed channel between an edge's worker thread and whoever spawned it. */
import type { FailureCode, Facts } from '../errors/index.js';
import type { Edge, EdgeOptions, EdgeStats, ListenAddress, SourceOptions } from './edge-options.js';

/** A failure on its way through the channel. */
export interface Refusal {
  readonly code: FailureCode | undefined;
  readonly message: string;
  readonly facts: Facts;
}

/** What is done, or refused with a reason. */
export type Order = { readonly kind: 'reload-tls' } | { readonly kind: 'set-sources'; readonly sources: SourceOptions };

export type ToWorker = ({ readonly id: number } & ({ readonly kind: 'stats' } | Order)) | { readonly kind: 'close' };

export type FromWorker =
  | { readonly kind: 'open'; readonly listening: readonly ListenAddress[]; readonly admin: Edge['admin'] }
  | ({ readonly kind: 'failed' } & Refusal)
  | { readonly kind: 'stats'; readonly id: number; readonly stats: EdgeStats }
  | { readonly kind: 'done'; readonly id: number; readonly refused?: Refusal }
  | { readonly kind: 'closed' };

export type WorkerData = { readonly edge: EdgeOptions };
