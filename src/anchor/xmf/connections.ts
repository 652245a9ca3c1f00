/**
 * The connections that gateways have told of and that have not ended, found by the GUID of their call.
 *
 * Invariant 1: there are never more of them, or of those who wait for one, than a bound: the oldest goes.
 */
import type { ConnectionDirection, ConnectionName } from './messages.js';

export interface Connection extends ConnectionName {
  /** Whose it is. */
  readonly gateway: string;
  readonly guids: readonly string[];
  readonly direction: ConnectionDirection | undefined;
}

export interface Wanted {
  readonly guid: string;
  readonly direction: ConnectionDirection;
  /** Undefined: of any. */
  readonly gateway?: string | undefined;
}

interface Waiting {
  readonly wanted: Wanted;
  readonly give: (found: Connection | undefined) => void;
}

const most = 50_000;

export class Connections {
  readonly #known = new Map<string, Connection>();
  readonly #byGuid = new Map<string, Set<Connection>>();
  readonly #waiting = new Set<Waiting>();

  get size(): number {
    return this.#known.size;
  }

  add(connection: Connection): void {
    this.remove(connection);
    const oldest = this.#known.size < most ? undefined : this.#known.values().next().value;
    if (oldest !== undefined) this.remove(oldest);
    this.#known.set(keyOf(connection), connection);
    for (const guid of connection.guids) {
      const all = this.#byGuid.get(guid);
      if (all === undefined) this.#byGuid.set(guid, new Set([connection]));
      else all.add(connection);
    }
    for (const waiting of this.#waiting) if (fits(connection, waiting.wanted)) waiting.give(connection);
  }

  remove(name: Pick<Connection, 'gateway' | 'callId' | 'connectionId'>): void {
    const connection = this.#known.get(keyOf(name));
    if (connection === undefined) return;
    this.#known.delete(keyOf(name));
    for (const guid of connection.guids) {
      const all = this.#byGuid.get(guid);
      all?.delete(connection);
      if (all?.size === 0) this.#byGuid.delete(guid);
    }
  }

  /** A gateway does not tell any more what becomes of its connections. */
  forget(gateway: string): void {
    for (const connection of this.#known.values()) if (connection.gateway === gateway) this.remove(connection);
  }

  /** The one that is there, or comes within this time; undefined when there is none. */
  find(wanted: Wanted, withinMs: number): Promise<Connection | undefined> {
    const there = [...(this.#byGuid.get(wanted.guid) ?? [])].find((connection) => fits(connection, wanted));
    if (there !== undefined || this.#waiting.size >= most) return Promise.resolve(there);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        wanted,
        give: (found) => {
          clearTimeout(timer);
          this.#waiting.delete(waiting);
          resolve(found);
        },
      };
      const timer = setTimeout(() => waiting.give(undefined), withinMs);
      this.#waiting.add(waiting);
    });
  }

  /** Whoever waits, waits in vain. */
  close(): void {
    for (const { give } of this.#waiting) give(undefined);
  }
}

const keyOf = ({ gateway, callId, connectionId }: Pick<Connection, 'gateway' | 'callId' | 'connectionId'>): string => `${gateway} ${callId} ${connectionId}`;

const fits = (connection: Connection, { guid, direction, gateway }: Wanted): boolean =>
  connection.guids.includes(guid) && connection.direction === direction && (gateway === undefined || connection.gateway === gateway);
