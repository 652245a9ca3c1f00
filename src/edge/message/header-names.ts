/**
 * Header names: how they are compared (lower case, compact forms widened, RFC 3261 §7.3.3) and
 * how they are written.
 */

const standard = [
  'Accept', 'Accept-Contact', 'Accept-Encoding', 'Accept-Language', 'Alert-Info', 'Allow', 'Allow-Events',
  'Authentication-Info', 'Authorization', 'Call-ID', 'Call-Info', 'Contact', 'Content-Disposition',
  'Content-Encoding', 'Content-Language', 'Content-Length', 'Content-Type', 'CSeq', 'Date', 'Diversion',
  'Error-Info', 'Event', 'Expires', 'From', 'Geolocation', 'History-Info', 'Identity', 'In-Reply-To', 'Join',
  'Max-Forwards', 'MIME-Version', 'Min-Expires', 'Min-SE', 'Organization', 'P-Access-Network-Info',
  'P-Asserted-Identity', 'P-Called-Party-ID', 'P-Charging-Vector', 'P-Preferred-Identity', 'Path', 'Priority',
  'Privacy', 'Proxy-Authenticate', 'Proxy-Authorization', 'Proxy-Require', 'RAck', 'Reason', 'Record-Route',
  'Refer-Sub', 'Refer-To', 'Referred-By', 'Reject-Contact', 'Remote-Party-ID', 'Replaces', 'Reply-To',
  'Request-Disposition', 'Require', 'Retry-After', 'Route', 'RSeq', 'Server', 'Service-Route', 'Session-Expires',
  'Session-ID', 'SIP-ETag', 'SIP-If-Match', 'Subject', 'Subscription-State', 'Supported', 'Timestamp', 'To',
  'Unsupported', 'User-Agent', 'User-to-User', 'Via', 'Warning', 'WWW-Authenticate',
] as const;

const compact: Readonly<Record<string, string>> = {
  a: 'accept-contact', b: 'referred-by', c: 'content-type', d: 'request-disposition', e: 'content-encoding',
  f: 'from', i: 'call-id', j: 'reject-contact', k: 'supported', l: 'content-length', m: 'contact', n: 'identity-info',
  o: 'event', r: 'refer-to', s: 'subject', t: 'to', u: 'allow-events', v: 'via', x: 'session-expires', y: 'identity',
};

const canonical = new Map(standard.map((name) => [name.toLowerCase(), name] as const));

/** Headers of which each member becomes a header of its own. */
const lists: ReadonlySet<string> = new Set(['via', 'route', 'record-route', 'contact', 'path']);

export interface HeaderName {
  /** As headers are compared: lower case, compact forms widened. */
  readonly key: string;
  /** As it is written that came off the wire: standard names as in the RFC, others as they came. */
  readonly name: string;
  /** Whether each member of its value stands for a header of its own. */
  readonly isList: boolean;
}

const named = (key: string, otherwise: string): HeaderName => ({ key, name: canonical.get(key) ?? otherwise, isList: lists.has(key) });

/** Spellings seen most, so that the common message costs neither case folding nor a check of its characters. */
const known = new Map<string, HeaderName>();
for (const [key, name] of canonical) known.set(key, named(key, name)).set(name, named(key, name));
for (const [letter, key] of Object.entries(compact)) known.set(letter, named(key, letter)).set(letter.toUpperCase(), named(key, letter.toUpperCase()));

/** For the spellings seen most. */
export const knownName = (written: string): HeaderName | undefined => known.get(written);

/** For any name that is a token. */
export const nameOf = (written: string): HeaderName => known.get(written) ?? named(written.toLowerCase(), written);

export const headerKey = (name: string): string => nameOf(name).key;

/**
 * How a header is written that an application gave in lower case: standard names as in the RFC,
 * others with each word capitalised, except that `X-` and `x-` names are left alone.
 */
export function composedName(key: string, name: string): string {
  const standardName = canonical.get(key);
  if (standardName !== undefined) return standardName;
  if (name.startsWith('X-') || name.startsWith('x-')) return name;
  return name.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('-');
}
