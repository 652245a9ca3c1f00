/** Writing SIP messages. Content-Length is always the body's own, whatever the headers said. */
import type { Header, MessageText } from './sip-message.js';

const encodeStart = (message: MessageText): string =>
  message.kind === 'request'
    ? `${message.method} ${message.uri} SIP/2.0\r\n`
    : `SIP/2.0 ${message.status} ${message.reason}\r\n`;

/** The message as text, one byte per character. */
export function encodeMessage(message: MessageText): string {
  let text = encodeStart(message);
  for (const header of message.headers) {
    if (header.key !== 'content-length') text += `${header.name}: ${header.value}\r\n`;
  }
  return `${text}Content-Length: ${message.body.length}\r\n\r\n${message.body}`;
}

/** A header under its standard name. */
export const header = (name: string, value: string): Header => ({ key: name.toLowerCase(), name, value });
