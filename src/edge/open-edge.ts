/** Puts an edge together: the core, the sockets of SIP and those of applications; and takes it apart. */
import { openLoadMeter } from './admission/load-meter.js';
import { AppServer } from './app/app-server.js';
import { UNREAD_BYTES, type Reception } from './app/app-socket.js';
import { OutboundConnections } from './app/outbound.js';
import { RequestHandlers } from './app/request-handlers.js';
import { EdgeCore, type EdgeEnvironment } from './edge-core.js';
import type { Edge, EdgeOptions } from './edge-options.js';
import { standardTiming, systemClock } from './timing.js';
import { dnsLookUps } from './transport/look-ups.js';
import { TransportHub } from './transport/transport-hub.js';

export type { EdgeEnvironment } from './edge-core.js';

/**
 * Opens an edge in the calling thread. Throws Failure EDGE_LISTEN when an address can't be listened
 * on, EDGE_TLS when its certificate can't be used, CONFIG_INVALID for an entry of `silentUnless` that is no
 * address, a request handler without a usable url, a certificate for applications that cannot be used.
 */
export async function openEdgeWith(options: EdgeOptions, replaced: EdgeEnvironment): Promise<Edge> {
  const clock = replaced.clock ?? systemClock;
  const timing = { ...standardTiming, ...replaced.timing };
  const handlers = new RequestHandlers(options.requestHandlers ?? [], clock, timing.routingMs);
  // Until there is a core, what arrives is dropped.
  const late: { core?: EdgeCore } = {};
  const hub = await TransportHub.open({
    listen: options.listen,
    tls: options.tls,
    clock,
    arrived: (text, path) => late.core?.receive(text, path),
    broken: () => late.core?.countMalformed('bad-framing'),
    heard: (address) => late.core?.hears(address) === true,
    lookUps: replaced.lookUps ?? dnsLookUps(options.dnsServers),
    limits: replaced.connections,
  });
  let core: EdgeCore;
  let outbound: OutboundConnections;
  let opened: Awaited<ReturnType<typeof AppServer.open>>;
  try {
    const reception: Reception = { begin: (wire, origin) => core.begin(wire, origin), clock, maxUnreadBytes: replaced.maxUnreadBytes ?? UNREAD_BYTES };
    outbound = new OutboundConnections(reception, timing.outboundMs, replaced.maxOutbound);
    core = new EdgeCore(hub, options, { load: openLoadMeter(() => hub.waitMs()), ...replaced }, {
      handlerOf: (method) => handlers.of(method),
      connect: (to, done) => outbound.open(to, done),
    });
    opened = await AppServer.open(options.admin, reception);
  } catch (thrown) {
    await hub.close();
    throw thrown;
  }
  late.core = core;

  const close = async (): Promise<void> => {
    await opened.server.close();
    outbound.close();
    handlers.close();
    core.close();
    await hub.close();
  };
  let closing: Promise<void> | undefined;
  return {
    listening: hub.listening,
    admin: opened.bound,
    stats: () => core.stats(),
    reloadTls: async () => hub.credentials?.reload(),
    setSources: (sources) => Promise.resolve(sources).then((wanted) => core.setSources(wanted)),
    close: () => (closing ??= close()),
  };
}

export const openEdge = (options: EdgeOptions): Promise<Edge> => openEdgeWith(options, {});
