/**
 * Questions to the DNS, and node's way of asking them.
 *
 * Leaves to  answer-cache remembering and giving up; server-location what the answers mean.
 */
import { lookup, Resolver } from 'node:dns';
import type { SrvRecord } from './srv-order.js';

export interface NaptrRecord {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly replacement: string;
}

/** No records at all is an answer, too; `failed` is none: a server that does not answer, or does so wrongly. */
export type Answer<T> = { readonly records: readonly T[]; readonly ttlMs?: number } | 'failed';

export type LookUp<T> = (name: string, done: (answer: Answer<T>) => void) => void;

/** Each calls back once, in its time or never: its caller has a timeout. */
export interface LookUps {
  /** IPv4 and IPv6. */
  readonly addresses: LookUp<string>;
  readonly srv: LookUp<SrvRecord>;
  readonly naptr: LookUp<NaptrRecord>;
  /** Calls off what is being asked. */
  close(): void;
}

/** Codes with which a DNS server says that there is nothing. */
const nothing = new Set(['ENODATA', 'ENOTFOUND', 'ENONAME']);

const isNothing = (error: NodeJS.ErrnoException | null): boolean => error !== null && nothing.has(error.code ?? '');

/** Half of what a question may take altogether, so that a second server has its turn. */
const TRY_MS = 2_000;

/** The system's resolver for names that stand alone or in /etc/hosts; the DNS, by `servers` or the system's, for all else. */
export function dnsLookUps(servers?: readonly string[]): LookUps {
  const resolver = new Resolver({ timeout: TRY_MS, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);

  const system: LookUp<string> = (name, done) => {
    lookup(name, { all: true, verbatim: true }, (error, found) => {
      if (error === null) done({ records: found.map((entry) => entry.address) });
      else done(isNothing(error) ? { records: [] } : 'failed');
    });
  };

  return {
    addresses: (name, done) => {
      if (!name.includes('.')) {
        system(name, done);
        return;
      }
      const found = new Map<4 | 6, readonly { readonly address: string; readonly ttl: number }[]>();
      const take = (family: 4 | 6, records: readonly { readonly address: string; readonly ttl: number }[]): void => {
        found.set(family, records);
        const [four, six] = [found.get(4), found.get(6)];
        if (four === undefined || six === undefined) return;
        const all = [...four, ...six];
        if (all.length === 0) system(name, done);
        else done({ records: all.map((each) => each.address), ttlMs: Math.min(...all.map((each) => each.ttl)) * 1_000 });
      };
      resolver.resolve4(name, { ttl: true }, (error, records) => take(4, error === null ? records : []));
      resolver.resolve6(name, { ttl: true }, (error, records) => take(6, error === null ? records : []));
    },
    srv: (name, done) => {
      resolver.resolveSrv(name, (error, records) => {
        if (error !== null) done(isNothing(error) ? { records: [] } : 'failed');
        else done({ records: records.map(({ priority, weight, port, name: target }) => ({ priority, weight, port, target })) });
      });
    },
    naptr: (name, done) => {
      resolver.resolveNaptr(name, (error, records) => {
        if (error === null) done({ records });
        else done(isNothing(error) ? { records: [] } : 'failed');
      });
    },
    close: () => resolver.cancel(),
  };
}
