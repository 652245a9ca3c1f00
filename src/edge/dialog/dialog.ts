/**
 * Dialogs (RFC 3261 §12): the state that requests between two user agents share, and the
 * requests that can be made from it. Pure; the store below keeps them.
 */
import { encodeNameAddr, parseNameAddr } from '../message/name-addr.js';
import { paramOf } from '../message/params.js';
import { copyOf, headerOf, headersOf, type RequestText, type SipRequest, type SipResponse } from '../message/sip-message.js';
import type { Path } from '../transport/path.js';

export interface Dialog<Owner> {
  /** `Call-ID;from-tag=…` with the tag of the dialog-creating request's From: part of the protocol. */
  readonly id: string;
  readonly role: 'uac' | 'uas';
  readonly method: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** Our address as From or To has it, tag included; and the peer's. */
  readonly local: string;
  readonly remote: string;
  /** Changes hands when an application comes back on another connection. */
  owner: Owner;
  localSeq: number;
  /** Undefined until the peer has sent a request. */
  remoteSeq: number | undefined;
  routes: readonly string[];
  target: string;
  /** Our own Contact, whole. */
  contact: string;
  confirmed: boolean;
  /** How the peer was last reached; a TCP connection is used again as long as it is open. */
  path: Path;
  /** The peer's Contact can't be reached: requests go where its messages come from. */
  natted: boolean;
  /** The last session description of ours that the peer has, with its Content-Type; to repeat it. */
  offered: { readonly type: string; readonly body: string } | undefined;
  ended: boolean;
  /** Called once, when it ends: stops what runs for it. */
  release: () => void;
}

/** What a dialog begins with, whoever made it. */
const fresh = (): Pick<Dialog<unknown>, 'natted' | 'offered' | 'ended' | 'release'> =>
  ({ natted: false, offered: undefined, ended: false, release: () => undefined });

/** The protocol's name for a dialog. */
export const dialogIdOf = (callId: string, fromTag: string): string => `${callId};from-tag=${fromTag}`;

/** The URI of the first Contact, or undefined; a copy, for it is kept as long as the dialog. */
export function contactUri(message: { readonly headers: RequestText['headers'] }): string | undefined {
  const value = headerOf(message, 'contact');
  if (value === undefined) return undefined;
  const address = parseNameAddr(value);
  return typeof address === 'string' || address.uri === '*' ? undefined : copyOf(address.uri);
}

const withTag = (value: string, tag: string): string => {
  const address = parseNameAddr(value);
  if (typeof address === 'string' || paramOf(address.params, 'tag') !== undefined) return value;
  return encodeNameAddr({ ...address, params: `${address.params};tag=${tag}` });
};

/** What a dialog keeps of a message: a copy, which does not hold on to the rest. */
const kept = (message: Pick<RequestText, 'headers'>, key: string): string => copyOf(headerOf(message, key) ?? '');

/** RFC 3261 §12.1.1. */
export function dialogOfServer<Owner>(request: SipRequest, localTag: string, contact: string, path: Path, owner: Owner): Dialog<Owner> {
  return {
    id: dialogIdOf(request.callId, request.fromTag),
    role: 'uas',
    method: request.method,
    callId: copyOf(request.callId),
    localTag,
    remoteTag: copyOf(request.fromTag),
    local: withTag(kept(request, 'to'), localTag),
    remote: kept(request, 'from'),
    owner,
    localSeq: 0,
    remoteSeq: request.cseq.number,
    routes: headersOf(request, 'record-route').map(copyOf),
    target: contactUri(request) ?? copyOf(request.from.uri),
    contact,
    confirmed: false,
    path,
    ...fresh(),
  };
}

/** RFC 3261 §12.1.2; `peer` is a response to it, or a NOTIFY that came before (RFC 6665 §4.4.1). */
export function dialogOfClient<Owner>(
  request: RequestText, callId: string, localTag: string, localSeq: number, peer: SipResponse | SipRequest, path: Path, owner: Owner,
): Dialog<Owner> {
  const isResponse = peer.kind === 'response';
  const recordRoutes = headersOf(peer, 'record-route').map(copyOf);
  return {
    id: dialogIdOf(callId, localTag),
    role: 'uac',
    method: request.method,
    callId,
    localTag,
    remoteTag: copyOf(isResponse ? peer.toTag : peer.fromTag),
    local: kept(request, 'from'),
    remote: kept(peer, isResponse ? 'to' : 'from'),
    owner,
    localSeq,
    remoteSeq: undefined,
    routes: isResponse ? recordRoutes.reverse() : recordRoutes,
    target: contactUri(peer) ?? copyOf(request.uri),
    contact: kept(request, 'contact'),
    confirmed: isResponse && peer.status >= 200,
    path,
    ...fresh(),
  };
}

export interface Routed {
  readonly uri: string;
  readonly routes: readonly string[];
  /** The URI to send to. */
  readonly nextHop: string;
}

/** Request-URI, Route and next hop of a request in a dialog (RFC 3261 §12.2.1.1). */
export function routeInDialog(dialog: Pick<Dialog<unknown>, 'routes' | 'target'>): Routed {
  const [first, ...rest] = dialog.routes;
  if (first === undefined) return { uri: dialog.target, routes: [], nextHop: dialog.target };
  const address = parseNameAddr(first);
  const uri = typeof address === 'string' ? dialog.target : address.uri;
  const params = uri.indexOf(';');
  if (params !== -1 && paramOf(uri.slice(params), 'lr') !== undefined) {
    return { uri: dialog.target, routes: dialog.routes, nextHop: uri };
  }
  // A strict router wants itself in the Request-URI and the target at the end of the route.
  return { uri, routes: [...rest, `<${dialog.target}>`], nextHop: uri };
}
