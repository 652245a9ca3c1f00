/**
 * What a recorder that died has left: captures without an end.
 *
 * A capture is found by the ledger's open entries and by the files themselves, so nothing is missed
 * when the recorder died before the ledger knew of it. The files are not changed: the stitcher reads
 * them up to their last whole chunk.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ledger } from '../ledger/index.js';
import { readCaptureFileName } from './capture-name.js';

export interface Recovered {
  readonly captureId: string;
  readonly sessionId: string;
}

export interface RecoverOptions {
  readonly recorder: string;
  readonly captureDir: string;
  readonly ledger: Pick<Ledger, 'captureOpened' | 'captureClosed' | 'capturesLeftOpen' | 'find'>;
}

/** To be called before the first session opens. Returns the captures that were recovered. */
export async function recoverCaptures({ recorder, captureDir, ledger }: RecoverOptions): Promise<readonly Recovered[]> {
  const recovered: Recovered[] = [];
  for (const capture of await ledger.capturesLeftOpen(recorder)) {
    const bytes = await sizeOf(capture.path);
    await ledger.captureClosed(capture.captureId, { state: 'cut', atMs: Date.now(), packets: 0, bytes });
    recovered.push({ captureId: capture.captureId, sessionId: capture.sessionId });
  }
  for (const name of await namesIn(captureDir)) {
    const file = readCaptureFileName(name);
    if (file === undefined) continue;
    const known = await ledger.find(file.sessionId);
    if (known?.captures.some((capture) => capture.captureId === file.captureId) === true) continue;
    const path = join(captureDir, name);
    const { size, birthtimeMs, mtimeMs } = await stat(path);
    await ledger.captureOpened({ ...file, recorder, path, openedAtMs: birthtimeMs });
    await ledger.captureClosed(file.captureId, { state: 'cut', atMs: mtimeMs, packets: 0, bytes: size });
    recovered.push(file);
  }
  return recovered;
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

const namesIn = (dir: string): Promise<string[]> => readdir(dir).catch(() => []);
