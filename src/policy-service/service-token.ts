/** The bearer token of the policy service, out of the file that the configuration names. */
import { readFile } from 'node:fs/promises';
import { Failure, messageOf } from '../errors/index.js';

/** Longer than any token; a file beyond it is another file. */
const MAX_CHARS = 4_096;

/**
 * The file holds one line, the token; white space around it is not part of it.
 * @throws Failure CONFIG_UNREADABLE when the file cannot be read or is none with a token.
 */
export async function loadServiceToken(file: string): Promise<string> {
  const unreadable = (why: string, cause?: unknown): Failure =>
    new Failure('CONFIG_UNREADABLE', `the token of the policy service, tokenFile ${file}, cannot be read: ${why}`, { cause, facts: { file } });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(messageOf(error), error);
  }
  const token = text.trim();
  if (token === '') throw unreadable('the file is empty');
  // RFC 6750 §2.1 has fewer characters still; these are those that a header can carry.
  if (text.length > MAX_CHARS || !/^[\x21-\x7e]+$/u.test(token)) throw unreadable('it should hold one line with the token, without blanks');
  return token;
}
