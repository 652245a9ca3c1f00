/** The Via header: where a request has been (RFC 3261 §20.42, rport and received RFC 3581). */
import { paramOf, quotesClose } from './params.js';
import { encodeHost, parseHostPort } from './uri.js';

export interface Via {
  /** Upper case, as in `SIP/2.0/UDP`. */
  readonly transport: string;
  /** Lower case; an IPv6 literal without brackets. */
  readonly host: string;
  readonly port?: number;
  /** The parameters with their leading `;`. */
  readonly params: string;
  /** The `branch` parameter; the empty string when an RFC 2543 peer gave none. */
  readonly branch: string;
}

export type ViaReason = 'bad-via';

/** The branches of RFC 3261 start with this (§8.1.1.7). */
export const MAGIC_COOKIE = 'z9hG4bK';

export function parseVia(value: string): Via | ViaReason {
  const semicolon = value.indexOf(';');
  const head = (semicolon === -1 ? value : value.slice(0, semicolon)).trim();
  const params = semicolon === -1 ? '' : value.slice(semicolon);
  // sent-protocol may have blanks around its slashes; only its end is found by a blank.
  const secondSlash = head.indexOf('/', head.indexOf('/') + 1);
  if (secondSlash === -1) return 'bad-via';
  const [name, version] = head.slice(0, secondSlash).split('/');
  if (name?.trim().toUpperCase() !== 'SIP' || version?.trim() !== '2.0') return 'bad-via';
  const rest = head.slice(secondSlash + 1).trimStart();
  let blank = rest.indexOf(' ');
  const tab = rest.indexOf('\t');
  if (tab !== -1 && (blank === -1 || tab < blank)) blank = tab;
  if (blank < 1) return 'bad-via';
  const place = parseHostPort(rest.slice(blank + 1).trim());
  if (typeof place === 'string' || !quotesClose(params)) return 'bad-via';
  return {
    transport: rest.slice(0, blank).toUpperCase(),
    host: place.host,
    ...(place.port === undefined ? {} : { port: place.port }),
    params,
    branch: paramOf(params, 'branch') ?? '',
  };
}

export const encodeVia = (via: Via): string =>
  `SIP/2.0/${via.transport} ${encodeHost(via.host)}${via.port === undefined ? '' : `:${via.port}`}${via.params}`;
