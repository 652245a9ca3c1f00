/** Puts an edge together: the core, the sockets of SIP and those of applications; and takes it apart. */
import { openLoadMeter } from './admission/load-meter.js';
import { AppServer } from './app/app-server.js';
import { EdgeCore, type EdgeEnvironment } from './edge-core.js';
import type { Edge, EdgeOptions } from './edge-options.js';
import { systemClock } from './timing.js';
import { dnsLookUps } from './transport/look-ups.js';
import { TransportHub } from './transport/transport-hub.js';

export type { EdgeEnvironment } from './edge-core.js';

/**
 * Opens an edge in the calling thread. Throws Failure EDGE_LISTEN when an address can't be listened
 * on, EDGE_TLS when its certificate can't be used, CONFIG_INVALID for an entry of `silentUnless` that is no address.
 */
export async function openEdgeWith(options: EdgeOptions, replaced: EdgeEnvironment): Promise<Edge> {
  // Until there is a core, what arrives is dropped.
  const late: { core?: EdgeCore } = {};
  const hub = await TransportHub.open({
    listen: options.listen,
    tls: options.tls,
    clock: replaced.clock ?? systemClock,
    arrived: (text, path) => late.core?.receive(text, path),
    broken: () => late.core?.countMalformed('bad-framing'),
    heard: (address) => late.core?.hears(address) === true,
    lookUps: replaced.lookUps ?? dnsLookUps(options.dnsServers),
    limits: replaced.connections,
  });
  let core: EdgeCore;
  let server: AppServer;
  try {
    core = new EdgeCore(hub, options, { load: openLoadMeter(), ...replaced });
    server = await AppServer.open(options.admin, (wire) => core.begin(wire));
  } catch (thrown) {
    await hub.close();
    throw thrown;
  }
  late.core = core;

  const close = async (): Promise<void> => {
    await server.close();
    core.close();
    await hub.close();
  };
  let closing: Promise<void> | undefined;
  return {
    listening: hub.listening,
    admin: { host: options.admin.host, port: server.bound.port },
    stats: () => core.stats(),
    reloadTls: async () => hub.credentials?.reload(),
    close: () => (closing ??= close()),
  };
}

export const openEdge = (options: EdgeOptions): Promise<Edge> => openEdgeWith(options, {});
