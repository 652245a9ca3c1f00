/** For tests: the captures of a running recorder as they would be found had it been killed now. */
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replayJournals } from './replay-journals.js';

/** Copies a folder of captures to one that is not there yet, and puts into the files what is in the journal only. Returns their names. */
export async function capturesAfterKill(folder: string, to: string): Promise<string[]> {
  await mkdir(to, { recursive: true });
  const isSegment = (name: string): boolean => name.startsWith('journal-');
  const names = await readdir(folder);
  // The journal first: what is taken out of it meanwhile is in the files.
  for (const name of [...names.filter(isSegment), ...names.filter((other) => !isSegment(other))]) {
    await copyFile(join(folder, name), join(to, name)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
  }
  await replayJournals(to);
  return readdir(to);
}
