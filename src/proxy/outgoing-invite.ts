/**
 * What a call says to its next hop: the number as that wants it, and its headers. Pure but for reading the request.
 *
 * A trunk's own rewriting and headers come first, then those of the next hop.
 */
import type { SipRequest } from '../sip/index.js';
import type { NextHop } from './next-hops.js';
import { rewriteAddresses, rewriteUri, type Who } from './rewrite-number.js';
import { requestUriFor, type Trunk } from './trunks.js';

export interface OutgoingInvite {
  /** The Request-URI. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Names, in lower case, of headers of the incoming INVITE that do not go on. */
  readonly strip: readonly string[];
}

/** Between our edge and us only, and not for a peer to say. */
const ofTheEdge = 'x-twintrack-tls-identity';

type Rewrite = (text: string, of: Who) => string;

function changedHeaders(trunk: Pick<Trunk, 'headers'>, hop: Pick<NextHop, 'headers'>): Pick<OutgoingInvite, 'headers' | 'strip'> {
  const headers = new Map<string, readonly [name: string, value: string]>();
  const strip = new Set([ofTheEdge]);
  for (const changes of [trunk.headers, hop.headers]) {
    for (const name of changes.strip ?? []) {
      strip.add(name.toLowerCase());
      headers.delete(name.toLowerCase());
    }
    for (const [name, value] of Object.entries(changes.add ?? {})) {
      headers.set(name.toLowerCase(), [name, value]);
      strip.add(name.toLowerCase());
    }
  }
  return { headers: Object.fromEntries(headers.values()), strip: [...strip] };
}

const targetOf = (uri: string, trunk: Trunk, hop: NextHop): string =>
  requestUriFor(rewriteUri(rewriteUri(uri, 'callee', trunk.rewrite), 'callee', hop.rewrite), hop.uri);

/** For a call that is proxied: the Request-URI may change, From, To and the identities not (RFC 3261 §16.6). */
export const proxiedInvite = (request: Pick<SipRequest, 'uri'>, trunk: Trunk, hop: NextHop): OutgoingInvite => ({
  target: targetOf(request.uri, trunk, hop),
  ...changedHeaders(trunk, hop),
});

/** For the second half of a back-to-back call. */
export function backToBackInvite(request: Pick<SipRequest, 'uri' | 'get' | 'has'>, trunk: Trunk, hop: NextHop): OutgoingInvite {
  const rewrite: Rewrite = (text, of) => rewriteAddresses(rewriteAddresses(text, of, trunk.rewrite), of, hop.rewrite);
  const { headers, strip } = changedHeaders(trunk, hop);
  const numbers: Record<string, string> = {};
  for (const [name, of] of [['From', 'caller'], ['To', 'callee'], ['P-Asserted-Identity', 'caller']] as const) {
    const key = name.toLowerCase();
    if (!request.has(key) || strip.includes(key)) continue;
    const before = request.get(key);
    const after = rewrite(before, of);
    if (after !== before) numbers[name] = after;
  }
  return { target: targetOf(request.uri, trunk, hop), headers: { ...numbers, ...headers }, strip: [...strip, ...Object.keys(numbers).map((name) => name.toLowerCase())] };
}
