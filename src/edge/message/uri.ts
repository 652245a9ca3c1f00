/**
 * SIP and SIPS URIs (RFC 3261 §19.1), as far as an edge reads them: where to send, by what transport.
 *
 * Total: any text yields a value or a reason. A tel: URI is a URI but no place to send to.
 */
import { paramOf } from './params.js';

export interface SipUri {
  readonly scheme: 'sip' | 'sips';
  /** User and password as written, without the `@`; absent when there is none. */
  readonly user?: string;
  /** Lower case; an IPv6 literal without its brackets. */
  readonly host: string;
  readonly port?: number;
  /** The URI parameters with their leading `;`, or the empty string. */
  readonly params: string;
}

export type UriReason = 'not-sip' | 'no-host' | 'bad-host' | 'bad-port';

/** Letters, digits, `.`, `-` and `_` of host names, and what IPv6 literals add. */
const isHostCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) ||
  code === 0x2e || code === 0x2d || code === 0x5f;
const isV6Code = (code: number): boolean =>
  (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46) || (code >= 0x30 && code <= 0x3a) || code === 0x2e;

/** `host[:port]` with an IPv6 literal in brackets. */
export function parseHostPort(text: string): { readonly host: string; readonly port?: number } | UriReason {
  let host: string;
  let rest: string;
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    if (close === -1) return 'bad-host';
    host = text.slice(1, close);
    rest = text.slice(close + 1);
    for (let i = 0; i < host.length; i += 1) if (!isV6Code(host.charCodeAt(i))) return 'bad-host';
  } else {
    const colon = text.indexOf(':');
    host = (colon === -1 ? text : text.slice(0, colon)).trimEnd();
    rest = colon === -1 ? '' : text.slice(colon);
    for (let i = 0; i < host.length; i += 1) if (!isHostCode(host.charCodeAt(i))) return 'bad-host';
  }
  if (host === '') return 'no-host';
  if (host.length > 255) return 'bad-host';
  const lower = host.toLowerCase();
  rest = rest.trim();
  if (rest === '') return { host: lower };
  if (!rest.startsWith(':')) return 'bad-port';
  const port = parseNumber(rest.slice(1).trim(), 65_535);
  return port === undefined || port === 0 ? 'bad-port' : { host: lower, port };
}

/** A run of ASCII digits up to `max`; undefined for anything else. */
export function parseNumber(text: string, max: number): number | undefined {
  if (text.length === 0 || text.length > 10) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value <= max ? value : undefined;
}

export function parseUri(text: string): SipUri | UriReason {
  const colon = text.indexOf(':');
  const scheme = text.slice(0, colon === -1 ? 0 : colon).toLowerCase();
  if (scheme !== 'sip' && scheme !== 'sips') return 'not-sip';
  let rest = text.slice(colon + 1);
  const at = rest.lastIndexOf('@');
  const user = at === -1 ? undefined : rest.slice(0, at);
  if (at !== -1) rest = rest.slice(at + 1);
  const question = rest.indexOf('?');
  if (question !== -1) rest = rest.slice(0, question);
  const semicolon = rest.indexOf(';');
  const params = semicolon === -1 ? '' : rest.slice(semicolon);
  const place = parseHostPort(semicolon === -1 ? rest : rest.slice(0, semicolon));
  if (typeof place === 'string') return place;
  return {
    scheme,
    ...(user === undefined ? {} : { user }),
    host: place.host,
    ...(place.port === undefined ? {} : { port: place.port }),
    params,
  };
}

/** The `transport` parameter in lower case, if there is one. */
export const transportOf = (uri: SipUri): string | undefined => paramOf(uri.params, 'transport')?.toLowerCase();

/** An address as it is written in a URI or Via: IPv6 in brackets. */
export const encodeHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

export const encodeHostPort = (host: string, port: number): string => `${encodeHost(host)}:${port}`;
