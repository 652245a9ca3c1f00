/**
 * What a person can do about an error of the disk.
 */

/** The errno name of an error of node's fs, such as `ENOSPC`. */
export const errnoOf = (cause: unknown): string | undefined =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;

/** A half sentence for a message: what the disk said and what to do about it. */
export function diskAdvice(cause: unknown): string {
  const errno = errnoOf(cause);
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space is left (${errno}); free some on that disk`;
    case 'EACCES':
    case 'EPERM':
      return `permission denied (${errno}); let this user write and read there`;
    case 'EROFS':
      return 'the file system is read-only (EROFS); mount it writable';
    case 'EIO':
      return 'the disk failed (EIO); check it and its cable, mount or controller';
    case 'EMFILE':
    case 'ENFILE':
      return `too many files are open (${errno}); raise the limit (ulimit -n, LimitNOFILE)`;
    case 'ENOENT':
      return 'there is no such file (ENOENT)';
    case undefined:
      return cause instanceof Error ? cause.message : String(cause);
    default:
      return `the operating system said ${errno}`;
  }
}
