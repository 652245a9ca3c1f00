/** The file that SIPp writes with -trace_msg: each message with its direction and its length in bytes. */
import { existsSync, readFileSync } from 'node:fs';

export interface Logged {
  readonly sent: boolean;
  readonly startLine: string;
  /** By lower-case name in its long form; the values of a repeated one joined, as RFC 3261 §7.3.1 allows. */
  readonly headers: ReadonlyMap<string, string>;
  /** One character per byte. */
  readonly body: string;
}

const longForms: Readonly<Record<string, string>> = {
  i: 'call-id', m: 'contact', e: 'content-encoding', l: 'content-length', c: 'content-type', f: 'from', s: 'subject', k: 'supported', t: 'to', v: 'via',
  r: 'refer-to', b: 'referred-by', o: 'event', u: 'allow-events', x: 'session-expires',
};

export function readMessageLog(file: string): Logged[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file).toString('latin1');
  const messages: Logged[] = [];
  // "UDP message sent (500 bytes):" and "UDP message received [500] bytes :", then an empty line.
  const heading = /^\w+ message (sent|received) [([](\d+)[^\n]*\n\n/gm;
  for (let found = heading.exec(text); found !== null; found = heading.exec(text)) {
    const bytes = text.slice(heading.lastIndex, heading.lastIndex + Number(found[2]));
    heading.lastIndex += Number(found[2]);
    messages.push(read(found[1] === 'sent', bytes));
  }
  return messages;
}

function read(sent: boolean, bytes: string): Logged {
  const end = bytes.indexOf('\r\n\r\n');
  const [startLine = '', ...lines] = bytes.slice(0, end).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    const key = longForms[name] ?? name;
    const value = line.slice(colon + 1).trim();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before},${value}`);
  }
  return { sent, startLine, headers, body: bytes.slice(end + 4) };
}
