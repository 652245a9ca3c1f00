/**
 * A file of SRTP keys: pure and total. No reason names any part of a key.
 *
 * Lines, `#` begins a comment:
 *
 *   [SELECTOR…] [a=crypto:][TAG] SUITE inline:BASE64[|…]
 *
 * A selector says which packets the key opens; several on one line must all hold, and without any the key is tried for
 * every encrypted stream.
 *
 *   ADDRESS:PORT         those that come from there (an IPv6 address in brackets)
 *   ssrc:HEX             those of that source, as 0x1a2b3c4d
 *   call:CALL-ID         of the leg with that Call-ID
 *   session:ID           of the session with that ID
 *   caller, callee       of that party
 *
 * Or JSON, in place of lines: what `twintrack keys seal` prints, also several one after the other. Each says itself for
 * which session and side it is.
 */
import { parseCryptoLine, singleKeyLines } from '../media/index.js';
import { parseHostPort } from '../sip/index.js';
import type { Side } from './rtp-rules.js';

export interface GivenKey {
  /** Value of an a=crypto line. Secret. */
  readonly crypto: string;
  readonly from?: { readonly host: string; readonly port: number };
  readonly ssrc?: number;
  readonly callId?: string;
  readonly sessionId?: string;
  readonly side?: Side;
}

export interface KeysFile {
  readonly keys: readonly GivenKey[];
  /** Sealed boxes, as they are. */
  readonly sealed: readonly Buffer[];
}

const longestFile = 16 << 20;
const mostKeys = 100_000;

/** The keys, or what is wrong with the file: a sentence. */
export function parseKeysFile(text: string): KeysFile | string {
  if (text.length > longestFile) return 'it is longer than 16 MiB';
  if (text.trimStart().startsWith('{')) return parseSealed(text);
  const keys: GivenKey[] = [];
  for (const [at, line] of text.split(/\r?\n/u).entries()) {
    const words = line.trim().split(/\s+/u);
    if (words[0] === '' || words[0]?.startsWith('#') === true) continue;
    const key = parseKey(words);
    if (typeof key === 'string') return `line ${at + 1}: ${key}`;
    keys.push(...key);
    if (keys.length > mostKeys) return `it has more than ${mostKeys} keys`;
  }
  return keys.length === 0 ? 'there is no key in it' : { keys, sealed: [] };
}

function parseKey(words: readonly string[]): readonly GivenKey[] | string {
  const at = words.findIndex((word) => /^inline:/iu.test(word));
  const suite = words[at - 1];
  if (at < 1 || suite === undefined) return 'there is no key: write SUITE inline:BASE64, as in an a=crypto line';
  const before = words.slice(0, at - 1);
  // The tag pairs offer and answer; here nobody answers.
  const last = before.at(-1) ?? '';
  const tag = /^(?:a=crypto:)?(\d{1,9})$/iu.exec(last)?.[1];
  const selectors = tag === undefined ? before : before.slice(0, -1);
  const line = [tag ?? '1', suite.replace(/^a=crypto:/iu, ''), ...words.slice(at)].join(' ');
  const given: Partial<GivenKey> = {};
  for (const selector of selectors) {
    const read = parseSelector(selector);
    if (typeof read === 'string') return read;
    Object.assign(given, read);
  }
  const lines = singleKeyLines(line);
  const wrong = lines.map(parseCryptoLine).find((parsed) => typeof parsed === 'string');
  if (wrong !== undefined) return `that is no crypto line (RFC 4568): ${wrong}`;
  return lines.map((crypto) => ({ ...given, crypto }));
}

function parseSelector(word: string): Partial<GivenKey> | string {
  if (word === 'caller' || word === 'callee') return { side: word };
  const [, kind = '', value = ''] = /^(ssrc|call|call-id|session):(.+)$/iu.exec(word) ?? [];
  switch (kind.toLowerCase()) {
    case 'ssrc': {
      const [, digits] = /^(?:0x)?([0-9a-f]{1,8})$/iu.exec(value) ?? [];
      return digits === undefined ? 'an SSRC is written ssrc: and up to eight hexadecimal digits' : { ssrc: Number.parseInt(digits, 16) };
    }
    case 'call':
    case 'call-id':
      return { callId: value };
    case 'session':
      return { sessionId: value };
    default: {
      const target = parseHostPort(word);
      // What is not understood may be a key that stands in the wrong place: it is not repeated.
      if (target === 'malformed' || target.port === undefined) return 'what stands before the suite is no selector (ADDRESS:PORT, ssrc:HEX, call:ID, session:ID, caller, callee)';
      return { from: { host: target.host, port: target.port } };
    }
  }
}

function parseSealed(text: string): KeysFile | string {
  const sealed: Buffer[] = [];
  // `keys seal >>file`, once for each side, leaves documents one after the other.
  for (const document of text.split(/(?<=\})\s*(?=\{)/u)) {
    const keys = keysIn(document);
    if (keys === undefined) return 'it is JSON, but not what `twintrack keys seal` prints';
    sealed.push(...keys.map((key) => Buffer.from(key, 'base64')));
    if (sealed.length > mostKeys) return `it has more than ${mostKeys} keys`;
  }
  return sealed.length === 0 ? 'there is no key in it' : { keys: [], sealed };
}

function keysIn(document: string): readonly string[] | undefined {
  try {
    const said: unknown = JSON.parse(document);
    const keys = typeof said === 'object' && said !== null && 'keys' in said ? said.keys : undefined;
    return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : undefined;
  } catch {
    return undefined;
  }
}
