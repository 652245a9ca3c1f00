/**
 * Bytes that are no text, in a protocol whose other end reads UTF-8: ISUP in a body, names in Latin-1.
 *
 * Each byte from 0x80 that is part of no UTF-8 character goes as a character of its own, U+F780 to U+F7FF,
 * and comes back as the byte. An application sees one character a byte, can pass the body on and count it.
 * Text stays as it is. drachtio-server sends such bytes as they are, and drachtio-srf loses them.
 *
 * Pure. Strings hold one byte per character (latin1), as everywhere in the edge.
 *
 * Invariant 1: fromUtf8(toUtf8(bytes)) === bytes, whatever they are.
 */
import { isUtf8 } from 'node:buffer';

/** U+F780 to U+F7FF in UTF-8: real characters from there are taken apart too, so that they come back. */
const standIn = /\xef([\x9e\x9f])([\x80-\xbf])/gu;

const characters =
  /[\0-\x7f]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/gu;

const isAscii = (text: string): boolean => !/[\x80-\xff]/u.test(text);
const hasStandIn = (text: string): boolean => text.search(standIn) !== -1;

function standInFor(byte: string): string {
  const code = byte.charCodeAt(0);
  return `\xef${code < 0xc0 ? '\x9e' : '\x9f'}${String.fromCharCode(0x80 | (code & 0x3f))}`;
}

/** Valid UTF-8 for any bytes. */
export function toUtf8(bytes: string): string {
  if (isAscii(bytes) || (isUtf8(Buffer.from(bytes, 'latin1')) && !hasStandIn(bytes))) return bytes;
  return bytes.replace(characters, (character) => {
    if (character.length === 1) return character < '\x80' ? character : standInFor(character);
    return hasStandIn(character) ? character.replace(/[\x80-\xff]/gu, standInFor) : character;
  });
}

/** The bytes again. */
export const fromUtf8 = (text: string): string =>
  text.includes('\xef')
    ? text.replace(standIn, (_, high: string, low: string) => String.fromCharCode((high === '\x9e' ? 0x80 : 0xc0) | (low.charCodeAt(0) & 0x3f)))
    : text;
