/** For tests: a DNS that is a table. Its answers come later, as those of a real one do. */
import type { Answer, LookUps, NaptrRecord } from './look-ups.js';
import type { SrvRecord } from './srv-order.js';

export interface DnsTable {
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly srv?: Readonly<Record<string, readonly SrvRecord[]>>;
  readonly naptr?: Readonly<Record<string, readonly NaptrRecord[]>>;
  /** Names about which the server keeps silent. */
  readonly silent?: readonly string[];
  readonly ttlMs?: number;
}

export interface TableLookUps extends LookUps {
  /** What has been asked, in order, as `kind name`. */
  readonly asked: string[];
}

export const srvRecord = (priority: number, weight: number, port: number, target: string): SrvRecord => ({ priority, weight, port, target });

export const naptrRecord = (order: number, preference: number, service: string, replacement: string): NaptrRecord =>
  ({ order, preference, flags: 's', service, replacement });

export function tableLookUps(table: DnsTable): TableLookUps {
  const asked: string[] = [];
  const from = <T>(kind: string, records: Readonly<Record<string, readonly T[]>> = {}) => (name: string, done: (answer: Answer<T>) => void): void => {
    asked.push(`${kind} ${name}`);
    if (table.silent?.includes(name) === true) return;
    setImmediate(() => done({ records: records[name] ?? [], ...(table.ttlMs === undefined ? {} : { ttlMs: table.ttlMs }) }));
  };
  return {
    asked,
    addresses: from('address', table.addresses),
    srv: from('srv', table.srv),
    naptr: from('naptr', table.naptr),
    close: () => undefined,
  };
}
