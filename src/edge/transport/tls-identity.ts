/**
 * Who a certificate speaks for (RFC 5922 §7). Pure: reads what node tells of a certificate.
 *
 * SIP domains come out of the subjectAltNames: URIs of the scheme sip without a user part, DNS names,
 * and IP addresses for peers that are named by one. Only a certificate that has none of these is read by its
 * common name. Wildcards stand for nothing (§7.2).
 */
import { isIP } from 'node:net';
import { parseUri } from '../message/uri.js';
import { plainAddress } from './local-address.js';

/** What node tells of a certificate: `subjectaltname` as `DNS:a, URI:sip:b, IP Address:192.0.2.1`. */
export interface CertificateNames {
  readonly subjectaltname?: string | undefined;
  readonly commonName?: string | undefined;
}

/** One address in one spelling, so that two can be compared: node writes IPv6 in full. */
function canonicalAddress(text: string): string | undefined {
  if (isIP(text) === 4) return text;
  if (isIP(text) !== 6) return undefined;
  return plainAddress(new URL(`http://[${text}]`).hostname.slice(1, -1));
}

/** The entries of a list whose values node puts in quotes, as JSON, when they hold anything ambiguous. */
function entriesOf(list: string): (readonly [kind: string, value: string])[] {
  const entries: (readonly [string, string])[] = [];
  for (const [, kind = '', quoted, bare = ''] of list.matchAll(/(?:^|, )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,"]*))/gu)) {
    // What had to be quoted is no name of a SIP domain, whatever it says.
    if (quoted === undefined) entries.push([kind, bare.trim()]);
  }
  return entries;
}

const isHostName = (text: string): boolean => /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/u.test(text);

/** The SIP domains and addresses that a certificate names, in lower case, each once. */
export function identitiesOf(certificate: CertificateNames): string[] {
  const names = new Set<string>();
  for (const [kind, value] of entriesOf(certificate.subjectaltname ?? '')) {
    const lower = value.toLowerCase();
    if (kind === 'DNS' && isHostName(lower)) names.add(lower);
    else if (kind === 'IP Address') names.add(canonicalAddress(lower) ?? '');
    else if (kind === 'URI') {
      const uri = parseUri(value);
      if (typeof uri !== 'string' && uri.scheme === 'sip' && uri.user === undefined && isHostName(uri.host)) names.add(uri.host);
    }
  }
  names.delete('');
  const common = certificate.commonName?.toLowerCase();
  if (names.size === 0 && (certificate.subjectaltname ?? '') === '' && common !== undefined && isHostName(common)) names.add(common);
  return [...names];
}

/** Whether a peer with these identities is the one asked for, a domain or an address. */
export const provesToBe = (identities: readonly string[], name: string): boolean =>
  identities.includes(canonicalAddress(name) ?? name.toLowerCase().replace(/\.$/u, ''));
