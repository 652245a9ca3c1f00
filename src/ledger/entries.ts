/**
 * What the ledger keeps, and what it gives back: calls, captures, recordings, sessions.
 *
 * Instants are Unix time in milliseconds and may have a fraction. Text is kept as it comes, except
 * that U+0000 and lone surrogates, which PostgreSQL cannot hold, become U+FFFD.
 */
import type { RecordingState, Report } from './report.js';

export type CallState = 'ringing' | 'active' | 'ended';

export type CallOutcome = 'in-progress' | 'answered' | 'cancelled' | 'rejected' | 'failed' | 'refused' | 'interrupted';

/** A recording's state as far as it is known: `pending` until stitched, excluded or lost. */
export type ListedState = RecordingState | 'pending';

/** One dialog that entered at the trunk. */
export interface CallEntry {
  /** A UUID of ours, one per INVITE that enters. */
  readonly callId: string;
  readonly sessionId: string;
  readonly trunk: string;
  /** URI of the caller. */
  readonly from: string;
  /** URI of the callee. */
  readonly to: string;
  readonly startedAtMs: number;
  readonly answeredAtMs?: number;
  readonly endedAtMs?: number;
  readonly outcome: CallOutcome;
  /** The final SIP status, when there was one. */
  readonly sipStatus?: number;
  readonly recording: ListedState;
  readonly reason: string;
  /** What the parties were told of being recorded, and why not; absent when nothing was to be told. */
  readonly announced?: string;
  /** Which proxy carried it. */
  readonly node: string;
  /** Absent for a call that was not to be recorded. */
  readonly retention?: Retention;
  /** What was noted on the call while it ran; told at its end. */
  readonly tags?: Tags;
  /** In the order of time; told at its end. Absent when there was none. */
  readonly unrecorded?: readonly Unrecorded[];
}

/** A stretch of a call in which it had no recorder, or a new one took over: what of it is missing, is missing for this reason. */
export interface Unrecorded {
  readonly fromMs: number;
  readonly toMs: number;
  /** False: it lasted to the end of the call. */
  readonly resumed: boolean;
  readonly reason: string;
}

/** A class of the configuration; without `untilMs` it is kept without an end. */
export interface Retention {
  readonly class: string;
  readonly untilMs?: number;
}

/** Values by name. */
export type Tags = Readonly<Record<string, string>>;

/** `recording` may say at once that a rule excludes the call; `pending` when absent. */
export type NewCall = Pick<CallEntry, 'callId' | 'sessionId' | 'trunk' | 'from' | 'to' | 'startedAtMs' | 'node'> &
  Partial<Pick<CallEntry, 'recording' | 'reason' | 'retention'>>;

export interface CallEnd {
  readonly atMs: number;
  readonly outcome: Exclude<CallOutcome, 'in-progress'>;
  readonly sipStatus?: number | undefined;
  /** Absent: the stitcher will say. Ignored when the session has its recording already. */
  readonly recording?: ListedState | undefined;
  /** Goes with `recording`; it does not replace the reason of a state settled before. */
  readonly reason: string;
  readonly tags?: Tags;
  readonly announced?: string | undefined;
  readonly unrecorded?: readonly Unrecorded[];
}

/** What one recorder took in of one call. */
export interface CaptureEntry {
  readonly captureId: string;
  readonly sessionId: string;
  readonly recorder: string;
  readonly path: string;
  readonly openedAtMs: number;
  readonly closedAtMs?: number;
  /** `cut`: its recorder died before it could close the file, or could not write on. */
  readonly state: 'open' | 'closed' | 'cut';
  /** Why it was cut; empty when its recorder died. */
  readonly reason: string;
  /** What its recorder has acknowledged of it is not all in the file yet: the recorder's disk did not take it. Absent: no. */
  readonly moreFollows?: boolean;
  readonly packets: number;
  readonly bytes: number;
}

export type NewCapture = Pick<CaptureEntry, 'captureId' | 'sessionId' | 'recorder' | 'path' | 'openedAtMs'>;

/** What of a capture was copied away from a recorder that is gone. */
export interface CaptureCopy {
  readonly path: string;
  readonly atMs: number;
  readonly bytes: number;
}

/** A sign of life. */
export interface RecorderBeat {
  readonly recorder: string;
  /** Another one for each start of it. */
  readonly run: string;
  /** Where its captures are. */
  readonly folder: string;
}

export type GoneRecorder = Pick<RecorderBeat, 'recorder' | 'folder'>;

export interface CaptureEnd {
  readonly state: 'closed' | 'cut';
  /** Why it was cut. */
  readonly reason?: string | undefined;
  readonly moreFollows?: boolean;
  readonly atMs: number;
  readonly packets: number;
  readonly bytes: number;
}

/** The stitched result of all captures of one session. */
export interface RecordingEntry {
  readonly recordingId: string;
  readonly sessionId: string;
  readonly state: RecordingState;
  readonly reason: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly caller: string;
  readonly callee: string;
  readonly objectName: string;
  /** BLAKE2b-256 of the sealed bytes, hexadecimal. */
  readonly digest: string;
  readonly report: Report;
  readonly sealedBytes: number;
  /**
   * When the stitcher took its list of captures: one that closes later, or that the ledger learns of
   * only after this entry, asks for another stitch.
   */
  readonly stitchedAtMs: number;
  /**
   * The captures that it was made of, as they were listed: one that has ended anew since asks for another stitch. Absent:
   * those that had closed by `stitchedAtMs`.
   */
  readonly takenIn?: readonly Pick<CaptureEntry, 'captureId' | 'closedAtMs'>[];
  /** How many stretches without a recorder were known to it; one that is told later asks for another stitch. */
  readonly unrecorded?: number;
  /**
   * The captures that it was made of are discarded: the ledger forgets them. Their files are removed afterwards, so
   * that a kill in between leaves files that the next start finds, and no entries without a file.
   */
  readonly capturesDiscarded?: boolean;
}

export interface StitchJob {
  readonly sessionId: string;
  /** All of the session, oldest first, none open. */
  readonly captures: readonly CaptureEntry[];
  /** SRTP keys that came for it by themselves, sealed, oldest first. */
  readonly sealedKeys: readonly Uint8Array[];
  /** Of all its calls. */
  readonly unrecorded: readonly Unrecorded[];
}

export interface ListFilter {
  readonly limit: number;
  /** Only what started before this instant. */
  readonly before?: number | undefined;
  /** With `before`: also what started at that very instant and sorts below this session ID. */
  readonly beforeSession?: string | undefined;
  readonly state?: ListedState | undefined;
  /** A part of the caller's or callee's address, in any case. */
  readonly party?: string | undefined;
  /** Only those with a tag of this name, and of this value if one is given. */
  readonly tag?: { readonly name: string; readonly value?: string } | undefined;
}

/** One session as `twintrack list` shows it, recorded or not. */
export interface Listed {
  readonly sessionId: string;
  /** Absent as long as there is no recording. */
  readonly recordingId?: string;
  readonly state: ListedState;
  readonly reason: string;
  readonly startedAtMs: number;
  /** Of the recording. */
  readonly durationMs?: number;
  /** Empty when only a capture is known yet. */
  readonly caller: string;
  readonly callee: string;
  /** Absent for a session that came by SIPREC from elsewhere, of which we carried no call. */
  readonly callState?: CallState;
  /** Of the recording, before there is one of the call; absent when nothing was to be recorded. */
  readonly retention?: Retention;
  /** What was noted on the call, known once it has ended; absent when there is none. */
  readonly tags?: Tags;
}

export interface Found extends Listed {
  readonly report?: Report;
  /** Where the recording rests and what it was when it was put there. */
  readonly recording?: Pick<RecordingEntry, 'objectName' | 'digest' | 'sealedBytes' | 'stitchedAtMs'>;
  readonly calls: readonly CallEntry[];
  readonly captures: readonly CaptureEntry[];
}

export interface LedgerCounts {
  readonly sessions: Readonly<Record<ListedState, number>>;
  readonly callsInProgress: number;
  readonly capturesOpen: number;
  /** Sessions that wait for the stitcher, those between two tries included. */
  readonly toStitch: number;
}
