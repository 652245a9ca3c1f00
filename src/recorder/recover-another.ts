/**
 * What another recorder has left that is gone: copies of its captures stand for them.
 *
 * It may be dead, or hang, or be cut off and still write. So nothing of its own is touched, and when it comes back and
 * closes a capture, that takes the place of the copy (Ledger.captureCopied).
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../errors/index.js';
import type { Ledger } from '../ledger/index.js';
import { diskAdvice, errnoOf } from '../vault/index.js';
import { readCaptureFileName } from './capture-name.js';
import { copyCaptures } from './copy-captures.js';
import type { Recovered } from './recover.js';

export interface RecoverAnotherOptions {
  readonly recorder: string;
  /** Where it writes its captures. */
  readonly folder: string;
  readonly ledger: Pick<Ledger, 'capturesLeftOpen' | 'unknownCaptures' | 'captureOpened' | 'captureCopied'>;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** Asked of the ledger at once. */
const idsAtOnce = 1_000;

/**
 * To be called by who has the claim. Returns the captures that a copy stands for now.
 *
 * @throws Failure CAPTURE_WRITE where they cannot be copied: nothing has changed then.
 */
export async function recoverAnother({ recorder, folder, ledger, now }: RecoverAnotherOptions): Promise<readonly Recovered[]> {
  const open = (await ledger.capturesLeftOpen(recorder)).filter(({ state, moreFollows }) => state === 'open' || moreFollows === true);
  const files = (await readdir(folder)).flatMap((name) => {
    const file = readCaptureFileName(name);
    return file === undefined ? [] : [{ ...file, name }];
  });
  const unknown = new Set<string>();
  for (let from = 0; from < files.length; from += idsAtOnce) {
    for (const id of await ledger.unknownCaptures(files.slice(from, from + idsAtOnce).map(({ captureId }) => captureId))) unknown.add(id);
  }
  const openIds = new Set(open.map(({ captureId }) => captureId));
  const wanted = files.filter(({ captureId }) => openIds.has(captureId) || unknown.has(captureId));
  const copy = wanted.length === 0 ? folder : await copied(folder, wanted.map(({ name }) => name));
  const recovered: Recovered[] = [];
  for (const { captureId, sessionId, name } of wanted) {
    const own = join(folder, name);
    const path = join(copy, name);
    const bytes = await sizeOf(path);
    // It was removed meanwhile.
    if (bytes === undefined) continue;
    if (unknown.has(captureId)) await ledger.captureOpened({ captureId, sessionId, recorder, path: own, openedAtMs: now() });
    if (await ledger.captureCopied(captureId, { path, atMs: now(), bytes })) recovered.push({ captureId, sessionId });
  }
  // Of these there is nothing to copy; they must not keep waiting what others have of the same calls.
  const found = new Set(wanted.map(({ captureId }) => captureId));
  for (const { captureId, sessionId, path } of open.filter((capture) => !found.has(capture.captureId))) {
    if (await ledger.captureCopied(captureId, { path, atMs: now(), bytes: (await sizeOf(path)) ?? 0 })) recovered.push({ captureId, sessionId });
  }
  return recovered;
}

const copied = (folder: string, names: readonly string[]): Promise<string> =>
  copyCaptures(folder, names).catch((cause: unknown) => {
    throw new Failure('CAPTURE_WRITE', `the captures of a recorder that is gone, in ${folder}, cannot be copied: ${diskAdvice(cause)}.`, {
      cause,
      facts: { path: folder, errno: errnoOf(cause) },
    });
  });

const sizeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
