/**
 * What a recorder that died has left, and finds at its next start: captures without an end.
 *
 * A capture is found by the ledger's open entries and by the files themselves, so nothing is missed
 * when the recorder died before the ledger knew of it. What is in the journal only is put into the files; the stitcher
 * reads them up to their last whole chunk.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { replayJournals } from '../capture/index.js';
import { Failure } from '../errors/index.js';
import type { Ledger } from '../ledger/index.js';
import { diskAdvice, errnoOf } from '../vault/index.js';
import { readCaptureFileName } from './capture-name.js';

export interface Recovered {
  readonly captureId: string;
  readonly sessionId: string;
}

export interface RecoverOptions {
  readonly recorder: string;
  readonly captureDir: string;
  /** Where captures lay before each recorder had a folder of its own. */
  readonly olderDir?: string;
  readonly ledger: Pick<Ledger, 'captureOpened' | 'captureClosed' | 'captureWhole' | 'capturesLeftOpen' | 'find'>;
}

/**
 * To be called before the first session opens. Returns the captures that were recovered.
 *
 * @throws Failure CAPTURE_WRITE where the disk does not take what is in the journal: nothing is lost, and it may be tried again.
 */
export async function recoverCaptures({ recorder, captureDir, olderDir, ledger }: RecoverOptions): Promise<readonly Recovered[]> {
  const folders = olderDir === undefined ? [captureDir] : [olderDir, captureDir];
  const late: string[] = [];
  for (const folder of folders) late.push(...(await replayed(folder)).map((name) => join(folder, name)));
  const recovered: Recovered[] = [];
  for (const capture of await ledger.capturesLeftOpen(recorder)) {
    const bytes = await sizeOf(capture.path);
    // What was copied while this one was gone is better than nothing.
    if (bytes === undefined && capture.state !== 'open') continue;
    if (capture.state === 'open') await ledger.captureClosed(capture.captureId, { state: 'cut', atMs: Date.now(), packets: 0, bytes: bytes ?? 0 });
    else await ledger.captureWhole(capture.captureId, { atMs: Date.now(), bytes: bytes ?? 0 });
    recovered.push({ captureId: capture.captureId, sessionId: capture.sessionId });
  }
  for (const path of (await Promise.all(folders.map(pathsIn))).flat()) {
    const file = readCaptureFileName(basename(path));
    if (file === undefined) continue;
    const known = await ledger.find(file.sessionId);
    if (known?.captures.some((capture) => capture.captureId === file.captureId) === true) continue;
    const { size, birthtimeMs, mtimeMs } = await stat(path);
    await ledger.captureOpened({ ...file, recorder, path, openedAtMs: birthtimeMs });
    await ledger.captureClosed(file.captureId, { state: 'cut', atMs: mtimeMs, packets: 0, bytes: size });
    recovered.push(file);
  }
  for (const path of late) {
    const file = readCaptureFileName(basename(path));
    if (file === undefined || recovered.some(({ captureId }) => captureId === file.captureId)) continue;
    if (await isWhole(ledger, path)) recovered.push(file);
  }
  return recovered;
}

/** Tells that a capture which was closed without all that it had taken in has it now: its session is stitched again. False where the ledger has no such capture. */
export async function isWhole(ledger: Pick<Ledger, 'captureWhole'>, path: string): Promise<boolean> {
  const file = readCaptureFileName(basename(path));
  return file !== undefined && (await ledger.captureWhole(file.captureId, { atMs: Date.now(), bytes: (await sizeOf(path)) ?? 0 }));
}

const replayed = (folder: string): Promise<readonly string[]> =>
  replayJournals(folder).catch((cause: unknown) => {
    throw new Failure('CAPTURE_WRITE', `what a recorder that died had taken in cannot be put into its captures in ${folder}: ${diskAdvice(cause)}.`, {
      cause,
      facts: { path: folder, errno: errnoOf(cause) },
    });
  });

const sizeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ size }) => size,
    () => undefined,
  );

const pathsIn = async (dir: string): Promise<string[]> => (await readdir(dir).catch(() => [])).map((name) => join(dir, name));
