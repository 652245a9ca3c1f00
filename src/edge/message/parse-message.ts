/**
 * Parsing SIP messages (RFC 3261 §7 and §25).
 *
 * Whatever arrives on a socket enters here, so it is total: any text yields a value or a reason. It
 * never throws, logs or reads the clock. Lenient where it does no harm: line feeds without carriage
 * return, blank lines before the start line, folded headers, compact names.
 *
 * Owns       the cut into start line, headers and body, and the bounds on each.
 * Leaves to  uri, name-addr and via the insides; the transport where a message ends in a stream.
 */
import { composedName, knownName, nameOf } from './header-names.js';
import { parseNameAddr, tagOf } from './name-addr.js';
import { splitList } from './params.js';
import { headerOf, type CSeq, type Header, type MessageText, type SipMessage } from './sip-message.js';
import { parseNumber } from './uri.js';
import { parseVia } from './via.js';

export const limits = { messageBytes: 65_536, headers: 256, headerBytes: 16_384, methodBytes: 64 } as const;

export type TextReason =
  | 'empty' | 'too-large' | 'no-end-of-headers' | 'bad-start-line' | 'bad-version' | 'bad-header' | 'too-many-headers'
  | 'header-too-large' | 'bad-content-length' | 'short-body';

export type EssentialReason =
  | 'no-via' | 'bad-via' | 'no-from' | 'bad-from' | 'no-from-tag' | 'no-to' | 'bad-to' | 'no-call-id' | 'no-cseq'
  | 'bad-cseq' | 'cseq-method' | 'contradiction';

/**
 * The headers that a message must have, and those that can have one value only: a second that says something
 * else leaves no way to know which is meant. Read in one pass: every message comes this way.
 */
class Essential {
  via: string | undefined;
  from: string | undefined;
  to: string | undefined;
  callId: string | undefined;
  cseq: string | undefined;
  #maxForwards: string | undefined;
  #contentLength: string | undefined;
  #contradiction = false;
  #badViaBelow = false;

  constructor({ kind, headers }: MessageText) {
    for (const { key, value } of headers) {
      switch (key) {
        case 'via':
          // A response brings back what others wrote; a request can still be told.
          if (this.via === undefined) this.via = value;
          else if (kind === 'request' && typeof parseVia(value) === 'string') this.#badViaBelow = true;
          break;
        case 'from':
          this.from = this.#only(this.from, value);
          break;
        case 'to':
          this.to = this.#only(this.to, value);
          break;
        case 'call-id':
          this.callId = this.#only(this.callId, value);
          break;
        case 'cseq':
          this.cseq = this.#only(this.cseq, value);
          break;
        case 'max-forwards':
          this.#maxForwards = this.#only(this.#maxForwards, value);
          break;
        case 'content-length':
          this.#contentLength = this.#only(this.#contentLength, value);
          break;
        default:
      }
    }
  }

  get badViaBelow(): boolean {
    return this.#badViaBelow;
  }

  get contradiction(): boolean {
    return this.#contradiction;
  }

  #only(before: string | undefined, value: string): string {
    if (before === undefined) return value;
    if (before !== value) this.#contradiction = true;
    return before;
  }
}

/** How to take the text: off the wire, or from an application, whose Content-Length counts characters. */
export type TextOrigin = 'wire' | 'application';

const isTokenCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) ||
  code === 0x2d || code === 0x2e || code === 0x21 || code === 0x25 || code === 0x2a || code === 0x5f ||
  code === 0x2b || code === 0x60 || code === 0x27 || code === 0x7e;

export function isToken(text: string): boolean {
  if (text === '') return false;
  for (let i = 0; i < text.length; i += 1) if (!isTokenCode(text.charCodeAt(i))) return false;
  return true;
}

type StartLine =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string };

function parseStartLine(line: string): StartLine | 'bad-start-line' | 'bad-version' {
  const first = line.indexOf(' ');
  if (first < 1) return 'bad-start-line';
  if (line.startsWith('SIP/') || line.startsWith('sip/')) {
    if (line.slice(4, first) !== '2.0') return 'bad-version';
    const status = parseNumber(line.slice(first + 1, first + 4), 699);
    if (status === undefined || status < 100) return 'bad-start-line';
    if (line.length > first + 4 && line[first + 4] !== ' ') return 'bad-start-line';
    return { kind: 'response', status, reason: line.slice(first + 5) };
  }
  const last = line.lastIndexOf(' ');
  if (last === first) return 'bad-start-line';
  const method = line.slice(0, first);
  const uri = line.slice(first + 1, last).trim();
  const version = line.slice(last + 1).toUpperCase();
  if (!version.startsWith('SIP/')) return 'bad-start-line';
  if (version !== 'SIP/2.0') return 'bad-version';
  if (!isToken(method) || method.length > limits.methodBytes || uri === '' || /[\s<>"]/u.test(uri)) return 'bad-start-line';
  return { kind: 'request', method, uri };
}

function pushHeader(headers: Header[], line: string, origin: TextOrigin): 'bad-header' | 'header-too-large' | undefined {
  if (line.length > limits.headerBytes) return 'header-too-large';
  const colon = line.indexOf(':');
  if (colon < 1) return 'bad-header';
  const written = line.slice(0, colon).trimEnd();
  const value = line.slice(colon + 1).trim();
  let known = knownName(written);
  if (known === undefined) {
    // An application's slip is dropped; a peer's is a malformed message.
    if (!isToken(written)) return origin === 'application' ? undefined : 'bad-header';
    known = nameOf(written);
  }
  // A NUL may stand in a quoted string, behind a backslash only (RFC 3261 §25.1 quoted-pair).
  if (value.includes('\r') || (value.includes('\0') && /(?<!\\)\0/u.test(value))) return 'bad-header';
  const { key, isList } = known;
  const name = origin === 'application' ? composedName(key, written) : known.name;
  if (isList && value.includes(',')) {
    for (const member of splitList(value)) headers.push({ key, name, value: member });
  } else headers.push({ key, name, value });
  return undefined;
}

/** Cuts a message into start line, headers and body. */
export function parseText(text: string, origin: TextOrigin = 'wire'): MessageText | TextReason {
  if (text.length > limits.messageBytes && origin === 'wire') return 'too-large';
  let at = 0;
  while (text[at] === '\r' || text[at] === '\n') at += 1;
  if (at === text.length) return 'empty';

  let start: StartLine | undefined;
  const headers: Header[] = [];
  let pending: string | undefined;
  let ended = false;
  while (at < text.length) {
    let end = text.indexOf('\n', at);
    if (end === -1) {
      if (origin === 'wire') return 'no-end-of-headers';
      end = text.length;
    }
    const line = text.slice(at, end > at && text[end - 1] === '\r' ? end - 1 : end);
    at = end + 1;
    if (start === undefined) {
      const parsed = parseStartLine(line.trimEnd());
      if (typeof parsed === 'string') return parsed;
      start = parsed;
      continue;
    }
    const folded = line.startsWith(' ') || line.startsWith('\t');
    if (folded && pending !== undefined && line.trim() !== '') {
      if (pending.length > limits.headerBytes) return 'header-too-large';
      pending = `${pending} ${line.trim()}`;
      continue;
    }
    if (pending !== undefined) {
      const reason = pushHeader(headers, pending, origin);
      if (reason !== undefined) return reason;
      if (headers.length > limits.headers) return 'too-many-headers';
      pending = undefined;
    }
    if (line === '') {
      ended = true;
      break;
    }
    pending = line;
  }
  if (start === undefined) return 'bad-start-line';
  if (!ended) {
    if (origin === 'wire') return 'no-end-of-headers';
    if (pending !== undefined) {
      const reason = pushHeader(headers, pending, origin);
      if (reason !== undefined) return reason;
    }
  }
  let body = at < text.length ? text.slice(at) : '';
  if (origin === 'wire') {
    const length = headerOf({ headers }, 'content-length');
    if (length !== undefined) {
      const bytes = parseNumber(length, limits.messageBytes);
      if (bytes === undefined) return 'bad-content-length';
      if (bytes > body.length) return 'short-body';
      if (bytes < body.length) body = body.slice(0, bytes);
    }
  }
  return { ...start, headers, body };
}

export function parseCSeq(value: string): CSeq | 'bad-cseq' {
  let digits = 0;
  while (digits < value.length && value.charCodeAt(digits) >= 0x30 && value.charCodeAt(digits) <= 0x39) digits += 1;
  const number = parseNumber(value.slice(0, digits), 0x7fff_ffff);
  const method = value.slice(digits).trim();
  return number === undefined || digits === value.length || !isToken(method) ? 'bad-cseq' : { number, method };
}

/** Reads the headers that every message must have (RFC 3261 §8.1.1). */
export function readEssentials(text: MessageText): SipMessage | EssentialReason {
  const said = new Essential(text);
  if (said.via === undefined) return 'no-via';
  const via = parseVia(said.via);
  if (typeof via === 'string') return via;
  if (said.badViaBelow) return 'bad-via';
  if (said.from === undefined) return 'no-from';
  const from = parseNameAddr(said.from);
  if (typeof from === 'string') return 'bad-from';
  const fromTag = tagOf(from);
  if (fromTag === undefined) return 'no-from-tag';
  if (said.to === undefined) return 'no-to';
  const to = parseNameAddr(said.to);
  if (typeof to === 'string') return 'bad-to';
  const { callId } = said;
  if (callId === undefined || callId === '' || callId.includes('|')) return 'no-call-id';
  if (said.cseq === undefined) return 'no-cseq';
  const cseq = parseCSeq(said.cseq);
  if (typeof cseq === 'string') return cseq;
  if (text.kind === 'request' && cseq.method !== text.method) return 'cseq-method';
  if (said.contradiction) return 'contradiction';
  const { headers, body } = text;
  const essentials = { headers, body, via, from, fromTag, to, toTag: tagOf(to) ?? '', callId, cseq };
  return text.kind === 'request'
    ? { kind: 'request', method: text.method, uri: text.uri, ...essentials }
    : { kind: 'response', status: text.status, reason: text.reason, ...essentials };
}

/** A whole message off the wire, or why it is none. */
export function parseMessage(text: string): SipMessage | TextReason | EssentialReason {
  const parts = parseText(text);
  return typeof parts === 'string' ? parts : readEssentials(parts);
}
