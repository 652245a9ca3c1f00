/** Which of this machine's addresses a peer sees, where a socket listens on all of them. */
import { networkInterfaces } from 'node:os';
import { isIPv6 } from 'node:net';

export type Family = 4 | 6;

export const familyOf = (address: string): Family => (isIPv6(address) ? 6 : 4);

export const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';

export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

/** Every address of this machine of one family, loopback last, without link-local ones. */
export function machineAddresses(family: Family): string[] {
  const outer: string[] = [];
  const inner: string[] = [];
  for (const entries of Object.values(networkInterfaces())) {
    for (const entry of entries ?? []) {
      if (familyOf(entry.address) !== family || entry.address.startsWith('fe80:')) continue;
      (entry.internal ? inner : outer).push(entry.address);
    }
  }
  return [...outer, ...inner];
}

/** The address to name to a peer: the bound one, or for a wildcard the one that fits the peer. */
export function advertisedAddress(bound: string, peer: string, own: readonly string[]): string {
  if (!isWildcard(bound)) return bound;
  const fits = own.find((address) => isLoopback(address) === isLoopback(peer));
  return fits ?? own[0] ?? (familyOf(bound) === 6 ? '::1' : '127.0.0.1');
}

/** An address as it is compared: no zone, no IPv4 in IPv6 clothes. */
export function plainAddress(address: string): string {
  const zone = address.indexOf('%');
  const bare = zone === -1 ? address : address.slice(0, zone);
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice(7) : bare;
}
