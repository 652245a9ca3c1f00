/** Puts an edge together: transports, transactions, agent, application server; and takes it apart. */
import { Agent } from './agent/agent.js';
import type { Application } from './app/application.js';
import { AppServer } from './app/app-server.js';
import { DialogStore } from './dialog/dialog-store.js';
import type { Edge, EdgeOptions, EdgeStats } from './edge-options.js';
import { randomIds, type Ids } from './ids.js';
import { Proxy } from './proxy/proxy.js';
import { standardTiming, systemClock, type Clock, type Timing } from './timing.js';
import { TransactionLayer } from './transaction/transaction-layer.js';
import { openSourceFilter } from './transport/source-filter.js';
import { TransportHub } from './transport/transport-hub.js';
import type { LookUp } from './transport/resolver.js';

/** What tests replace. */
export interface EdgeEnvironment {
  readonly timing?: Partial<Timing>;
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly lookUp?: LookUp;
  readonly maxTransactions?: number;
  readonly maxDialogs?: number;
}

/**
 * Opens an edge in the calling thread. Throws Failure EDGE_LISTEN when an address can't be listened
 * on, CONFIG_INVALID for an entry of `silentUnless` that is no address.
 */
export async function openEdgeWith(options: EdgeOptions, replaced: EdgeEnvironment): Promise<Edge> {
  const clock = replaced.clock ?? systemClock;
  const ids = replaced.ids ?? randomIds;
  const environment = { clock, timing: { ...standardTiming, ...replaced.timing } };
  const heard = options.silentUnless === undefined ? () => true : openSourceFilter(options.silentUnless);

  const layer = new TransactionLayer(environment, () => ids.tag(), replaced.maxTransactions);
  const hub = await TransportHub.open(
    options.listen, clock, (text, path) => layer.receive(text, path), () => layer.countMalformed('bad-framing'), replaced.lookUp,
  );
  const late: { agent?: Agent } = {};
  let server: AppServer;
  try {
    server = await AppServer.open(
      { ...options.admin, secret: options.secret, newId: () => ids.uuid(), now: () => clock.now(), hostPorts: () => hub.hostPorts.join(',') },
      {
        sip: (...command) => late.agent?.sip(...command),
        proxy: (...command) => late.agent?.proxy(...command),
        gone: (application) => late.agent?.gone(application),
      },
    );
  } catch (thrown) {
    await hub.close();
    throw thrown;
  }
  const dialogs = new DialogStore<Application>(replaced.maxDialogs);
  const proxy = new Proxy(environment, hub, layer, ids);
  const agent = new Agent({ environment, ids, hub, layer, dialogs, routes: server.routes }, proxy, heard);
  late.agent = agent;
  layer.bind(hub, agent);

  const stats = (): EdgeStats => ({
    received: layer.received,
    malformed: { ...layer.malformed },
    droppedSources: agent.droppedSources,
    transactions: layer.size,
    dialogs: dialogs.size,
  });
  const close = async (): Promise<void> => {
    await server.close();
    agent.close();
    layer.close();
    await hub.close();
  };
  let closing: Promise<void> | undefined;
  return {
    listening: hub.listening,
    admin: { host: options.admin.host, port: server.bound.port },
    stats,
    close: () => (closing ??= close()),
  };
}

export const openEdge = (options: EdgeOptions): Promise<Edge> => openEdgeWith(options, {});
