/**
 * The ledger: every call, capture and recording, and what became of it.
 *
 * A promise that resolves is kept: what it entered survives the death of the process. Every entry may
 * be repeated after a failure. Who enters calls does not wait for them (recording never harms the call).
 *
 * Owns       what is written, and in which transaction.
 * Leaves to  sql.ts's members how a database is reached.
 */
import { messageOf } from '../errors/index.js';
import { callAnswered, callBegan, callEnded, interruptCalls, loseUncaptured } from './calls.js';
import { captureClosed, captureOpened, capturesLeftOpen } from './captures.js';
import type {
  CallEnd,
  CaptureEnd,
  CaptureEntry,
  Found,
  LedgerCounts,
  Listed,
  ListFilter,
  NewCall,
  NewCapture,
  RecordingEntry,
  StitchJob,
} from './entries.js';
import { findSession, putRecording } from './recordings.js';
import { keysCame } from './session-keys.js';
import { countSessions, listSessions } from './sessions.js';
import type { Sql } from './sql.js';
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
  /** At start: what this node left in progress when it died becomes `interrupted`. Returns how many calls. */
  interruptCalls(node: string, atMs: number): Promise<number>;
  /** Calls of this node that ended until then, are to be recorded and have no capture are lost, for this reason. Returns how many. */
  loseUncaptured(node: string, endedUntilMs: number, reason: string): Promise<number>;
  /** At start: the captures that this recorder left open, for it to close as `cut`. */
  capturesLeftOpen(recorder: string): Promise<CaptureEntry[]>;
  /**
   * SRTP keys for a session, sealed for the vault: kept until it is stitched, or stitched again because of them.
   * How many it has now. Failure KEYS_UNUSABLE when they are too many: none of them was taken.
   */
  keysCame(sessionId: string, sealed: readonly Uint8Array[]): Promise<number>;
  /** Sessions with a capture that no recording has taken in yet, none of them open; longest waiting first. */
  sessionsToStitch(limit: number): Promise<StitchJob[]>;
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

/** A ledger over a database whose schema is up to date. It owns `sql`. */
export const createLedger = (sql: Sql, now: () => number): Ledger => ({
  callBegan: (call) => callBegan(sql, call),
  callAnswered: (callId, atMs) => callAnswered(sql, callId, atMs),
  callEnded: (callId, end) => callEnded(sql, callId, end),
  captureOpened: (capture) => captureOpened(sql, capture),
  captureClosed: (captureId, end) => captureClosed(sql, captureId, end),
  interruptCalls: (node, atMs) => interruptCalls(sql, node, atMs),
  loseUncaptured: (node, endedUntilMs, reason) => loseUncaptured(sql, node, endedUntilMs, reason),
  capturesLeftOpen: (recorder) => capturesLeftOpen(sql, recorder),
  keysCame: (sessionId, sealed) => keysCame(sql, sessionId, sealed, now()),
  sessionsToStitch: (limit) => sessionsToStitch(sql, limit, now()),
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
