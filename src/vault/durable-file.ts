/**
 * Files that are seen whole or not at all, also after a power cut.
 *
 * A file is written under a temporary name, synced, given its name, and then its folder is synced. A crash
 * before the naming leaves a temporary file that nobody reads; after it, the whole file.
 *
 * Owns       temporary names and the order of write, sync, name, sync.
 * Leaves to  callers what is in the file, and turning disk errors into a Failure.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from './disk-advice.js';

/** No file or object may begin with this: it marks what is not there yet. */
export const temporaryPrefix = '.tmp-';

/** A file in the making. Its owner publishes or discards it; both close the handle. */
export interface Temporary {
  readonly path: string;
  /** Writes all of `bytes` at the end. */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Gives the file its name. `replace` takes the place of what has that name, `keep` leaves it.
   * False: something had the name and was kept.
   */
  publish(target: string, existing: 'replace' | 'keep'): Promise<boolean>;
  /** Removes the file unless it was published. Never throws: there is nothing left to save. */
  discard(): Promise<void>;
}

/** `folder` must be on the same file system as the later target. */
export async function openTemporary(folder: string, mode: number): Promise<Temporary> {
  const path = join(folder, temporaryPrefix + randomBytes(12).toString('hex'));
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await handle.close();
  };
  return {
    path,
    write: (bytes) => writeAll(handle, bytes),
    async publish(target, existing) {
      // The mode asked for, whatever the umask took of it.
      await handle.chmod(mode);
      await handle.sync();
      await close();
      const folderOfTarget = dirname(target);
      await makeFolder(folderOfTarget);
      const placed = existing === 'replace' ? await rename(path, target).then(() => true) : await linkUnlessThere(path, target);
      await syncFolder(folderOfTarget);
      return placed;
    },
    async discard() {
      await close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
    },
  };
}

/** A small file, whole or not at all. False: `keep` was asked for and something had the name. */
export async function writeWhole(
  target: string,
  bytes: Uint8Array,
  how: { folder: string; mode: number; existing: 'replace' | 'keep' },
): Promise<boolean> {
  const temporary = await openTemporary(how.folder, how.mode);
  try {
    await temporary.write(bytes);
    return await temporary.publish(target, how.existing);
  } finally {
    await temporary.discard();
  }
}

/** Makes a folder and those above it, so that they outlive a power cut. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** Syncs a folder's list of names. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** write(2) may take fewer bytes than given, on a disk about to be full for one. */
async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done);
    done += bytesWritten;
  }
}

async function linkUnlessThere(path: string, target: string): Promise<boolean> {
  try {
    await link(path, target);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}
