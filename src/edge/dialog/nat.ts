/**
 * Whether a peer stands behind a NAT, told from where its messages come from and what they say, as
 * drachtio-server tells it. Pure.
 */
import { parseNameAddr } from '../message/name-addr.js';
import { headerOf, type SipRequest } from '../message/sip-message.js';
import { parseUri, transportOf } from '../message/uri.js';
import type { Path } from '../transport/path.js';
import { contactUri } from './dialog.js';

/** 10/8, 172.16/12 and 192.168/16 (RFC 1918 §3). */
export function isPrivate(host: string): boolean {
  const octets = host.split('.');
  if (octets.length !== 4 || octets.some((octet) => !/^\d{1,3}$/u.test(octet))) return false;
  const [first, second = 0] = octets.map(Number);
  return first === 10 || (first === 172 && second >= 16 && second <= 31) || (first === 192 && second === 168);
}

/** The sender of a dialog's request over UDP: nobody stands between, and it is not where its Contact says. */
export function isSenderNatted(request: SipRequest, path: Path): boolean {
  if (path.protocol !== 'udp' || headerOf(request, 'record-route') !== undefined) return false;
  const contact = parseUri(contactUri(request) ?? '');
  if (typeof contact === 'string' || (transportOf(contact) ?? 'udp') !== 'udp') return false;
  return contact.host !== path.address || (contact.port !== undefined && contact.port !== path.port);
}

/**
 * The one who answered a request of ours along `path`: its Contact is another place, or the first proxy
 * of the route names a private address that is not the one we reached it by.
 */
export function isAnswererNatted(target: string, routes: readonly string[], path: Path): boolean {
  const first = routes[0] === undefined ? undefined : parseNameAddr(routes[0]);
  if (first === undefined) {
    const contact = parseUri(target);
    return typeof contact !== 'string' && contact.host !== path.address;
  }
  const router = parseUri(typeof first === 'string' ? '' : first.uri);
  return typeof router !== 'string' && isPrivate(router.host) && router.host !== path.address;
}
