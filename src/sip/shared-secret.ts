/** A secret shared with a server, drachtio-server or FreeSWITCH: out of the configuration, or out of the file that it names. */
import { readFile } from 'node:fs/promises';
import { Failure, messageOf } from '../errors/index.js';

export interface SecretPlace {
  readonly secret?: string | undefined;
  readonly secretFile?: string | undefined;
}

/** Longer than any secret; a file beyond it is another file. */
const MAX_BYTES = 4_096;

/**
 * The file holds one line, the secret; white space around it is not part of it.
 * @throws Failure CONFIG_UNREADABLE when the file cannot be read or is none with a secret.
 */
export async function sharedSecret({ secret, secretFile }: SecretPlace, of = 'drachtio-server'): Promise<string> {
  if (secret !== undefined) return secret;
  const file = secretFile ?? '';
  const unreadable = (why: string, cause?: unknown): Failure =>
    new Failure('CONFIG_UNREADABLE', `the secret of ${of}, secretFile ${file}, cannot be read: ${why}`, { cause, facts: { file } });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(messageOf(error), error);
  }
  const found = text.trim();
  if (found === '') throw unreadable('the file is empty');
  if (text.length > MAX_BYTES || /[\r\n|]/u.test(found)) throw unreadable('it should hold one line with the secret, which has no "|"');
  return found;
}
