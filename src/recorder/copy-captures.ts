/**
 * Captures of a recorder that may still write them, copied to a folder beside: what they held at that moment, whole.
 *
 * Nothing in the recorder's own folder is changed. What was in its journal alone is put into the copies.
 *
 * Owns       the copy's folder, until it is given away whole; one that fails is removed.
 * Leaves to  capture/ the journal; recover-another.ts which captures, and the ledger.
 */
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { replayJournals } from '../capture/index.js';
import { syncFolder } from '../vault/index.js';
import { copyFolder } from './capture-folder.js';

/** A recorder that hangs and comes back so often leaves a mess that somebody should look at. */
const mostCopies = 1_000;

const isSegment = (name: string): boolean => name.startsWith('journal-');

/** The folder with the copies of these files; one that is gone meanwhile is not among them. @throws Error of node's fs. */
export async function copyCaptures(folder: string, names: readonly string[]): Promise<string> {
  const copy = await newFolder(folder);
  try {
    // The journal first: what is taken out of it meanwhile is in the files.
    for (const name of (await readdir(folder)).filter(isSegment).sort()) await copyIfThere(folder, copy, name);
    for (const name of names) await copyIfThere(folder, copy, name);
    await replayJournals(copy);
    for (const name of await readdir(copy)) {
      if (names.includes(name)) await sync(join(copy, name));
      else await rm(join(copy, name));
    }
    await syncFolder(copy);
    await syncFolder(dirname(copy));
    return copy;
  } catch (error) {
    await removeCopy(copy);
    throw error;
  }
}

/** As far as it holds nothing but what was copied. */
export async function removeCopy(copy: string): Promise<void> {
  for (const name of await readdir(copy).catch(() => [])) {
    if (isSegment(name) || name.endsWith('.capture')) await rm(join(copy, name), { force: true }).catch(() => undefined);
  }
  await rmdir(copy).catch(() => undefined);
}

async function newFolder(folder: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const copy = copyFolder(folder, number);
    try {
      await mkdir(copy, { mode: 0o700 });
      return copy;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || number === mostCopies) throw error;
    }
  }
}

async function copyIfThere(from: string, to: string, name: string): Promise<void> {
  // Where the file system can share the bytes, it does.
  await copyFile(join(from, name), join(to, name), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

async function sync(path: string): Promise<void> {
  const handle = await open(path);
  await handle.datasync().finally(() => handle.close());
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
