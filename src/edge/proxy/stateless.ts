/**
 * Requests that only run through, in dialogs whose Record-Route named this edge, and the
 * responses to them: forwarded without state (RFC 3261 §16.11).
 *
 * The branch is made from the one received, so that a retransmission gets the same one and a CANCEL
 * the one of its INVITE.
 */
import { encodeMessage } from '../message/encode-message.js';
import { parseNameAddr } from '../message/name-addr.js';
import { paramOf } from '../message/params.js';
import { headersOf, type RequestText, type SipRequest, type SipResponse } from '../message/sip-message.js';
import { parseNumber, parseUri } from '../message/uri.js';
import { MAGIC_COOKIE, parseVia } from '../message/via.js';
import type { Path } from '../transport/path.js';
import { forwardRequest, nextMaxForwards, withoutOwnRoutes, withoutTopVia } from './forward-request.js';
import type { ProxyContext } from './proxy-context.js';

/** Longest branch that is carried over; RFC 3261 sets none, and paths of a hundred proxies do not exist. */
const MAX_BRANCH = 2_048;

export class StatelessForwarding {
  constructor(private readonly context: ProxyContext, /** Begins every branch of this proxy. */ private readonly mark: string) {}

  request(request: SipRequest, path: Path): void {
    const { hub, layer } = this.context;
    const maxForwards = nextMaxForwards(request);
    if (maxForwards === undefined || request.via.branch.length > MAX_BRANCH) {
      if (request.method !== 'ACK') layer.respondWithoutState(request, 483, path);
      return;
    }
    const { uri, routes } = this.#route(request);
    const hop = parseUri(routes[0] ?? uri);
    if (typeof hop === 'string') {
      if (request.method !== 'ACK') layer.respondWithoutState(request, 416, path);
      return;
    }
    hub.route(hop, (outward) => {
      if (typeof outward === 'string') {
        if (request.method !== 'ACK') layer.respondWithoutState(request, 503, path);
        return;
      }
      const branch = `${this.mark}.${request.via.branch.startsWith(MAGIC_COOKIE) ? request.via.branch.slice(MAGIC_COOKIE.length) : `${request.callId}${request.cseq.number}`}`;
      const forwarded = forwardRequest(request, {
        uri,
        via: layer.viaFor(outward, branch),
        maxForwards,
        recordRoutes: [],
        extra: [],
        isOwn: (text) => hub.isOwnUri(text),
      }, outward);
      outward.send(encodeMessage(forwarded), () => undefined);
    });
  }

  /** A response with our branch and no transaction: passed back by the Via below ours (RFC 3261 §16.11, §18.2.2). */
  response(response: SipResponse): void {
    if (!response.via.branch.startsWith(this.mark) || !this.context.hub.isOwn(response.via.host, response.via.port)) return;
    const next = headersOf(response, 'via')[1];
    const via = next === undefined ? 'bad-via' : parseVia(next);
    if (typeof via === 'string') return;
    const address = paramOf(via.params, 'received') ?? via.host;
    const port = parseNumber(paramOf(via.params, 'rport') ?? '', 65_535) ?? via.port ?? 5060;
    const text = encodeMessage(withoutTopVia(response));
    const protocol = via.transport === 'TCP' ? 'tcp' : 'udp';
    this.context.hub.pathTo(protocol, address, port)?.send(text, () => undefined);
  }

  /** Request-URI and remaining route, with what a strict router did undone (RFC 3261 §16.4). */
  #route(request: SipRequest): { readonly uri: string; readonly routes: readonly string[] } {
    const isOwn = (text: string): boolean => this.context.hub.isOwnUri(text);
    const left: RequestText = { ...request, headers: withoutOwnRoutes(request.headers, isOwn) };
    const routes = headersOf(left, 'route').flatMap((value) => {
      const address = parseNameAddr(value);
      return typeof address === 'string' ? [] : [address.uri];
    });
    const own = parseUri(request.uri);
    const strict = typeof own !== 'string' && paramOf(own.params, 'lr') !== undefined && isOwn(request.uri);
    const last = routes.at(-1);
    return strict && last !== undefined ? { uri: last, routes: routes.slice(0, -1) } : { uri: request.uri, routes };
  }
}
