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
import { noFacts } from './agent/call-facts.js';
import { nowhereElse, type Elsewhere } from './agent/new-requests.js';
import type { Application, Origin } from './app/application.js';
import { AppSession, type SessionContext, type Wire } from './app/app-session.js';
import { CallRecords, endsAlone } from './app/call-records.js';
import { Routes } from './app/routes.js';
import { DialogStore } from './dialog/dialog-store.js';
import type { EdgeOptions, EdgeStats, SourceOptions } from './edge-options.js';
import { randomIds, type Ids } from './ids.js';
import { Proxy } from './proxy/proxy.js';
import { standardTiming, systemClock, type Clock, type Timing } from './timing.js';
import { Lingering } from './transaction/lingering.js';
import { TransactionLayer, type MalformedReason } from './transaction/transaction-layer.js';
import type { ConnectionLimits } from './transport/connection-limits.js';
import type { LookUps } from './transport/look-ups.js';
import type { Path } from './transport/path.js';
import { openSourceFilter } from './transport/source-filter.js';
import type { TransportHub } from './transport/transport-hub.js';

/** What tests replace. */
export interface EdgeEnvironment {
  readonly timing?: Partial<Timing>;
  readonly clock?: Clock;
  readonly ids?: Ids;
  /** Absent: load is not looked at, and nothing turned away for it. */
  readonly load?: LoadMeter;
  readonly lookUps?: LookUps;
  readonly connections?: Partial<ConnectionLimits>;
  readonly maxTransactions?: number;
  readonly maxDialogs?: number;
  readonly maxOutbound?: number;
  readonly maxUnreadBytes?: number;
}

export class EdgeCore {
  readonly #admission: Admission;
  readonly #layer: TransactionLayer;
  readonly #dialogs: DialogStore<Application>;
  readonly #agent: Agent;
  readonly #sessions: SessionContext;
  readonly #hub: TransportHub;
  #heard: (address: string) => boolean = () => true;

  /** Throws Failure CONFIG_INVALID for an entry of `silentUnless` or `sourceLimit.except` that is no address. */
  constructor(
    hub: TransportHub,
    options: Pick<EdgeOptions, 'secret' | 'silentUnless' | 'sourceLimit' | 'natDetection' | 'tellTlsIdentity' | 'cdrs'>,
    replaced: EdgeEnvironment,
    elsewhere: Elsewhere = nowhereElse,
  ) {
    const clock = replaced.clock ?? systemClock;
    const ids = replaced.ids ?? randomIds;
    const environment = { clock, timing: { ...standardTiming, ...replaced.timing }, lingering: new Lingering(clock) };
    const routes = new Routes();
    const layer = new TransactionLayer(environment, () => ids.tag(), replaced.maxTransactions);
    const dialogs = new DialogStore<Application>(replaced.maxDialogs);
    const admission = new Admission({
      clock,
      load: replaced.load,
      lagMs: () => routes.lagMs('invite'),
      keepsUp: (verb) => routes.keepsUp(verb),
    });
    const facts = options.cdrs === true ? new CallRecords(routes) : noFacts;
    const proxy = new Proxy(environment, hub, layer, ids, options.cdrs === 'proxied-ends' ? endsAlone(routes) : facts);
    const { natDetection = true, tellTlsIdentity = false } = options;
    const agent = new Agent({ environment, ids, hub, layer, dialogs, routes, natDetection, tellTlsIdentity, facts }, proxy, (address) => this.#heard(address), admission, elsewhere);
    layer.bind(hub, agent);
    this.#admission = admission;
    this.#hub = hub;
    this.#layer = layer;
    this.#dialogs = dialogs;
    this.#agent = agent;
    this.#sessions = {
      secret: options.secret, newId: () => ids.uuid(), now: () => clock.now(), hostPorts: () => hub.hostPorts.join(','), routes, commands: agent,
    };
    this.setSources(options);
  }

  /** Who is heard from now on. Throws Failure CONFIG_INVALID for an entry that is no address; then nothing changes. */
  setSources({ silentUnless, sourceLimit }: SourceOptions): void {
    const heard = silentUnless === undefined ? () => true : openSourceFilter(silentUnless);
    this.#admission.limitSources(sourceLimit === undefined ? undefined : new SourceBuckets(sourceLimit, openSourceFilter(sourceLimit.except)));
    this.#heard = heard;
  }

  /** One message off the wire. */
  receive(text: string, path: Path): void {
    this.#layer.receive(text, path);
  }

  /** Whether a source is answered at all. */
  hears(address: string): boolean {
    return this.#heard(address);
  }

  /** For what a transport could not make a message of. */
  countMalformed(reason: MalformedReason): void {
    this.#layer.countMalformed(reason);
  }

  /** An application has connected, or has been connected to. */
  begin(wire: Wire, origin: Origin = 'inbound'): AppSession {
    return new AppSession(this.#sessions, wire, origin);
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
      ...(this.#hub.credentials === undefined ? {} : { tls: { ...this.#hub.credentials.counts } }),
    };
  }

  /** Calls off every timer. Calls are left as they are. */
  close(): void {
    this.#agent.close();
    this.#layer.close();
  }
}
