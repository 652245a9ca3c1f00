/**
 * The disk under a capture: a file that is only appended to.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../vault/index.js';
import { diskThread } from './disk-thread.js';
import { Turnstile } from './turnstile.js';

/** What a writer needs of a file; errors are those of node's fs. */
export interface CaptureFile {
  /** Appends all of `bytes`, which are the caller's again when it returns. */
  write(bytes: Buffer): Promise<void>;
  /** What was written outlives a power cut, the file's name included. */
  sync(): Promise<void>;
  close(): Promise<void>;
  /** Something that was written is not where a reader of the file finds it, and is put there later; absent: never so. */
  readonly moreFollows?: boolean;
}

/** Makes a new file at `path` for this user alone; there must be none (EEXIST). Its owner closes it. */
export async function createCaptureFile(path: string): Promise<CaptureFile> {
  return captureFileOn(await createCaptureHandle(path), dirname(path));
}

/** The same, as a handle that only appends. */
export function createCaptureHandle(path: string): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND } = constants;
  return open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600);
}

/** Of all captures of the process. */
const syncs = new Turnstile(2);

/** A capture file on a handle that is now its own, in `folder`. */
export function captureFileOn(handle: FileHandle, folder: string): CaptureFile {
  let named = false;
  let writing: Promise<unknown> = Promise.resolve();
  return {
    write(bytes) {
      const written = diskThread.write(handle.fd, Buffer.from(bytes));
      writing = written.catch(() => undefined);
      return written;
    },
    sync: () =>
      syncs.pass(async () => {
        await handle.datasync();
        if (!named) await syncFolder(folder);
        named = true;
      }),
    async close() {
      // Another file may come by its descriptor.
      await writing;
      await handle.close();
    },
  };
}
