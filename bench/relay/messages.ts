/** What the bench's processes say to each other. */
import type { CallPorts, Parties } from './calls.js';

export interface SubjectSetup {
  readonly accelerator: 'auto' | 'off';
  readonly parties: Parties;
  /** Where captures are written, when the copies are to be recorded in the same process. */
  readonly captureDir?: string;
}

/** `open`: so many calls more. */
export type ToSubject = { readonly kind: 'setup'; readonly setup: SubjectSetup } | { readonly kind: 'open'; readonly calls: number } | { readonly kind: 'counts' };

export type FromSubject =
  | { readonly kind: 'ready'; readonly calls: readonly CallPorts[]; readonly datagrams: string }
  | { readonly kind: 'counts'; readonly memory: number; readonly relayed: number; readonly dropped: Readonly<Record<string, number>>; readonly recorded: number; readonly recorderDropped: number }
  | { readonly kind: 'failed'; readonly message: string };

export type ToLoad = { readonly kind: 'run'; readonly calls: readonly CallPorts[]; readonly seconds: number; readonly packetBytes: number };

export interface LoadResult {
  readonly kind: 'result';
  /** Unix ms. */
  readonly startedAtMs: number;
  /** How many had been sent at the end of each 100 ms. */
  readonly sentBy: readonly number[];
  readonly sent: number;
  readonly received: number;
  readonly copies: number;
  readonly delayMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

export type FromLoad = { readonly kind: 'ports'; readonly parties: Parties } | LoadResult | { readonly kind: 'failed'; readonly message: string };
