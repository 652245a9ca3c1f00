/**
 * The GUID by which Cisco knows a call: in the header of gateways and call managers, in what gateways tell by XMF, in their GTD. Pure.
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

/** Out of a Generic Transparency Descriptor, the body part that CUBE adds: a line `GCI,` and the 32 digits. Total. */
export const ciscoGuidInGtd = (gtd: string): string | undefined => /^GCI,([0-9a-f]{32})\s*$/imu.exec(gtd)?.[1]?.toLowerCase();

export const newCiscoGuid = (): string => randomBytes(16).toString('hex');
