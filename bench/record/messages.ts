/** What the processes of the record bench say to each other. */
import type { CallPorts } from '../relay/calls.js';

export interface RecorderSetup {
  readonly accelerator: 'auto' | 'off';
  readonly calls: number;
  readonly dir: string;
}

export type FromRecorder =
  | { readonly kind: 'ready'; readonly calls: readonly CallPorts[]; readonly datagrams: string }
  | { readonly kind: 'counts'; readonly recorded: number; readonly recorderDropped: number }
  | { readonly kind: 'failed'; readonly message: string };
