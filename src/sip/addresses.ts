/**
 * SIP URIs and name-addrs (RFC 3261 §19.1, §20, §25.1), as far as recorder and proxy look into them.
 *
 * Escapes (`%41`) stay as written, so that what is encoded again is what came.
 *
 * Owns       the split of `sip:`, `sips:` and `tel:` URIs and of `"Name" <uri>;parameters`.
 * Leaves to  the SIP stack routing, and every header that is not an address.
 */

export interface SipUri {
  scheme: 'sip' | 'sips' | 'tel';
  /** The part before `@`, a password included; the number for `tel:`. Absent when the URI names only a host. */
  user?: string;
  /** Lower-case name or address; IPv6 without brackets. Empty for `tel:`. */
  host: string;
  /** Absent when the URI leaves it to the transport's default. */
  port?: number;
  /** By lower-case name, in order; a parameter without a value has an empty one. */
  params: ReadonlyMap<string, string>;
  /** What follows `?`, by name as written. */
  headers: ReadonlyMap<string, string>;
}

export interface NameAddr {
  uri: string;
  /** The display name without quotes and escapes. */
  name?: string;
  /** The header's own parameters (`tag`), by lower-case name; quotes removed. */
  params: ReadonlyMap<string, string>;
}

const maxUriChars = 4_096;
const hostName = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?$/;
const ipv6 = /^[0-9a-f:.]*:[0-9a-f:.]*(?:%[a-z0-9._-]+)?$/;
/** White space, angle brackets, quotes and control bytes never stand bare in a URI. */
const notInUri = /[\s<>"\p{Cc}]/u;

/** Reads a `sip:`, `sips:` or `tel:` URI without angle brackets. */
export function parseSipUri(uri: string): SipUri | 'malformed' {
  if (uri.length > maxUriChars || notInUri.test(uri)) return 'malformed';
  const colon = uri.indexOf(':');
  const scheme = uri.slice(0, Math.max(colon, 0)).toLowerCase();
  if (scheme !== 'sip' && scheme !== 'sips' && scheme !== 'tel') return 'malformed';
  let rest = uri.slice(colon + 1);
  if (scheme === 'tel') {
    const [number = '', ...parameters] = rest.split(';');
    if (number === '') return 'malformed';
    return { scheme, user: number, host: '', params: readParams(parameters), headers: new Map() };
  }
  // Only the user part may hold `;` and `?` before the `@` (RFC 3261 §25.1, user-unreserved).
  const at = rest.indexOf('@');
  const user = at < 0 ? undefined : rest.slice(0, at);
  if (user === '') return 'malformed';
  rest = rest.slice(at + 1);
  const question = rest.indexOf('?');
  const headers = question < 0 ? new Map<string, string>() : readPairs(rest.slice(question + 1).split('&'), false);
  const [address = '', ...parameters] = (question < 0 ? rest : rest.slice(0, question)).split(';');
  const target = parseHostPort(address);
  if (target === 'malformed') return 'malformed';
  return { scheme, ...(user === undefined ? {} : { user }), ...target, params: readParams(parameters), headers };
}

/** Writes what `parseSipUri` reads. */
export function encodeSipUri(uri: SipUri): string {
  const params = [...uri.params].map(([name, value]) => `;${name}${value === '' ? '' : `=${value}`}`).join('');
  if (uri.scheme === 'tel') return `tel:${uri.user ?? ''}${params}`;
  const headers = [...uri.headers].map(([name, value]) => `${name}=${value}`).join('&');
  const user = uri.user === undefined ? '' : `${uri.user}@`;
  return `${uri.scheme}:${user}${hostPort(uri.host, uri.port)}${params}${headers === '' ? '' : `?${headers}`}`;
}

/** `host:port` as SIP writes it: IPv6 in brackets, no colon without a port. */
export function hostPort(host: string, port?: number): string {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? bracketed : `${bracketed}:${port}`;
}

/** Reads `host`, `host:port` or `[v6]:port`; the host comes back lower-case and without brackets. */
export function parseHostPort(text: string): { host: string; port?: number } | 'malformed' {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text.trim());
  if (match === null) return 'malformed';
  const [, inBrackets, bare, digits] = match;
  const host = (inBrackets ?? bare ?? '').toLowerCase();
  if (!(inBrackets === undefined ? hostName : ipv6).test(host)) return 'malformed';
  if (digits === undefined) return { host };
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { host, port } : 'malformed';
}

/**
 * Reads a From, To, Contact or P-Asserted-Identity value of one address.
 *
 * Without angle brackets a `;` starts the header's parameters, not the URI's (RFC 3261 §20).
 */
export function parseNameAddr(value: string): NameAddr | 'malformed' {
  if (value.length > maxUriChars) return 'malformed';
  const text = value.trim();
  const quoted = /^"((?:[^"\\]|\\.)*)"\s*/.exec(text);
  if (quoted === null && text.startsWith('"')) return 'malformed';
  const rest = quoted === null ? text : text.slice(quoted[0].length);
  const open = rest.indexOf('<');
  if (open < 0) {
    if (quoted !== null) return 'malformed';
    const [uri = '', ...parameters] = rest.split(';');
    return uri === '' ? 'malformed' : { uri: uri.trim(), params: readParams(parameters) };
  }
  const close = rest.indexOf('>', open);
  if (close < 0 || close === open + 1) return 'malformed';
  const bareName = rest.slice(0, open).trim();
  const name = quoted === null ? bareName : (quoted[1] ?? '').replace(/\\(.)/gs, '$1').trim();
  return {
    uri: rest.slice(open + 1, close).trim(),
    ...(name === '' ? {} : { name }),
    params: readParams(rest.slice(close + 1).split(';').slice(1)),
  };
}

/** The URI of a name-addr: `"Bob" <sip:b@x>;tag=1` gives `sip:b@x`; undefined when there is none. */
export function uriOfNameAddr(value: string): string | undefined {
  const parsed = parseNameAddr(value);
  return parsed === 'malformed' ? undefined : parsed.uri;
}

const readParams = (pairs: readonly string[]): Map<string, string> => readPairs(pairs, true);

function readPairs(pairs: readonly string[], lowerNames: boolean): Map<string, string> {
  const map = new Map<string, string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const written = (equals < 0 ? pair : pair.slice(0, equals)).trim();
    const name = lowerNames ? written.toLowerCase() : written;
    if (name === '' || map.has(name)) continue;
    const value = equals < 0 ? '' : pair.slice(equals + 1).trim();
    map.set(name, lowerNames ? value.replace(/^"(.*)"$/s, '$1') : value);
  }
  return map;
}
