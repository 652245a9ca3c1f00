export { openLedger, type LedgerOptions } from './open-ledger.js';
export type { LedgerObserver } from './kept-entries.js';
export type { Ledger } from './ledger.js';
export type {
  CallEnd,
  CallEntry,
  CallOutcome,
  CallState,
  CaptureCopy,
  CaptureEnd,
  CaptureEntry,
  Found,
  GoneRecorder,
  LedgerCounts,
  Listed,
  ListedState,
  ListFilter,
  NewCall,
  NewCapture,
  RecorderBeat,
  RecordingEntry,
  Retention,
  StitchJob,
  Tags,
  Unrecorded,
} from './entries.js';
export { listedStates } from './sessions.js';
export type { GapCause, RecordingState, Report, ReportCapture, ReportChannel, ReportGap } from './report.js';
export { ledgerSchema } from './settings.js';
