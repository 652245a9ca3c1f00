/**
 * Recordings out of files of packets: several files are one capture, in the order of time.
 *
 * Owns       the files, their order, the folder for what is on its way.
 * Leaves to  ingestion.ts the packets.
 */
import { basename } from 'node:path';
import { ephemeralKeys } from '../vault/index.js';
import type { IngestedCall } from './finished-call.js';
import { Ingestion, type UnclaimedStream } from './ingestion.js';
import { InputFile, type FileSummary } from './input-file.js';
import type { GivenKey } from './keys-file.js';
import type { Loss } from './losses.js';
import { openRecordingFolder } from './recording-folder.js';
import type { RtpRule } from './rtp-rules.js';
import { openWorkspace } from './workspace.js';

export interface IngestOptions {
  readonly files: readonly string[];
  readonly outDir: string;
  readonly keys: readonly GivenKey[];
  readonly rules: readonly RtpRule[];
  readonly onCall: (call: IngestedCall) => void;
  /** Told now and then. */
  readonly onProgress?: (progress: IngestProgress) => void;
  /** Where captures are on their way; the system's folder for temporary files otherwise. */
  readonly workParent?: string;
  /** Given a function that removes what is on its way, for a process that is told to end. */
  readonly onWorkspace?: (remove: () => void) => void;
}

export interface IngestProgress {
  readonly bytesRead: number;
  readonly bytes: number;
  readonly packets: number;
  readonly calls: number;
}

export interface IngestSummary {
  readonly files: readonly FileSummary[];
  readonly calls: number;
  readonly packets: number;
  readonly lost: Partial<Record<Loss, number>>;
  /** The same in words. */
  readonly lostWords: readonly string[];
  readonly unclaimed: readonly UnclaimedStream[];
}

const progressEveryPackets = 4_096;

/** Failure INGEST_INPUT before anything is written; INGEST_OUTPUT, CAPTURE_WRITE when a disk takes no more. */
export async function ingest(options: IngestOptions): Promise<IngestSummary> {
  const files: InputFile[] = [];
  try {
    for (const path of options.files) files.push(await InputFile.open(path));
    const folder = await openRecordingFolder(options.outDir);
    const workspace = await openWorkspace(options.workParent);
    options.onWorkspace?.(() => workspace.remove());
    try {
      const ingestion = new Ingestion({ workDir: workspace.dir, keys: await ephemeralKeys(), folder, given: options.keys, rules: options.rules, onCall: options.onCall });
      try {
        await run(files, ingestion, options.onProgress);
        const unclaimed = await ingestion.finish();
        const packets = files.reduce((sum, file) => sum + file.packets, 0);
        return { files: files.map(({ summary }) => summary), calls: ingestion.calls, packets, lost: ingestion.losses.toJSON(), lostWords: ingestion.losses.lines(), unclaimed };
      } finally {
        await ingestion.close();
      }
    } finally {
      workspace.remove();
    }
  } finally {
    for (const file of files) await file.close();
  }
}

async function run(files: readonly InputFile[], ingestion: Ingestion, onProgress: IngestOptions['onProgress']): Promise<void> {
  const heads = files.map((file) => ({ file, name: basename(file.path) }));
  const running: (typeof heads)[number][] = [];
  for (const head of heads) if (await head.file.nextPiece()) running.push(head);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  for (let packets = 1; running.length > 0; packets += 1) {
    let next = running[0];
    for (const head of running) if (next !== undefined && head.file.reader.frame.atMs < next.file.reader.frame.atMs) next = head;
    if (next === undefined) return;
    const taking = ingestion.take(next.file.reader.frame, next.name);
    if (taking !== undefined) await taking;
    if (!next.file.next() && !(await next.file.nextPiece())) running.splice(running.indexOf(next), 1);
    if (packets % progressEveryPackets !== 0) continue;
    onProgress?.({ bytesRead: files.reduce((sum, file) => sum + file.bytesRead, 0), bytes, packets, calls: ingestion.calls });
    // Signals are heard only between turns.
    await new Promise(setImmediate);
  }
}
