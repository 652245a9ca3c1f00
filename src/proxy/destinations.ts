/**
 * Where calls go: routes, and the next hops at their ends.
 *
 * Owns       the state of next hops and their checks, and its log lines and metric.
 * Leaves to  the call the trying of one after the other.
 */
import type { RecorderPool } from '../recorder-pool/index.js';
import { askOptions, secondsOf } from '../sip/index.js';
import type { ProxyContext } from './context.js';
import { HopBoard } from './hop-board.js';
import { openHopChecks } from './hop-checks.js';
import type { NextHop } from './next-hops.js';
import type { ProxiedEnds } from './proxied-ends.js';
import { readRouting, type Destination, type RoutedCall } from './routes.js';

export interface Destinations {
  /** The next hops of a call, in the order to try them, no more than one call may try; undefined when there is no way. */
  of(call: RoutedCall): Destination | undefined;
  /** A next hop answered a call 503 with this Retry-After; what is none changes nothing. */
  retryAfter(hop: NextHop, value: string | undefined): void;
  close(): void;
}

/** What a call has of its proxy. */
export interface CallContext extends ProxyContext {
  readonly destinations: Destinations;
  readonly proxiedEnds: ProxiedEnds;
  readonly recorders: RecorderPool;
}

const hopLists = ({ trunks, routes }: ProxyContext['settings']) => [...trunks.flatMap(({ nextHops, gateways }) => [nextHops, gateways]), ...routes.map(({ nextHops }) => nextHops)];

/** Whether something is asked for that a drachtio-server does not do for calls that are proxied. */
const routesSeveralWays = (settings: ProxyContext['settings']): boolean =>
  settings.trunks.some(({ headers }) => headers?.strip !== undefined) ||
  hopLists(settings).some((hops = []) => hops.length > 1 || hops.some(({ headers }) => headers?.strip !== undefined));

export function openDestinations({ settings, sip, log, metrics }: ProxyContext): Destinations {
  if (!sip.embedded && routesSeveralWays(settings)) {
    log.warn('with a drachtio-server, calls that are not recorded go to the first next hop that is up and no further, and keep all their headers');
  }
  const routing = readRouting(settings.trunks, settings.routes);
  const board = new HopBoard({
    lists: routing.lists,
    settings: settings.health,
    draw: Math.random,
    onChange: ({ owner, hop, up, reason }) => {
      metrics.nextHopUp(owner, hop.label, up);
      if (up) log.info({ trunk: owner, hop: hop.label, reason }, 'a next hop is up again');
      else log.warn({ trunk: owner, hop: hop.label, reason }, 'a next hop is down, and tried last');
    },
  });
  for (const { owner, hop } of board.all) metrics.nextHopUp(owner, hop.label, true);
  const endChecks = openHopChecks({ board, settings: settings.health, ask: (uri, timeoutMs) => askOptions(sip, uri, timeoutMs).then((answer) => answer?.status), draw: Math.random });
  return {
    of: (call) => {
      const found = routing.of(call);
      return found === undefined ? undefined : { by: found.by, hops: board.order(found.hops).slice(0, settings.failover.attempts) };
    },
    retryAfter: (hop, value) => board.hold(hop, secondsOf(value)),
    close: () => {
      endChecks();
      board.close();
    },
  };
}
