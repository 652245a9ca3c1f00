/** `twintrack keys`: SRTP keys that come to a recording by themselves, sealed on the way and at rest. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Library, PublicKey } from '../api/index.js';
import { Failure, messageOf } from '../errors/index.js';
import { parseCryptoLine, singleKeyLines } from '../media/index.js';
import { sealSessionKey } from '../vault/index.js';
import { print, printJson } from './terminal.js';

const longestInput = 1 << 20;

export interface SealOptions {
  readonly session: string;
  readonly for?: 'caller' | 'callee';
}

/** Reads crypto lines, one a line, and prints what `send` and the API take. A key is never an argument, where others see it. */
export async function sealKeys(to: PublicKey, { session, for: side }: SealOptions, file: string): Promise<void> {
  const lines = (await readInput(file)).split(/\r?\n/u).map((line) => line.trim().replace(/^a=crypto:/u, '')).filter((line) => line !== '');
  if (lines.length === 0) throw new Failure('KEYS_UNUSABLE', 'there is no key: write one a line, as in a=crypto, such as "1 AES_CM_128_HMAC_SHA1_80 inline:…"');
  const sealed: string[] = [];
  for (const [at, crypto] of lines.entries()) {
    const parsed = singleKeyLines(crypto).map(parseCryptoLine).find((one) => typeof one === 'string');
    if (parsed !== undefined) throw new Failure('KEYS_UNUSABLE', `line ${at + 1} is no crypto line (RFC 4568): ${parsed}`);
    const box = await sealSessionKey({ sessionId: session, for: side, crypto }, { keyId: to.keyId, sealTo: Buffer.from(to.sealTo, 'base64'), verifyWith: new Uint8Array() });
    sealed.push(box.toString('base64'));
  }
  printJson({ keys: sealed });
}

/** Sends what `seal` printed. */
export async function sendKeys(library: Library, session: string, file: string): Promise<void> {
  const sealed = readSealed(await readInput(file));
  const known = await library.sendKeys(session, sealed);
  print(`${sealed.length} sent; the session has ${known}. \`twintrack show ${session}\` says what became of its recording.`);
}

function readSealed(input: string): readonly Buffer[] {
  let said: unknown;
  try {
    said = JSON.parse(input);
  } catch {
    said = undefined;
  }
  const { keys } = (typeof said === 'object' && said !== null ? said : {}) as { readonly keys?: unknown };
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string')) throw new Failure('KEYS_UNUSABLE', 'that is not what `twintrack keys seal` prints');
  return keys.map((key: string) => Buffer.from(key, 'base64'));
}

async function readInput(file: string): Promise<string> {
  try {
    const read = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
    if (read.length > longestInput) throw new Error('it is too long');
    return read;
  } catch (error) {
    throw new Failure('KEYS_UNUSABLE', `${file === '-' ? 'the standard input' : file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
