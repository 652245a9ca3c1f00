/** What kinds of calls there are to measure, and what can carry them. */
import type { Usage } from '../process-usage.js';

export type Mode = 'proxied' | 'b2b';
export type Transport = 'udp' | 'tcp';

export interface Shape {
  readonly name: string;
  readonly mode: Mode;
  readonly transport: Transport;
}

export const shapes: readonly Shape[] = (['proxied', 'b2b'] as const).flatMap((mode) =>
  (['udp', 'tcp'] as const).map((transport) => ({ name: `${mode}-${transport}`, mode, transport })),
);

export type SubjectName = 'twintrack' | 'kamailio' | 'drachtio';

/** What a subject of ours can tell of itself. */
export interface Inside {
  readonly transactions: number;
  readonly dialogs: number;
  /** Calls that the application could not carry, and the last reason. */
  readonly errors: number;
  readonly lastError: string;
  /** Heaps after a collection, all threads together. */
  readonly heapBytes: number;
}

/** Something that carries calls, running. */
export interface Subject {
  readonly name: SubjectName;
  /** Where calls are placed. */
  readonly host: string;
  readonly port: number;
  usage(): Usage;
  memoryBytes(): number;
  /** Undefined where it cannot be asked, as a peer. Collects garbage first. */
  inside(): Promise<Inside | undefined>;
  /** Begins, and ends, writing down where its threads spend their time; only ours can. */
  profile(dir: string | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Where a measure takes place. */
export interface Site {
  readonly shape: Shape;
  /** Where all calls go on to, on 127.0.0.1, by the transport they came on. */
  readonly calleePort: number;
  /** For what is written meanwhile; the bench removes it. */
  readonly dir: string;
}
