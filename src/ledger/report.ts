/**
 * The report of a recording: what is in it, what is missing from it, and why.
 *
 * Shown by `twintrack show --json`, signed into the vault's manifest, kept in the ledger as it is.
 * People and scripts rely on these names: fields are added, never renamed.
 */

export type RecordingState = 'complete' | 'partial' | 'lost' | 'excluded';

/** Why a stretch of a channel holds silence instead of what was said. */
export type GapCause = 'loss' | 'hold' | 'dtx' | 'failover' | 'paused' | 'undecryptable';

export interface ReportGap {
  /** From the start of the recording, in milliseconds. */
  readonly atMs: number;
  readonly ms: number;
  readonly cause: GapCause;
}

/** One capture that went into the recording. */
export interface ReportCapture {
  readonly recorder: string;
  readonly captureId: string;
  /** First and last instant taken in, ISO 8601. */
  readonly from: string;
  readonly to: string;
  readonly state: 'open' | 'closed' | 'cut';
  /** Nobody said that it is of this call: that follows from where its media came from, and when. */
  readonly pairedBy?: 'media-address';
  /** Of a call that several captures hold: what this one had of each channel, and what of it no other had. */
  readonly gave?: readonly { readonly label: string; readonly packets: number; readonly alone: number }[];
}

export interface ReportChannel {
  readonly label: string;
  /** SIP URI of who speaks here. */
  readonly party: string;
  readonly codec: string;
  readonly encrypted: boolean;
  /** Counted as RFC 3550 §6.4.1 and Appendix A.3 do. */
  readonly packetsExpected: number;
  readonly packetsReceived: number;
  readonly packetsLost: number;
  readonly duplicates: number;
  readonly authFailures: number;
  readonly jitterMs: number;
  readonly durationMs: number;
  /** How far the sender's clock ran away from ours over the whole recording; positive: it was fast. */
  readonly driftMs: number;
  /** Where the channel's first sample lies, from the start of the recording. */
  readonly offsetMs: number;
  readonly gaps: readonly ReportGap[];
  /** When this party pressed keys, where they are not masked; which they were only where the recording's rule says that it may be told. */
  readonly keys?: readonly { readonly atMs: number; readonly ms: number; readonly key?: string }[];
  /** When this party pressed keys, where they are masked: the channel is silent there, and which they were is nowhere. */
  readonly maskedKeys?: readonly { readonly atMs: number; readonly ms: number }[];
}

export interface Report {
  readonly recordingId: string;
  readonly sessionId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly sampleRate: number;
  readonly state: RecordingState;
  /** A sentence: why the state is what it is. */
  readonly reason: string;
  /** What is wrong with keys that were sent for it and are of no use. */
  readonly keysRefused?: readonly string[];
  readonly captures: readonly ReportCapture[];
  /** The caller first. */
  readonly channels: readonly ReportChannel[];
  /** Who asked for what while the call ran, in order. Absent in reports of versions that knew none of it. */
  readonly control?: readonly { readonly at: string; readonly command: string; readonly by: string }[];
  /** What was noted on the call while it ran. */
  readonly tags?: Readonly<Record<string, string>>;
  /** For how long it is kept: a class of the configuration, and ISO 8601 where that has an end. */
  readonly retention?: { readonly class: string; readonly keepUntil?: string };
}
