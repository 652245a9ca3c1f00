/**
 * Finding SIP messages in a stream (RFC 3261 §18.3: Content-Length says where one ends).
 *
 * Pure: chunks in, whole messages out, in order, whatever the segmentation. Keep-alives between
 * messages (RFC 5626 §3.5.1: CRLF CRLF) are counted and taken away.
 *
 * Invariant 1: at most `maxBytes` of an unfinished message are held.
 */
import { headerKey } from '../message/header-names.js';
import { parseNumber } from '../message/uri.js';

export type FramingReason = 'too-large' | 'bad-content-length';

export interface Framed {
  readonly messages: readonly string[];
  /** Double-CRLF keep-alives that ask for an answer. */
  readonly pings: number;
  /** Set when the stream can't be followed any further: close it. */
  readonly reason?: FramingReason;
}

/** The end of the head, its blank line included; -1 when it has not arrived. */
function endOfHead(text: string, from: number): number {
  const strict = text.indexOf('\r\n\r\n', from);
  const bare = text.indexOf('\n\n', from);
  if (bare !== -1 && (strict === -1 || bare < strict)) return bare + 2;
  return strict === -1 ? -1 : strict + 4;
}

/** The Content-Length of a head; 0 when it names none, undefined when it is no number. */
function contentLength(head: string): number | undefined {
  let at = head.indexOf('\n') + 1;
  while (at > 0 && at < head.length) {
    const end = head.indexOf('\n', at);
    const colon = head.indexOf(':', at);
    if (colon !== -1 && (end === -1 || colon < end) && colon - at <= 16) {
      const name = head.slice(at, colon).trim();
      if (headerKey(name) === 'content-length') {
        return parseNumber(head.slice(colon + 1, end === -1 ? head.length : end).trim(), Number.MAX_SAFE_INTEGER);
      }
    }
    at = end + 1;
  }
  return 0;
}

export class StreamFraming {
  #held = '';
  #scanned = 0;

  constructor(private readonly maxBytes: number) {}

  /** Whether part of a message is waiting for the rest; line ends between messages are none. */
  get unfinished(): boolean {
    return this.#held !== '' && this.#held[0] !== '\r' && this.#held[0] !== '\n';
  }

  push(chunk: string): Framed {
    let text = this.#held === '' ? chunk : this.#held + chunk;
    let scanned = this.#scanned;
    const messages: string[] = [];
    let pings = 0;
    for (;;) {
      let blank = 0;
      while (text[blank] === '\r' || text[blank] === '\n') blank += 1;
      if (blank > 0) {
        // A lone CRLF may be the first half of a ping, or what a peer puts between messages.
        if (blank === text.length && blank < 4) break;
        pings += Math.floor(blank / 4);
        text = text.slice(blank);
        scanned = 0;
      }
      if (text === '') break;
      const headEnd = endOfHead(text, Math.max(0, scanned - 3));
      if (headEnd === -1) {
        if (text.length > this.maxBytes) return { messages, pings, reason: 'too-large' };
        scanned = text.length;
        break;
      }
      const length = contentLength(text.slice(0, headEnd));
      if (length === undefined) return { messages, pings, reason: 'bad-content-length' };
      const end = headEnd + length;
      if (end > this.maxBytes) return { messages, pings, reason: 'too-large' };
      if (text.length < end) {
        // Start the next search near the blank line already found, not at the body's end.
        scanned = headEnd - 4;
        break;
      }
      messages.push(text.slice(0, end));
      text = text.slice(end);
      scanned = 0;
    }
    this.#held = text;
    this.#scanned = scanned;
    return { messages, pings };
  }
}
