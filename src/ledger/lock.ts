/**
 * The lock of a ledger folder: one process at a time.
 *
 * The file `<dir>.lock` holds, in lines of text: the process ID; the instant that process began, as
 * the kernel counts it (field 22 of /proc/PID/stat); a random word. The second line tells a holder
 * from a later process that was given the same number, which in a container is the rule: after a crash
 * everything begins at 1 again. Where there is no /proc the number alone decides. The third makes
 * every lock ever taken a different one.
 *
 * Invariant 1  a lock file appears whole: it is written aside, then linked.
 * Invariant 2  a living holder's file is removed by its holder only.
 * Invariant 3  a dead holder's file is removed only by who holds the guard of that very file, which is
 *              a lock named after its content. Without it, two who found the same dead lock could each
 *              remove what the other had just put in its place.
 */
import { createHash, randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { Failure, messageOf } from '../errors/index.js';

export interface FolderLock {
  release(): Promise<void>;
}

const maxAttempts = 10;

/** Failure LEDGER_LOCKED, naming the process, when it is held; LEDGER_UNAVAILABLE when the file cannot be written. */
export const lockFolder = async (dir: string): Promise<FolderLock> => {
  const path = `${dir}.lock`;
  const word = randomUUID();
  const mine = `${process.pid}\n${await beganOf(process.pid)}\n${word}\n`;
  const aside = `${path}.${word}`;
  try {
    await writeFile(aside, mine, { flag: 'wx', mode: 0o600 });
    const pid = await take(path, path, aside, mine);
    if (pid === undefined) return { release: () => removeIfStill(path, mine) };
    throw new Failure(
      'LEDGER_LOCKED',
      `the ledger in ${dir} is in use by process ${pid}: stop that one, or give this one a ledger folder of its own`,
      { facts: { pid } },
    );
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure('LEDGER_UNAVAILABLE', `the lock file ${path} cannot be written: ${messageOf(cause)}`, { cause });
  } finally {
    await rm(aside, { force: true });
  }
};

/** Links `aside` to `file`; returns the living process that has it instead, if one has. */
const take = async (path: string, file: string, aside: string, mine: string): Promise<number | undefined> => {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    if (await linked(aside, file)) return undefined;
    const held = await contentOf(file);
    if (held === undefined) continue;
    const holder = await livingHolder(held);
    if (holder !== undefined) return holder;
    const guard = `${path}.${createHash('sha256').update(held).digest('hex').slice(0, 32)}`;
    const heir = await take(path, guard, aside, mine);
    if (heir !== undefined) return heir;
    await removeIfStill(file, held);
    await removeIfStill(guard, mine);
  }
  throw new Failure('LEDGER_LOCKED', `${path} changes hands too fast: let only one process use this ledger`);
};

const linked = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
};

const removeIfStill = async (file: string, content: string): Promise<void> => {
  if ((await contentOf(file)) === content) await rm(file, { force: true });
};

const livingHolder = async (content: string): Promise<number | undefined> => {
  const [pidLine = '', began = ''] = content.split('\n');
  const pid = Number.parseInt(pidLine, 10);
  if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  const beganNow = await beganOf(pid);
  return began === '' || beganNow === '' || began === beganNow ? pid : undefined;
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
};

/** Empty when it cannot be known. The name in field 2 may hold blanks and brackets, so count from its end. */
const beganOf = async (pid: number): Promise<string> => {
  const stat = await contentOf(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
};

const contentOf = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return undefined;
    throw error;
  }
};

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
