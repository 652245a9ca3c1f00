/** struct sockaddr_in and sockaddr_in6 of Linux, to and from text. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Endpoint } from '../datagrams.js';

export const [familyV4, familyV6] = [2, 10] as const;
export const addressBytes = (family: number): number => (family === familyV6 ? 28 : 16);
/** Room for one of either family. */
export const addressRoom = 32;

export const familyOf = (address: string): number => (isIPv6(address) ? familyV6 : familyV4);

/** The number that an IPv4 address is; 0 for any other, as for 0.0.0.0. */
export function v4Of(address: string): number {
  return isIPv4(address) ? address.split('.').reduce((number, octet) => number * 256 + Number(octet), 0) : 0;
}

/** Writes 28 bytes at most; returns how many. @throws Error when the address is no literal. */
export function encodeAddress({ address, port }: Endpoint, view: DataView, offset: number): number {
  const family = familyOf(address);
  view.setUint16(offset, family, true);
  view.setUint16(offset + 2, port);
  if (family === familyV4) {
    const octets = address.split('.').map(Number);
    if (octets.length !== 4 || octets.some((octet) => !(octet >= 0 && octet <= 255))) throw new Error(`${address} is no IP address`);
    octets.forEach((octet, n) => view.setUint8(offset + 4 + n, octet));
    return addressBytes(family);
  }
  const [, withoutScope = '', , scope = '0'] = /^([^%]*)(%(.*))?$/u.exec(address) ?? [];
  view.setUint32(offset + 4, 0);
  groupsOf(withoutScope).forEach((group, n) => view.setUint16(offset + 8 + 2 * n, group));
  view.setUint32(offset + 24, Number(scope) || 0, true);
  return addressBytes(family);
}

export function decodeAddress(view: DataView, offset: number): Endpoint {
  const family = view.getUint16(offset, true);
  const port = view.getUint16(offset + 2);
  if (family === familyV4) return { address: [4, 5, 6, 7].map((n) => view.getUint8(offset + n)).join('.'), port };
  const groups = Array.from({ length: 8 }, (_, n) => view.getUint16(offset + 8 + 2 * n));
  const scope = view.getUint32(offset + 24, true);
  return { address: shortest(groups) + (scope === 0 ? '' : `%${scope}`), port };
}

/** RFC 4291 §2.2, all three forms. */
function groupsOf(text: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/u.exec(text);
  const plain = dotted === null ? text : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`;
  const [before = '', after] = plain.split('::');
  const parse = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [head, tail] = [parse(before), after === undefined ? [] : parse(after)];
  return [...head, ...new Array<number>(Math.max(0, 8 - head.length - tail.length)).fill(0), ...tail];
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of zeros left out, an IPv4-mapped one dotted. */
function shortest(groups: readonly number[]): string {
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) return `::ffff:${groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]).join('.')}`;
  let [best, length] = [0, 0];
  for (let from = 0; from < 8; from += 1) {
    let to = from;
    while (to < 8 && groups[to] === 0) to += 1;
    if (to - from > length) [best, length] = [from, to - from];
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return length < 2 ? text(groups) : `${text(groups.slice(0, best))}::${text(groups.slice(best + length))}`;
}
