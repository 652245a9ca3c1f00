/**
 * All the places where the edge listens, as one: what arrives on any of them, and the path to
 * any peer.
 *
 * Owns       the transports; closes them.
 * Leaves to  the transaction layer what messages mean.
 */
import { encodeHostPort, parseUri, transportOf, type SipUri } from '../message/uri.js';
import type { Clock } from '../timing.js';
import { familyOf, isLoopback, isWildcard, type Family } from './local-address.js';
import type { Path, Place, Protocol } from './path.js';
import { Resolver, type LookUp } from './resolver.js';
import type { FramingReason } from './stream-framing.js';
import { openTcp, type TcpTransport } from './tcp-transport.js';
import { openUdp, type Arrived, type UdpTransport } from './udp-transport.js';

export interface HubAddress {
  readonly transport: Protocol;
  readonly host: string;
  readonly port: number;
}

export type NoPath = 'unresolved' | 'no-transport' | 'own-address';

export type Transport = UdpTransport | TcpTransport;

const protocolOf = (name: string | undefined): Protocol | undefined =>
  name === undefined || name === 'udp' ? 'udp' : name === 'tcp' ? 'tcp' : undefined;

export class TransportHub {
  readonly #own = new Set<string>();
  readonly #resolver: Resolver;

  /** Takes the transports over, in the order in which they are preferred. */
  constructor(private readonly transports: readonly Transport[], clock: Clock, lookUp?: LookUp) {
    const families = new Set<Family>();
    for (const transport of transports) {
      families.add(familyOf(transport.bound.address));
      for (const address of transport.own) this.#own.add(encodeHostPort(address, transport.bound.port));
      if (transport.own.some(isLoopback)) this.#own.add(`localhost:${transport.bound.port}`);
    }
    this.#resolver = new Resolver(clock, families, lookUp);
  }

  static async open(
    listen: readonly HubAddress[], clock: Clock, arrived: Arrived, broken: (reason: FramingReason) => void, lookUp?: LookUp,
  ): Promise<TransportHub> {
    const transports: Transport[] = [];
    try {
      for (const address of listen) {
        transports.push(
          address.transport === 'udp'
            ? await openUdp(address.host, address.port, arrived)
            : await openTcp(address.host, address.port, arrived, broken),
        );
      }
    } catch (thrown) {
      for (const transport of transports.reverse()) await transport.close();
      throw thrown;
    }
    return new TransportHub(transports, clock, lookUp);
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

  isOwn(host: string, port: number | undefined): boolean {
    return this.#own.has(encodeHostPort(host, port ?? 5060));
  }

  isOwnUri(text: string): boolean {
    const uri = parseUri(text);
    return typeof uri !== 'string' && this.isOwn(uri.host, uri.port);
  }

  /**
   * Finds the path to what a URI names (RFC 3263 without NAPTR and SRV: transport from the
   * parameter, else UDP, else what is there; port 5060 by default). Calls back at once when no
   * name has to be looked up.
   */
  route(uri: SipUri, done: (path: Path | NoPath) => void): void {
    const port = uri.port ?? 5060;
    if (this.isOwn(uri.host, port)) {
      done('own-address');
      return;
    }
    const named = transportOf(uri);
    const protocol = protocolOf(named);
    if (protocol === undefined || uri.scheme === 'sips') {
      done('no-transport');
      return;
    }
    this.#resolver.resolve(uri.host, (address) => {
      if (address === undefined) done('unresolved');
      else if (this.isOwn(address, port)) done('own-address');
      else done(this.pathTo(protocol, address, port, named === undefined) ?? 'no-transport');
    });
  }

  /** A path to an address; with `anyProtocol`, by whatever transport there is. */
  pathTo(protocol: Protocol, address: string, port: number, anyProtocol = false): Path | undefined {
    const transport = this.#choose(protocol, address) ?? (anyProtocol ? this.#choose(protocol === 'udp' ? 'tcp' : 'udp', address) : undefined);
    return transport?.path(address, port);
  }

  /** Lets requests to the port a TCP peer names in its Via go back on the connection it opened. */
  learn(path: Path, sentBy: Place): void {
    if (path.protocol !== 'tcp' || sentBy.address !== path.address) return;
    for (const transport of this.transports) if (transport.protocol === 'tcp') transport.alias(path, sentBy.port);
  }

  async close(): Promise<void> {
    this.#resolver.close();
    for (const transport of [...this.transports].reverse()) await transport.close();
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
