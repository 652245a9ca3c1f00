/** What the bench and the process of its subject say to each other; and, in that process, its threads. */
import type { Inside, Mode } from './shapes.js';

export interface SubjectSetup {
  readonly mode: Mode;
  readonly port: number;
  readonly calleePort: number;
  /** A drachtio-server to connect to; absent: the embedded edge is opened on `port`. */
  readonly drachtio?: { readonly host: string; readonly port: number; readonly secret: string };
}

export type ToSubject =
  | { readonly kind: 'open'; readonly setup: SubjectSetup }
  | { readonly kind: 'inside' }
  | { readonly kind: 'profile'; readonly dir: string | undefined };

export type FromSubject =
  | { readonly kind: 'ready' }
  | { readonly kind: 'inside'; readonly inside: Inside }
  | { readonly kind: 'profiled' }
  | { readonly kind: 'failed'; readonly message: string };

/** The channel that every thread of a subject listens on. */
export const threadsChannel = 'twintrack-bench-threads';

export type ToThread = { readonly kind: 'heap'; readonly id: number } | { readonly kind: 'profile'; readonly id: number; readonly dir: string | undefined };

export interface FromThread {
  readonly kind: 'done';
  readonly id: number;
  readonly heapBytes: number;
}
