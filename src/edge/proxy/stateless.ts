/**
 * Requests that only run through, in dialogs whose Record-Route named this edge, and the
 * responses to them: forwarded without state (RFC 3261 §16.11).
 *
 * The branch is made from the one received, so that a retransmission gets the same one and a CANCEL
 * the one of its INVITE.
 */
import { encodeMessage } from '../message/encode-message.js';
import { paramOf } from '../message/params.js';
import { routeInDialog } from '../dialog/dialog.js';
import { takeRoute } from '../dialog/route-set.js';
import { headersOf, type Header, type SipRequest, type SipResponse } from '../message/sip-message.js';
import type { OwnStatus } from '../message/statuses.js';
import { parseNumber, parseUri } from '../message/uri.js';
import { MAGIC_COOKIE, parseVia } from '../message/via.js';
import { defaultPort, type Path, type Protocol } from '../transport/path.js';
import { drawFrom } from '../transport/srv-order.js';
import { refusalOf } from './validate-request.js';
import { forwardRequest, nextMaxForwards, withoutTopVia } from './forward-request.js';
import { routingDigest } from './loop.js';
import type { ProxyContext } from './proxy-context.js';

/** Begins the last part of a branch that was made without a transaction; no tag of ours begins so. */
const STATELESS = '-';

/** Longest branch that is carried over; RFC 3261 sets none, and paths of a hundred proxies do not exist. */
const MAX_BRANCH = 2_048;

const protocols: Readonly<Record<string, Protocol>> = { UDP: 'udp', TCP: 'tcp', TLS: 'tls' };

export class StatelessForwarding {
  constructor(private readonly context: ProxyContext, /** Begins every branch of this proxy. */ private readonly mark: string) {}

  request(request: SipRequest, path: Path): void {
    const { hub, layer } = this.context;
    const refuse = (status: OwnStatus, extra: readonly Header[] = []): void => {
      if (request.method !== 'ACK') layer.respondWithoutState(request, status, path, extra);
    };
    const digest = routingDigest(request);
    const refusal = refusalOf(request, this.mark, digest);
    if (refusal !== undefined) {
      refuse(refusal.status, refusal.extra);
      return;
    }
    if (request.via.branch.length > MAX_BRANCH) {
      refuse(483);
      return;
    }
    const left = takeRoute(request, (text) => hub.isOwnUri(text));
    const routed = routeInDialog({ target: left.uri, routes: left.routes });
    const hop = parseUri(routed.nextHop);
    if (typeof hop === 'string') {
      refuse(416);
      return;
    }
    const received = request.via.branch.startsWith(MAGIC_COOKIE) ? request.via.branch.slice(MAGIC_COOKIE.length) : `${request.callId}${request.cseq.number}`;
    const branch = `${this.mark}.${digest}.${STATELESS}${received}`;
    hub.hops(hop, (hops) => {
      const search = typeof hops === 'string' ? hops : layer.along<never>(hops, (outward) => ({
        branch,
        request: forwardRequest(request, {
          uri: routed.uri,
          via: layer.viaFor(outward, branch),
          maxForwards: nextMaxForwards(request) ?? 0,
          recordRoutes: [],
          routes: routed.routes,
          extra: [],
        }, outward),
      }));
      if (typeof search === 'string') {
        // What leads through us to ourselves is of a dialog that we do not have any more.
        refuse(search === 'own-address' ? 481 : 503);
        return;
      }
      search.startWithoutState();
      if (request.method !== 'BYE') return;
      this.context.facts.ended('network', 'normal-release', request);
      this.context.facts.ended('application', 'normal-release', search.request);
    }, drawFrom(request.callId));
  }

  /**
   * A response to what was forwarded here: passed back by the Via below ours (RFC 3261 §16.11, §18.2.2).
   * Late responses of proxied transactions end here (RFC 6026).
   */
  response(response: SipResponse): void {
    const { branch } = response.via;
    if (!branch.startsWith(this.mark) || branch.slice(this.mark.length).split('.')[2]?.startsWith(STATELESS) !== true) return;
    if (!this.context.hub.isOwn(response.via.host, response.via.port)) return;
    const next = headersOf(response, 'via')[1];
    const via = next === undefined ? 'bad-via' : parseVia(next);
    if (typeof via === 'string') return;
    const address = paramOf(via.params, 'received') ?? via.host;
    const protocol = protocols[via.transport] ?? 'udp';
    const port = parseNumber(paramOf(via.params, 'rport') ?? '', 65_535) ?? via.port ?? defaultPort(protocol);
    const text = encodeMessage(withoutTopVia(response));
    this.context.hub.pathTo({ protocol, address, port, name: via.host }, true)?.send(text, () => undefined);
  }
}
