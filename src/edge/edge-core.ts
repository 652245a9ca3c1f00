/**
 * Everything of an edge above its sockets: transactions, dialogs, agent, proxy, and what applications
 * say. Synchronous; clock, ids and transports are arguments.
 *
 * Leaves to  open-edge the sockets that feed it, and the closing of its hub.
 */
import { Admission } from './admission/admission.js';
import type { LoadMeter } from './admission/load-meter.js';
import { SourceBuckets } from './admission/source-limit.js';
import { Agent } from './agent/agent.js';
import type { Application } from './app/application.js';
import { AppSession, type SessionContext, type Wire } from './app/app-session.js';
import { Routes } from './app/routes.js';
import { DialogStore } from './dialog/dialog-store.js';
import type { EdgeOptions, EdgeStats } from './edge-options.js';
import { randomIds, type Ids } from './ids.js';
import { Proxy } from './proxy/proxy.js';
import { standardTiming, systemClock, type Clock, type Timing } from './timing.js';
import { Lingering } from './transaction/lingering.js';
import { TransactionLayer, type MalformedReason } from './transaction/transaction-layer.js';
import type { Path } from './transport/path.js';
import type { LookUp } from './transport/resolver.js';
import { openSourceFilter } from './transport/source-filter.js';
import type { TransportHub } from './transport/transport-hub.js';

/** What tests replace. */
export interface EdgeEnvironment {
  readonly timing?: Partial<Timing>;
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly lookUp?: LookUp;
  /** Absent: load is not looked at, and nothing turned away for it. */
  readonly load?: LoadMeter;
  readonly maxTransactions?: number;
  readonly maxDialogs?: number;
}

export class EdgeCore {
  readonly #admission: Admission;
  readonly #layer: TransactionLayer;
  readonly #dialogs: DialogStore<Application>;
  readonly #agent: Agent;
  readonly #sessions: SessionContext;

  /** Throws Failure CONFIG_INVALID for an entry of `silentUnless` or `sourceLimit.except` that is no address. */
  constructor(hub: TransportHub, options: Pick<EdgeOptions, 'secret' | 'silentUnless' | 'sourceLimit' | 'natDetection'>, replaced: EdgeEnvironment) {
    const clock = replaced.clock ?? systemClock;
    const ids = replaced.ids ?? randomIds;
    const environment = { clock, timing: { ...standardTiming, ...replaced.timing }, lingering: new Lingering(clock) };
    const heard = options.silentUnless === undefined ? () => true : openSourceFilter(options.silentUnless);
    const routes = new Routes();
    const layer = new TransactionLayer(environment, () => ids.tag(), replaced.maxTransactions);
    const dialogs = new DialogStore<Application>(replaced.maxDialogs);
    const { sourceLimit } = options;
    const admission = new Admission({
      clock,
      load: replaced.load,
      ...(sourceLimit === undefined ? {} : { sources: new SourceBuckets(sourceLimit, openSourceFilter(sourceLimit.except)) }),
      keepsUp: (verb) => routes.keepsUp(verb),
    });
    const proxy = new Proxy(environment, hub, layer, ids);
    const natDetection = options.natDetection ?? true;
    const agent = new Agent({ environment, ids, hub, layer, dialogs, routes, natDetection }, proxy, heard, admission);
    layer.bind(hub, agent);
    this.#admission = admission;
    this.#layer = layer;
    this.#dialogs = dialogs;
    this.#agent = agent;
    this.#sessions = {
      secret: options.secret, newId: () => ids.uuid(), now: () => clock.now(), hostPorts: () => hub.hostPorts.join(','), routes, commands: agent,
    };
  }

  /** One message off the wire. */
  receive(text: string, path: Path): void {
    this.#layer.receive(text, path);
  }

  /** For what a transport could not make a message of. */
  countMalformed(reason: MalformedReason): void {
    this.#layer.countMalformed(reason);
  }

  /** An application has connected. */
  begin(wire: Wire): AppSession {
    return new AppSession(this.#sessions, wire);
  }

  get transactions(): number {
    return this.#layer.size;
  }

  /** Requests and calls that something is still awaited for; 0 when the edge is at rest. */
  get pending(): number {
    return this.#agent.pending;
  }

  stats(): EdgeStats {
    return {
      received: this.#layer.received,
      malformed: { ...this.#layer.malformed },
      droppedSources: this.#agent.droppedSources,
      turnedAway: { ...this.#admission.turnedAway },
      transactions: this.#layer.size,
      dialogs: this.#dialogs.size,
    };
  }

  /** Calls off every timer. Calls are left as they are. */
  close(): void {
    this.#agent.close();
    this.#layer.close();
  }
}
