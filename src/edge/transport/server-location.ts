/**
 * Finding SIP servers (RFC 3263): from a URI to the places to try, best first.
 *
 * Pure but for the look-ups and draws it is given. Calls back at once when no name has to be looked up.
 *
 * Leaves to  the hub which of these places can be reached; hop-search trying them.
 */
import { isIP } from 'node:net';
import { transportOf, type SipUri } from '../message/uri.js';
import type { Clock } from '../timing.js';
import { AnswerCache } from './answer-cache.js';
import { familyOf, type Family } from './local-address.js';
import type { LookUps, NaptrRecord } from './look-ups.js';
import { defaultPort, type Path, type Protocol } from './path.js';
import { orderServers, type Draw, type SrvRecord } from './srv-order.js';

/** One place that a request may be sent to. */
export interface Hop {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** What the peer must prove to be over TLS: the name in the URI, whatever the DNS makes of it (RFC 3263 §4.1, RFC 5922 §7.3). */
  readonly name: string;
  /** Whether the transport was ours to choose, so that a large request may take another (RFC 3261 §18.1.1). */
  readonly free: boolean;
  /** The connection to use, where there is one already. */
  readonly path?: Path;
}

/** Whether we have a transport of that protocol and family. */
export type Have = (protocol: Protocol, family: Family) => boolean;

export type Located = readonly Hop[] | 'unresolved' | 'no-transport';

/** Transports in the order of our liking, where the peer has none. */
const preferred: readonly Protocol[] = ['udp', 'tcp', 'tls'];

const services: Readonly<Record<Protocol, { readonly naptr: string; readonly srv: string }>> = {
  udp: { naptr: 'sip+d2u', srv: '_sip._udp.' },
  tcp: { naptr: 'sip+d2t', srv: '_sip._tcp.' },
  tls: { naptr: 'sips+d2t', srv: '_sips._tcp.' },
};

/** Enough for any real set of servers; a request that fails at so many has failed. */
const MAX_HOPS = 8;

/** The transport that a URI demands; undefined when it leaves the choice to us (RFC 3263 §4.1). */
function demanded(uri: SipUri): Protocol | 'none' | undefined {
  const named = transportOf(uri);
  if (uri.scheme === 'sips') return named === undefined || named === 'tcp' || named === 'tls' ? 'tls' : 'none';
  if (named === undefined) return undefined;
  return named === 'udp' || named === 'tcp' || named === 'tls' ? named : 'none';
}

/** Runs `each` for all at once and calls back with the results in order. */
function gather<T, R>(items: readonly T[], each: (item: T, done: (result: R) => void) => void, done: (results: R[]) => void): void {
  const results: R[] = [];
  let left = items.length;
  if (left === 0) done([]);
  items.forEach((item, i) => {
    each(item, (result) => {
      results[i] = result;
      left -= 1;
      if (left === 0) done(results);
    });
  });
}

export class ServerLocation {
  readonly #addresses: AnswerCache<string>;
  readonly #srv: AnswerCache<SrvRecord>;
  readonly #naptr: AnswerCache<NaptrRecord>;

  constructor(clock: Clock, private readonly lookUps: LookUps, private readonly have: Have) {
    this.#addresses = new AnswerCache(clock, lookUps.addresses);
    this.#srv = new AnswerCache(clock, lookUps.srv);
    this.#naptr = new AnswerCache(clock, lookUps.naptr);
  }

  locate(uri: SipUri, draw: Draw, done: (located: Located) => void): void {
    const wanted = demanded(uri);
    const usable = wanted === 'none' ? [] : preferred.filter((protocol) => (wanted ?? protocol) === protocol && this.#has(protocol));
    const [first] = usable;
    if (first === undefined) {
      done('no-transport');
      return;
    }
    const free = wanted === undefined;
    const plain = (): void => this.#plain(uri, usable, free, done);
    // A name that stands alone is of this network, not of the DNS.
    if (isIP(uri.host) !== 0 || uri.port !== undefined || !uri.host.includes('.')) {
      plain();
      return;
    }
    const found = (hops: readonly Hop[]): void => {
      if (hops.length > 0) done(hops.slice(0, MAX_HOPS));
      else plain();
    };
    const byService = (): void => {
      gather<Protocol, readonly Hop[]>(
        usable, (protocol, one) => this.#service(`${services[protocol].srv}${uri.host}`, protocol, uri.host, free, draw, one), (all) => found(all.flat()),
      );
    };
    if (!free) {
      byService();
      return;
    }
    this.#naptr.ask(uri.host, (answer) => {
      // A server that does not answer this will not answer the rest, and the caller waits.
      if (answer === 'failed') plain();
      else this.#pointed(answer.records, usable, uri.host, draw, (hops) => (hops.length > 0 ? found(hops) : byService()));
    });
  }

  close(): void {
    for (const cache of [this.#addresses, this.#srv, this.#naptr]) cache.close();
    this.lookUps.close();
  }

  #has(protocol: Protocol): boolean {
    return this.have(protocol, 4) || this.have(protocol, 6);
  }

  /** The services that NAPTR points to, in the peer's order of liking (§4.1). */
  #pointed(records: readonly NaptrRecord[], usable: readonly Protocol[], name: string, draw: Draw, done: (hops: readonly Hop[]) => void): void {
    const pointers = records.flatMap((record) => {
      const protocol = usable.find((each) => services[each].naptr === record.service.toLowerCase());
      return protocol === undefined || record.flags.toLowerCase() !== 's' || record.replacement === '' ? [] : [{ record, protocol }];
    }).sort((a, b) => a.record.order - b.record.order || a.record.preference - b.record.preference).slice(0, MAX_HOPS);
    gather<(typeof pointers)[number], readonly Hop[]>(
      pointers, ({ record, protocol }, one) => this.#service(record.replacement.toLowerCase(), protocol, name, true, draw, one), (all) => done(all.flat()),
    );
  }

  /** The places of one SRV name, in the order of RFC 2782. */
  #service(srvName: string, protocol: Protocol, name: string, free: boolean, draw: Draw, done: (hops: readonly Hop[]) => void): void {
    this.#srv.ask(srvName, (answer) => {
      const records = answer === 'failed' ? [] : answer.records.filter((record) => record.port > 0 && record.target !== '' && record.target !== '.');
      gather<SrvRecord, readonly Hop[]>(
        orderServers(records, draw).slice(0, MAX_HOPS),
        ({ target, port }, one) => this.#hostAddresses(target.toLowerCase(), (addresses) => one(this.#hops(addresses, [protocol], port, name, free))),
        (all) => done(all.flat()),
      );
    });
  }

  /** No service but the name itself, or its address (§4.2). */
  #plain(uri: SipUri, usable: readonly Protocol[], free: boolean, done: (located: Located) => void): void {
    this.#hostAddresses(uri.host, (addresses) => {
      const hops = this.#hops(addresses, usable, uri.port, uri.host, free).slice(0, MAX_HOPS);
      // An address of a family that we lack is as good as none.
      done(hops.length > 0 ? hops : 'unresolved');
    });
  }

  #hops(addresses: readonly string[], usable: readonly Protocol[], port: number | undefined, name: string, free: boolean): Hop[] {
    return addresses.flatMap((address) => {
      const protocol = usable.find((each) => this.have(each, familyOf(address)));
      return protocol === undefined ? [] : [{ protocol, address, port: port ?? defaultPort(protocol), name, free }];
    });
  }

  #hostAddresses(host: string, done: (addresses: readonly string[]) => void): void {
    if (isIP(host) !== 0) done([host]);
    else this.#addresses.ask(host, (answer) => done(answer === 'failed' ? [] : answer.records));
  }
}
