/** What an edge is opened with, and what it is to whoever opened it. */
import type { TurnedAway } from './admission/admission.js';
import type { SourceLimit } from './admission/source-limit.js';

export interface ListenAddress {
  readonly transport: 'udp' | 'tcp';
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
}

export interface EdgeOptions {
  readonly listen: readonly ListenAddress[];
  /** Where applications connect with the drachtio protocol; port 0 lets the operating system choose. */
  readonly admin: { readonly host: string; readonly port: number };
  /** What applications authenticate with. */
  readonly secret: string;
  /**
   * Out-of-dialog requests from sources outside this list of CIDR blocks and addresses are dropped
   * without any answer. Absent: all sources are passed to the application.
   */
  readonly silentUnless?: readonly string[];
  /** Bounds what each single source may begin; absent: no such bound. */
  readonly sourceLimit?: SourceLimit;
  /**
   * Whether requests in a dialog go where the peer's messages come from, when its Contact names another
   * place and no proxy stands between. On unless set to false.
   */
  readonly natDetection?: boolean;
}

export interface EdgeStats {
  /** SIP messages that arrived, readable or not. */
  readonly received: number;
  /** Messages that could not be read, by reason out of a closed list. */
  readonly malformed: Readonly<Record<string, number>>;
  /** Requests from sources that are not listened to. */
  readonly droppedSources: number;
  /** New requests that were answered 503, or nothing, by why. */
  readonly turnedAway: Readonly<TurnedAway>;
  readonly transactions: number;
  readonly dialogs: number;
}

export interface Edge {
  /** The addresses listened on, with the real ports, in the order of the options. */
  readonly listening: readonly ListenAddress[];
  readonly admin: { readonly host: string; readonly port: number };
  stats(): EdgeStats | Promise<EdgeStats>;
  /** Closes every socket and timer. Calls are left as they are. */
  close(): Promise<void>;
}
