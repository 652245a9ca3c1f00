/**
 * The GUID by which a Cisco gateway knows a call, in its SIP header and in what it tells by XMF: pure.
 *
 * In SIP: `Cisco-Guid: 1072635328-4043903455-2147520193-3232235530`, four words of 32 bits in decimal. In XMF: the same
 * 128 bits in hexadecimal, in groups, or as in SIP.
 */
import { randomBytes } from 'node:crypto';

/** As 32 hexadecimal digits, or undefined where it is none. Total. */
export function readCiscoGuid(text: string): string | undefined {
  const trimmed = text.trim();
  if (/^\d{1,10}(?:-\d{1,10}){3}$/u.test(trimmed)) {
    const words = trimmed.split('-').map(Number);
    if (words.some((word) => word > 0xff_ff_ff_ff)) return undefined;
    return words.map((word) => word.toString(16).padStart(8, '0')).join('');
  }
  const digits = trimmed.replace(/[-\s]/gu, '').toLowerCase();
  return /^[0-9a-f]{32}$/u.test(digits) ? digits : undefined;
}

/** As it stands in SIP. @param guid 32 hexadecimal digits */
export const sipCiscoGuid = (guid: string): string => (guid.match(/.{8}/gu) ?? []).map((word) => String(Number.parseInt(word, 16)).padStart(10, '0')).join('-');

export const newCiscoGuid = (): string => randomBytes(16).toString('hex');
