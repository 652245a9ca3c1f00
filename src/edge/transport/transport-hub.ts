/**
 * All the places where the edge listens, as one: what arrives on any of them, and the path to
 * any peer.
 *
 * Owns       the transports, the certificates, and the memory of places that failed; closes them.
 * Leaves to  the transaction layer what messages mean; server-location what a URI names.
 */
import { Failure } from '../../errors/index.js';
import type { TlsSettings } from '../edge-options.js';
import { copyOf } from '../message/sip-message.js';
import { encodeHost, encodeHostPort, parseUri, transportOf, type SipUri } from '../message/uri.js';
import type { Via } from '../message/via.js';
import type { Clock } from '../timing.js';
import { standardLimits, type ConnectionLimits } from './connection-limits.js';
import { familyOf, isLoopback, isWildcard, type Family } from './local-address.js';
import { dnsLookUps, type LookUps } from './look-ups.js';
import { defaultPort, isReliable, type Path, type Place, type Protocol } from './path.js';
import { ReplyPath, type ReplyWays } from './reply-path.js';
import { ServerLocation, type Hop } from './server-location.js';
import { Shunned } from './shunned.js';
import type { Draw } from './srv-order.js';
import type { FramingReason } from './stream-framing.js';
import { openStream, type StreamTransport } from './stream-transport.js';
import { TlsCredentials } from './tls-credentials.js';
import { openUdp, type Arrived, type UdpTransport } from './udp-transport.js';

export interface HubAddress {
  readonly transport: Protocol;
  readonly host: string;
  readonly port: number;
}

export interface HubOptions {
  readonly listen: readonly HubAddress[];
  /** Needed where `listen` has a tls address. */
  readonly tls?: TlsSettings | undefined;
  readonly clock: Clock;
  readonly arrived: Arrived;
  readonly broken: (reason: FramingReason) => void;
  /** Which sources of STUN requests are answered. */
  readonly heard: (address: string) => boolean;
  readonly lookUps?: LookUps | undefined;
  readonly limits?: Partial<ConnectionLimits> | undefined;
}

export type NoPath = 'unresolved' | 'no-transport' | 'own-address';

export type Transport = UdpTransport | StreamTransport;

/** A place to get a path to; `name` is what a TLS peer must prove to be. */
export type Target = Pick<Hop, 'protocol' | 'address' | 'port' | 'name' | 'path'>;

function needed(credentials: TlsCredentials | undefined): TlsCredentials {
  if (credentials !== undefined) return credentials;
  throw new Failure('EDGE_TLS', 'the SIP edge is to listen on tls and has no certificate (setting: sip.tls or recorder.sip.tls)');
}

async function openTransports(options: HubOptions, credentials: TlsCredentials | undefined): Promise<Transport[]> {
  const { clock, arrived, broken, heard } = options;
  const limits = { ...standardLimits, ...options.limits };
  const transports: Transport[] = [];
  try {
    for (const { transport, host, port } of options.listen) {
      transports.push(
        transport === 'udp'
          ? await openUdp(host, port, arrived, heard)
          : await openStream({ host, port, limits, clock, arrived, broken, ...(transport === 'tls' ? { credentials: needed(credentials) } : {}) }),
      );
    }
  } catch (thrown) {
    for (const transport of transports.reverse()) await transport.close();
    throw thrown;
  }
  return transports;
}

export class TransportHub {
  readonly #own = new Set<string>();
  readonly #location: ServerLocation;
  readonly #replyWays: ReplyWays = {
    connect: (place) => this.pathTo(place),
    locate: ({ host, port }, protocol, done) => {
      const uri = parseUri(`sip:${encodeHost(host)}${port === undefined ? '' : `:${port}`};transport=${protocol}`);
      if (typeof uri === 'string') done([]);
      else this.hops(uri, (hops) => done(typeof hops === 'string' ? [] : hops));
    },
  };
  readonly shunned: Shunned;

  /** Takes the transports over, in the order in which they are preferred. */
  constructor(
    private readonly transports: readonly Transport[], clock: Clock, lookUps: LookUps = dnsLookUps(),
    /** Of the transports over TLS; closed with them. */
    readonly credentials?: TlsCredentials,
  ) {
    for (const transport of transports) {
      for (const address of transport.own) this.#own.add(encodeHostPort(address, transport.bound.port));
      if (transport.own.some(isLoopback)) this.#own.add(`localhost:${transport.bound.port}`);
    }
    this.shunned = new Shunned(clock);
    this.#location = new ServerLocation(clock, lookUps, (protocol: Protocol, family: Family) =>
      transports.some((transport) => transport.protocol === protocol && familyOf(transport.bound.address) === family));
  }

  /** Throws Failure EDGE_LISTEN when an address can't be listened on, EDGE_TLS when the certificates can't be used. */
  static async open(options: HubOptions): Promise<TransportHub> {
    const credentials = options.tls === undefined ? undefined : await TlsCredentials.open(options.tls, options.clock);
    try {
      return new TransportHub(await openTransports(options, credentials), options.clock, options.lookUps, credentials);
    } catch (thrown) {
      credentials?.close();
      throw thrown;
    }
  }

  /** The real ports, in the order they were asked for. */
  get listening(): HubAddress[] {
    return this.transports.map((transport) => ({ transport: transport.protocol, host: transport.bound.address, port: transport.bound.port }));
  }

  /** `proto/host:port` for every address that names this edge, as applications are told. */
  get hostPorts(): string[] {
    return this.transports.flatMap((transport) =>
      transport.own.filter((address) => !isWildcard(address)).map((address) => `${transport.protocol}/${encodeHostPort(address, transport.bound.port)}`),
    );
  }

  /** How long a message that arrives now waits until it is looked at, measured from one call to the next. */
  waitMs(): number {
    return Math.max(0, ...this.transports.map((transport) => transport.waitMs()));
  }

  isOwn(host: string, port: number | undefined): boolean {
    return this.#own.has(encodeHostPort(host, port ?? 5060));
  }

  isOwnUri(text: string): boolean {
    const uri = parseUri(text);
    return typeof uri !== 'string' && this.#isOwnTarget(uri);
  }

  /**
   * Finds the places to try for what a URI names, best first, those that have just failed last. Calls
   * back at once when no name has to be looked up.
   */
  hops(uri: SipUri, done: (hops: readonly Hop[] | NoPath) => void, draw: Draw = Math.random): void {
    if (this.#isOwnTarget(uri)) {
      done('own-address');
      return;
    }
    this.#location.locate(uri, draw, (located) => {
      if (typeof located === 'string') {
        done(located);
        return;
      }
      const foreign = located.filter((hop) => !this.isOwn(hop.address, hop.port));
      done(foreign.length === 0 ? 'own-address' : this.shunned.order(foreign));
    });
  }

  /** Finds the path to the first place there is; for what is sent once and left to its fate. */
  route(uri: SipUri, done: (path: Path | NoPath) => void): void {
    this.hops(uri, (hops) => done(typeof hops === 'string' ? hops : this.firstPath(hops)));
  }

  firstPath(hops: readonly Hop[]): Path | 'no-transport' {
    for (const hop of hops) {
      const path = this.pathTo(hop);
      if (path !== undefined) return path;
    }
    return 'no-transport';
  }

  /** The path to a place: a connection is opened unless there is one. An `answer` goes on any connection that is open. */
  pathTo(target: Target, answer = false): Path | undefined {
    if (target.path !== undefined) return target.path;
    const transport = this.#choose(target.protocol, target.address);
    return transport?.protocol === 'udp'
      ? transport.path(target.address, target.port)
      : transport?.path(target.address, target.port, target.name, answer);
  }

  /** The way of responses to a request that came by `path`; `port` is where they go over UDP (RFC 3261 §18.2.2). */
  replyTo(path: Path, via: Via, port: number): Path {
    if (!isReliable(path)) {
      return port === path.port ? path : (this.pathTo({ protocol: 'udp', address: path.address, port, name: path.address }) ?? path);
    }
    // Copies: a transaction that lingers keeps this, and is not to keep the whole message.
    return new ReplyPath(path, { host: copyOf(via.host), port: via.port }, this.#replyWays);
  }

  /** Lets requests to the port that a peer on a connection names in its Via go back on that connection. */
  learn(path: Path, sentBy: Place): void {
    if (!isReliable(path) || sentBy.address !== path.address) return;
    for (const transport of this.transports) if (transport.protocol !== 'udp' && transport.protocol === path.protocol) transport.alias(path, sentBy.port);
  }

  async close(): Promise<void> {
    this.#location.close();
    this.credentials?.close();
    for (const transport of [...this.transports].reverse()) await transport.close();
  }

  #isOwnTarget(uri: SipUri): boolean {
    const secure = uri.scheme === 'sips' || transportOf(uri) === 'tls';
    return this.isOwn(uri.host, uri.port ?? defaultPort(secure ? 'tls' : 'udp'));
  }

  #choose(protocol: Protocol, address: string): Transport | undefined {
    const family = familyOf(address);
    let fallback: Transport | undefined;
    for (const transport of this.transports) {
      if (transport.protocol !== protocol || familyOf(transport.bound.address) !== family) continue;
      const bound = transport.bound.address;
      if (isWildcard(bound) || isLoopback(bound) === isLoopback(address)) return transport;
      fallback ??= transport;
    }
    return fallback;
  }
}
