/** For tests: a media thread that is none. Orders hold when they are given, and the clock of its looks is the test's. */
import { srtpBy } from '../../media/index.js';
import { nodeDatagrams, openDatagrams, type Datagrams } from '../../udp/index.js';
import { MediaCalls } from './media-calls.js';
import type { CallListener, CallSeats } from './media-thread.js';
import type { FromThread, Order } from './orders.js';
import { newCounts } from './packet-counts.js';

export class LocalThread implements CallSeats {
  readonly counts = newCounts();
  isUp = true;
  readonly datagrams: Datagrams['kind'];
  readonly srtp = srtpBy();
  readonly rank = 'as-others';
  readonly #listeners = new Map<number, CallListener>();
  readonly #calls: MediaCalls;

  static async open(accelerator: 'auto' | 'off' = 'off'): Promise<LocalThread> {
    return new LocalThread(accelerator === 'off' ? nodeDatagrams : await openDatagrams(accelerator));
  }

  constructor(datagrams: Datagrams = nodeDatagrams) {
    this.datagrams = datagrams.kind;
    this.#calls = new MediaCalls({ datagrams, counts: this.counts, tell: (message) => this.#told(message) });
  }

  get calls(): number {
    return this.#listeners.size;
  }

  seat(call: number, listener: CallListener): void {
    this.#listeners.set(call, listener);
  }

  leave(call: number): void {
    this.#listeners.delete(call);
  }

  order(call: number, order: Order): Promise<void> {
    return this.#calls.obey(call, order);
  }

  look(nowMs: number): void {
    this.#calls.look(nowMs);
  }

  lookAtForks(nowMs: number, stoodStill = false): void {
    this.#calls.lookAtForks(nowMs, stoodStill);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #told(message: FromThread): void {
    if (message.kind === 'ready' || message.kind === 'done') return;
    const listener = this.#listeners.get(message.call);
    if (message.kind === 'key') listener?.key(message.from, message.key);
    else if (message.kind === 'silent') listener?.silent();
    else if (message.kind === 'fork-trouble') listener?.forkTrouble(message.fork, message.trouble);
    else listener?.played(message.play, message.end);
  }
}
