/**
 * What is said of a stream at one time.
 */
import type { CaptureCodec, CaptureStream } from '../capture/index.js';

export type Role = CaptureStream['role'];

export interface StreamDescription {
  readonly label: string;
  readonly party: string;
  readonly codecs: readonly CaptureCodec[];
  readonly direction: CaptureStream['direction'];
  readonly encrypted: boolean;
  /** Values of a=crypto lines. Secret. */
  readonly crypto: readonly string[];
}

/** A stream as its capture tells of it. */
export interface DescribedStream {
  readonly role: Role;
  readonly index: number;
  readonly description: StreamDescription;
}
