/**
 * For tests: a disk that takes no more, for one process alone and without anybody's rights.
 *
 * Linux's limit on the size of files (setrlimit(2), RLIMIT_FSIZE): what would write beyond it fails with EFBIG.
 * Files that are longer already can't be written at their end; pipes and sockets are not touched.
 */
import { spawnSync } from 'node:child_process';

const nothing = (): void => undefined;

/** From now on no file of the process may grow beyond so many bytes; undefined: as it was. */
export function limitFiles(pid: number, bytes: number | undefined): void {
  // Node ignores the signal that comes with it; tap would end a test for it, unless somebody else listens.
  if (pid === process.pid && process.listenerCount('SIGXFSZ', nothing) === 0) process.on('SIGXFSZ', nothing);
  const limit = `${bytes ?? 'unlimited'}:unlimited`;
  const { status, stderr, error } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${limit}`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`prlimit (util-linux) could not limit the files of ${pid}: ${error?.message ?? stderr}`);
}
