/**
 * Avaya's Universal Call ID: eight octets, by which all of a call's legs are known. Pure, total.
 *
 * It travels in `User-to-User` (RFC 7433) as a parameter of Avaya's own shared format: identifier FA, length 08, then the
 * eight octets, among others of the same shape and behind one octet of protocol discriminator (ITU-T Q.931 §4.5.30). In
 * metadata it stands as that, without it, or as its 20 decimal digits (node and number, five digits each, then the time).
 *
 * Owns       what is a UCID, and its one way of writing.
 * Leaves to  the recorder what it pairs.
 */

const identifier = 'FA08';
const maxChars = 1_024;

/** Hexadecimal, as it stands in `User-to-User`: `00FA08` and sixteen digits. Undefined where the text holds none. */
export function readUcid(text: string): string | undefined {
  if (text.length > maxChars) return undefined;
  const [value = ''] = text.split(';', 1);
  const digits = value.trim().replace(/^"(.*)"$/su, '$1').replace(/^0x/iu, '');
  if (/^\d{20}$/u.test(digits)) return fromDecimal(digits);
  if (!/^(?:[0-9a-f]{2})+$/iu.test(digits)) return undefined;
  const hex = digits.toUpperCase();
  if (hex.length === 16) return isNone(hex) ? undefined : `00${identifier}${hex}`;
  return fromParameters(hex.slice(2)) ?? fromParameters(hex);
}

/** Among parameters of identifier, length and value. */
function fromParameters(hex: string): string | undefined {
  for (let at = 0; at + 4 <= hex.length; ) {
    const bytes = Number.parseInt(hex.slice(at + 2, at + 4), 16);
    const value = hex.slice(at + 4, at + 4 + 2 * bytes);
    if (value.length < 2 * bytes) return undefined;
    if (hex.startsWith(identifier, at)) return isNone(value) ? undefined : `00${identifier}${value}`;
    at += 4 + 2 * bytes;
  }
  return undefined;
}

function fromDecimal(digits: string): string | undefined {
  const [node, number, time] = [digits.slice(0, 5), digits.slice(5, 10), digits.slice(10)].map(Number) as [number, number, number];
  if (node > 0xffff || number > 0xffff || time > 0xffff_ffff) return undefined;
  const hex = [node.toString(16).padStart(4, '0'), number.toString(16).padStart(4, '0'), time.toString(16).padStart(8, '0')].join('').toUpperCase();
  return isNone(hex) ? undefined : `00${identifier}${hex}`;
}

const isNone = (hex: string): boolean => /^0*$/u.test(hex);
