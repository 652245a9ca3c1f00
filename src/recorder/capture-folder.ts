/**
 * The folder of a recorder's captures, named for it, and the folders beside that hold copies of them (recover-another.ts):
 * `<captures>/<name>` and `<captures>/<name>~<n>`.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/** Another folder for each name of a recorder, whatever is in the name. */
export function captureFolderName(recorder: string): string {
  const plain = recorder.replace(/^\.|[^-.\w]/gu, '_');
  return plain === recorder ? plain : `${plain}-${createHash('sha256').update(recorder).digest('hex').slice(0, 8)}`;
}

export const copyFolder = (folder: string, number: number): string => `${folder}~${number}`;

/** Of the names in the folder above, the paths of those that hold copies of this one's captures. */
export const copiesAmong = (names: readonly string[], folder: string): string[] =>
  names.filter((name) => name.startsWith(`${basename(folder)}~`) && /~\d+$/u.test(name)).map((name) => join(dirname(folder), name));
