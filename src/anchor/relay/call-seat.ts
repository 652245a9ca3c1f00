/**
 * A call's seat in a media thread: what is ordered of it there, and the port pairs that it has.
 *
 * Owns       the pairs, until the seat is left.
 */
import { onFreePair, type PortPool } from '../../udp/index.js';
import type { Side } from '../door.js';
import type { CallListener, CallSeats } from './media-thread.js';
import type { Order } from './orders.js';

/** A local address. */
export interface RelayPlace {
  readonly address: string;
  /** What SDPs name in its place, where it is behind a NAT. */
  readonly announced: string;
  readonly pool: PortPool;
}

export interface CallSeatOptions {
  readonly thread: CallSeats;
  /** What the thread calls the call. */
  readonly number: number;
  readonly listener: CallListener;
  readonly dscp?: number | undefined;
}

export class CallSeat {
  readonly #options: CallSeatOptions;
  readonly #taken: (() => void)[] = [];
  #pairs = 0;

  constructor(options: CallSeatOptions) {
    this.#options = options;
    options.thread.seat(options.number, options.listener);
  }

  /** An order that changes what is there already: where the thread is gone, it is done by the one that takes its place. */
  order(order: Order): Promise<void> {
    return this.ask(order).catch(() => undefined);
  }

  /** @throws as CallSeats.order. */
  ask(order: Order): Promise<void> {
    const { thread, number } = this.#options;
    return thread.order(number, order);
  }

  /** A pair for each of these sides, or none. @throws Failure as onFreePair. */
  async openPairs<S extends Side>(of: readonly S[], placeOf: (side: S) => RelayPlace, use: (side: S, pair: number) => Order): Promise<Record<S, number>> {
    const ports: Partial<Record<S, number>> = {};
    const undo: (() => Promise<void>)[] = [];
    try {
      for (const side of of) {
        const pair = (this.#pairs += 1);
        const { address, pool } = placeOf(side);
        const { port } = await onFreePair(address, pool, (port) => this.ask({ kind: 'bind', pair, address, port, dscp: this.#options.dscp }));
        const giveBack = (): void => pool.giveBack(port);
        this.#taken.push(giveBack);
        undo.push(async () => {
          await this.order({ kind: 'unbind', pair });
          this.#taken.splice(this.#taken.indexOf(giveBack), 1);
          giveBack();
        });
        await this.order(use(side, pair));
        ports[side] = port;
      }
    } catch (error) {
      await Promise.all(undo.map((one) => one()));
      throw error;
    }
    return ports as Record<S, number>;
  }

  /** Pairs that are being opened are to be there, or have failed, by then. */
  async leave(): Promise<void> {
    const { thread, number } = this.#options;
    await this.order({ kind: 'close' });
    for (const giveBack of this.#taken.splice(0)) giveBack();
    thread.leave(number);
  }
}
