export { encodePairedBy, parsePairedBy, type CaptureCodec, type CaptureControl, type CaptureEvent, type CaptureStream, type PairedBy } from './event.js';
export { diskThread } from './disk-thread.js';
export { CaptureJournal, type JournalOptions } from './journal.js';
export { replayJournals } from './replay-journals.js';
export type { CaptureRecord, RecordCursor } from './format.js';
export type { CaptureFile } from './capture-file.js';
export { readCapture, readCaptureChunks, type CaptureOutcome, type CaptureReading, type CutCause } from './reader.js';
export {
  openCaptureWriter,
  writeCapture,
  type CaptureBegin,
  type CaptureStats,
  type CaptureSummary,
  type CaptureWriter,
  type CaptureWriterOptions,
} from './writer.js';
