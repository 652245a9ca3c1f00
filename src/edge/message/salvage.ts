/**
 * What can be saved of a request that can't be read, so that its sender can be told (RFC 3261 §21.4.1,
 * §21.5.6): its method, and the headers that a response repeats.
 *
 * Leaves to  parse-message why it can't be read. Nothing saved here is ever acted upon.
 */
import { isToken, limits, parseText } from './parse-message.js';
import type { RequestText } from './sip-message.js';

/** Undefined for what is no SIP request at all, and for what must not be answered. */
export function salvageRequest(text: string): RequestText | undefined {
  if (text.length > limits.messageBytes) return undefined;
  const start = text.search(/[^\r\n]/u);
  const end = text.indexOf('\n', start);
  if (start === -1 || end === -1) return undefined;
  const line = text.slice(start, end).trim();
  const method = line.slice(0, Math.max(0, line.indexOf(' ')));
  if (!isToken(method) || method === 'ACK' || !/ SIP\/\d{1,3}\.\d{1,3}$/iu.test(line)) return undefined;
  const readable = parseText(`${method} sip:unreadable SIP/2.0\r\n${text.slice(end + 1)}`, 'application');
  return typeof readable === 'string' || readable.kind === 'response' ? undefined : readable;
}
