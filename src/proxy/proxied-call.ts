/**
 * The way of a call that is not recorded: proxied with Record-Route, its media past us.
 *
 * Leaves to  the edge the search among next hops; TrunkCall the ledger.
 */
import { isDeepStrictEqual } from 'node:util';
import { proxyRequest, type SipRequest, type TargetAnswer } from '../sip/index.js';
import type { CallContext } from './destinations.js';
import type { NextHop } from './next-hops.js';
import { proxiedInvite, type OutgoingInvite } from './outgoing-invite.js';
import type { Trunk } from './trunks.js';

export interface ProxiedCall {
  readonly context: CallContext;
  readonly trunk: Trunk;
  /** The next hops in the order to try them. */
  readonly hops: readonly NextHop[];
  readonly request: SipRequest;
  readonly sessionIdHeader: string;
  /** Beside those of trunk and next hop. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The Request-URI of one that names no host is where it is sent. */
const uriOf = ({ target }: OutgoingInvite, hop: NextHop): string => (/^sips?:/iu.test(target) ? target : hop.text);

/** Resolves with the status that the caller got, or undefined when nobody answered. */
export async function carryProxied({ context, trunk, hops, request, sessionIdHeader, headers: more = {} }: ProxiedCall): Promise<number | undefined> {
  const { sip, settings: { failover: { answerWithinMs, withinMs } }, destinations } = context;
  // One request goes to all of them: what only some of them want changed of its headers stays as it is.
  const alike = hops.every(({ headers }) => isDeepStrictEqual(headers, hops[0]?.headers));
  const invites = hops.map((hop) => ({ hop, invite: proxiedInvite(request, trunk, alike ? hop : { ...hop, headers: {} }) }));
  const [first] = invites;
  if (first === undefined) throw new TypeError('a call needs a next hop');
  const { headers, strip } = first.invite;
  const { status, answers } = await proxyRequest(sip, request, {
    targets: invites.map(({ hop, invite }) => uriOf(invite, hop)),
    headers: { ...headers, ...more, ...(request.has('session-id') ? {} : { 'Session-ID': sessionIdHeader }) },
    // One that came with the call is not the switch's to obey.
    strip: [...strip, ...Object.keys(more).map((name) => name.toLowerCase())],
    answerWithinMs,
    withinMs,
  });
  for (const answer of answers) {
    const hop = hops.find((each) => isAt(each, answer));
    if (answer.status === 503 && hop !== undefined) destinations.retryAfter(hop, answer.retryAfter);
  }
  return status;
}

/** Of a next hop that is named by a host name, only the edge knows where it is. */
const isAt = ({ uri: { host, port, scheme, params } }: NextHop, answer: TargetAnswer): boolean =>
  host === answer.address && (port ?? (scheme === 'sips' || params.get('transport') === 'tls' ? 5061 : 5060)) === answer.port;
