/**
 * A folder for what is on its way, for this user alone. It is removed at the end; one whose process died before that is
 * removed by the next. What is in it is sealed for keys that died with the process.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../errors/index.js';
import { diskAdvice } from '../vault/index.js';

export interface Workspace {
  readonly dir: string;
  /** Also while the process ends. */
  remove(): void;
}

const prefix = 'twintrack-ingest-';

/** Failure INGEST_OUTPUT: it cannot be made. */
export async function openWorkspace(parent = tmpdir()): Promise<Workspace> {
  try {
    await removeLeft(parent);
    // Mode 0700.
    const dir = await mkdtemp(join(parent, `${prefix}${process.pid}-`));
    return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
  } catch (cause) {
    throw new Failure('INGEST_OUTPUT', `the folder for temporary files ${parent} cannot be used: ${diskAdvice(cause)}. TMPDIR names another.`, { cause, facts: { path: parent } });
  }
}

async function removeLeft(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(new RegExp(`^${prefix}(\\d+)-`, 'u').exec(name)?.[1] ?? Number.NaN);
    if (!Number.isInteger(pid) || isRunning(pid)) continue;
    const path = join(parent, name);
    // Another user's is not ours to remove, and one that somebody else removes at this moment is gone.
    const owner = await stat(path).then(({ uid }) => uid, () => undefined);
    if (owner === process.getuid?.()) await rm(path, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
