/**
 * SIP messages as values.
 *
 * Text is bytes: every string of a message holds one byte per character (latin1), so a length is a
 * length in bytes, UTF-8 in a display name and any body pass through unchanged, and nothing is
 * decoded that nobody reads. Encoding is `Buffer.from(text, 'latin1')`.
 */
import type { NameAddr } from './name-addr.js';
import type { Via } from './via.js';

export interface Header {
  /** As compared: lower case, compact form widened. */
  readonly key: string;
  /** As written. */
  readonly name: string;
  /** Unfolded and trimmed. One member per header for Via, Route, Record-Route and Contact. */
  readonly value: string;
}

export interface RequestText {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

export interface ResponseText {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

/** A message cut into its parts, of which nothing is promised but the start line. */
export type MessageText = RequestText | ResponseText;

export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** The headers without which a message can't be matched to anything (RFC 3261 §8.1.1). */
export interface Essentials {
  readonly via: Via;
  readonly from: NameAddr;
  readonly fromTag: string;
  readonly to: NameAddr;
  /** The empty string when the To header has no tag. */
  readonly toTag: string;
  readonly callId: string;
  readonly cseq: CSeq;
}

export type SipRequest = RequestText & Essentials;
export type SipResponse = ResponseText & Essentials;
export type SipMessage = SipRequest | SipResponse;

/** The first header of that key; keys are lower case. */
export function headerOf(message: { readonly headers: readonly Header[] }, key: string): string | undefined {
  for (const header of message.headers) if (header.key === key) return header.value;
  return undefined;
}

/** All headers of that key, in order. */
export function headersOf(message: { readonly headers: readonly Header[] }, key: string): string[] {
  const values: string[] = [];
  for (const header of message.headers) if (header.key === key) values.push(header.value);
  return values;
}

/** Whether a comma-separated option list (Require, Supported) names the option tag. */
export function hasOption(message: { readonly headers: readonly Header[] }, key: string, option: string): boolean {
  for (const value of headersOf(message, key)) {
    if (value.toLowerCase().split(',').some((member) => member.trim() === option)) return true;
  }
  return false;
}

/**
 * The same text in memory of its own. A piece cut out of a message keeps the whole message alive, which
 * matters where it is kept for long.
 */
export const copyOf = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
