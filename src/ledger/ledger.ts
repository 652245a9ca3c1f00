/**
 * The ledger: every call, capture and recording, and what became of it.
 *
 * A promise that resolves is kept: what it entered survives the death of the process. Every entry may
 * be repeated after a failure. Who enters calls does not wait for them (recording never harms the call).
 *
 * Owns       what is written, and in which transaction.
 * Leaves to  sql.ts's members how a database is reached.
 */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../errors/index.js';
import { callAnswered, callBegan, callEnded, interruptCalls, loseUncaptured } from './calls.js';
import { captureClosed, captureCopied, captureOpened, capturesLeftOpen, captureWhole, unknownCaptures } from './captures.js';
import type {
  CallEnd,
  CaptureCopy,
  CaptureEnd,
  CaptureEntry,
  Found,
  GoneRecorder,
  LedgerCounts,
  Listed,
  ListFilter,
  NewCall,
  NewCapture,
  RecorderBeat,
  RecordingEntry,
  StitchJob,
} from './entries.js';
import { findSession, putRecording } from './recordings.js';
import { claimRecovery, recorderBeat, recorderEnded, recorderFolders, recordersGone, recoveryEnded, silenceOfOther, unusedCopies } from './recorder-beats.js';
import { keysCame } from './session-keys.js';
import { countSessions, listSessions } from './sessions.js';
import type { Sql } from './sql.js';
import { renewClaim } from './stitch-claims.js';
import { sessionsToStitch, stitchFailed } from './stitch-queue.js';

/**
 * Every function fails with Failure LEDGER_UNAVAILABLE when the database does not answer, or not in
 * time. Those that name a call or a capture fail with RECORDING_UNKNOWN when it was never entered.
 */
export interface Ledger {
  callBegan(call: NewCall): Promise<void>;
  callAnswered(callId: string, atMs: number): Promise<void>;
  callEnded(callId: string, end: CallEnd): Promise<void>;
  captureOpened(capture: NewCapture): Promise<void>;
  captureClosed(captureId: string, end: CaptureEnd): Promise<void>;
  /** What had not come when it closed is in its file now. False where there is no such capture, or it is open. */
  captureWhole(captureId: string, whole: Pick<CaptureEnd, 'atMs' | 'bytes'>): Promise<boolean>;
  /** At start: what this node left in progress when it died becomes `interrupted`. Returns how many calls. */
  interruptCalls(node: string, atMs: number): Promise<number>;
  /** Calls of this node that ended until then, are to be recorded and have no capture are lost, for this reason. Returns how many. */
  loseUncaptured(node: string, endedUntilMs: number, reason: string): Promise<number>;
  /**
   * At start: the captures that this recorder left open, for it to close as `cut`; those that are `cut` have a copy that
   * stands for them until it does.
   */
  capturesLeftOpen(recorder: string): Promise<CaptureEntry[]>;
  /**
   * SRTP keys for a session, sealed for the vault: kept until it is stitched, or stitched again because of them.
   * How many it has now. Failure KEYS_UNUSABLE when they are too many: none of them was taken.
   */
  keysCame(sessionId: string, sealed: readonly Uint8Array[]): Promise<number>;
  /** A copy stands for a capture that is still open, until its own recorder closes it. Whether it was open. */
  captureCopied(captureId: string, copy: CaptureCopy): Promise<boolean>;
  /** Those of these IDs that were never entered. */
  unknownCaptures(captureIds: readonly string[]): Promise<string[]>;
  /** A recorder is alive. */
  recorderBeat(beat: RecorderBeat): Promise<void>;
  /** It has closed all of its captures and goes. */
  recorderEnded(recorder: string, run: string): Promise<void>;
  /** For how long another run of this recorder has been silent; undefined when there is none, or it has ended. */
  silenceOfOther(recorder: string, run: string): Promise<number | undefined>;
  /** Recorders that have been silent for so long, have not ended, and of whom nobody has recovered or recovers what they left. */
  recordersGone(silentForMs: number): Promise<GoneRecorder[]>;
  /** All that were ever heard of. */
  recorderFolders(): Promise<GoneRecorder[]>;
  /** Whether it is ours to recover what this one left; it is nobody else's then until we say that it has ended, or ten minutes have gone. */
  claimRecovery(recorder: string, silentForMs: number): Promise<boolean>;
  recoveryEnded(recorder: string, done: boolean): Promise<void>;
  /** Of these folders with copies the ones in which no capture lies that the ledger has, and none is being put. */
  unusedCopies(folders: readonly { readonly recorder: string; readonly copy: string }[]): Promise<string[]>;
  /**
   * Sessions with a capture that no recording has taken in yet, none of them open; longest waiting first. They are ours
   * until a recording is put or the stitch has failed, as long as we say within five minutes that we are still at it.
   */
  sessionsToStitch(limit: number): Promise<StitchJob[]>;
  stillStitching(sessionId: string): Promise<void>;
  /** Enters or replaces by `recordingId`, and settles the recording state of the session's calls. */
  putRecording(entry: RecordingEntry): Promise<void>;
  /** Counts a try; with the fifth the session is given up and its calls are lost, with this reason. */
  stitchFailed(sessionId: string, reason: string, atMs: number): Promise<void>;
  /** One entry per session, recorded or not, newest first. */
  recordings(filter: ListFilter): Promise<Listed[]>;
  /** By recording or session ID. */
  find(id: string): Promise<Found | undefined>;
  counts(): Promise<LedgerCounts>;
  /** Does not fail: a ledger that does not answer is not ok. */
  health(): Promise<{ ok: boolean; detail: string }>;
  close(): Promise<void>;
}

/** A ledger over a database whose schema is up to date. It owns `sql`. `claimant`: who claims by it. */
export const createLedger = (sql: Sql, now: () => number, claimant: string = randomUUID()): Ledger => ({
  callBegan: (call) => callBegan(sql, call),
  callAnswered: (callId, atMs) => callAnswered(sql, callId, atMs),
  callEnded: (callId, end) => callEnded(sql, callId, end),
  captureOpened: (capture) => captureOpened(sql, capture),
  captureClosed: (captureId, end) => captureClosed(sql, captureId, end),
  captureWhole: (captureId, whole) => captureWhole(sql, captureId, whole),
  interruptCalls: (node, atMs) => interruptCalls(sql, node, atMs),
  loseUncaptured: (node, endedUntilMs, reason) => loseUncaptured(sql, node, endedUntilMs, reason),
  capturesLeftOpen: (recorder) => capturesLeftOpen(sql, recorder),
  keysCame: (sessionId, sealed) => keysCame(sql, sessionId, sealed, now()),
  captureCopied: (captureId, copy) => captureCopied(sql, captureId, copy),
  unknownCaptures: (captureIds) => unknownCaptures(sql, captureIds),
  recorderBeat: (beat) => recorderBeat(sql, beat),
  recorderEnded: (recorder, run) => recorderEnded(sql, recorder, run),
  silenceOfOther: (recorder, run) => silenceOfOther(sql, recorder, run),
  recordersGone: (silentForMs) => recordersGone(sql, silentForMs),
  recorderFolders: () => recorderFolders(sql),
  claimRecovery: (recorder, silentForMs) => claimRecovery(sql, recorder, silentForMs, claimant),
  recoveryEnded: (recorder, done) => recoveryEnded(sql, recorder, done, claimant),
  unusedCopies: (folders) => unusedCopies(sql, folders),
  sessionsToStitch: (limit) => sessionsToStitch(sql, limit, now(), claimant),
  stillStitching: (sessionId) => renewClaim(sql, sessionId, claimant),
  putRecording: (entry) => putRecording(sql, entry),
  stitchFailed: (sessionId, reason, atMs) => stitchFailed(sql, sessionId, reason, atMs),
  recordings: (filter) => listSessions(sql, filter),
  find: (id) => findSession(sql, id),
  counts: () => countSessions(sql),
  health: async () => {
    const askedAtMs = performance.now();
    try {
      await sql.query('select 1');
      return { ok: true, detail: `answers in ${(performance.now() - askedAtMs).toFixed(1)} ms` };
    } catch (error) {
      return { ok: false, detail: messageOf(error) };
    }
  },
  close: () => sql.close(),
});
