/**
 * A media thread, seen from outside: takes orders for its calls, and comes back with all of them when it crashes.
 *
 * Owns       the thread, and for each call the orders that make it what it is.
 * Leaves to  media-worker.ts what is done; relay-call.ts, call-forks.ts and kept-copies.ts what is ordered.
 *
 * What a crash costs: the packets until the thread is there again, the latches (found anew with the first packet), what
 * was kept for a recorder that had not answered, and sounds that were played.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Failure, messageOf } from '../../errors/index.js';
import type { SrtpBy } from '../../media/index.js';
import { closeDatagrams, shareDatagrams, unshareDatagrams, type Datagrams } from '../../udp/index.js';
import type { ForkTrouble, PlayEnd, Side } from '../door.js';
import type { FromThread, Order, ThreadData, ToThread } from './orders.js';
import { newCounts } from './packet-counts.js';
import { mayBeInRealTime, type Rank } from './thread-priority.js';

/** Waits before the next start after a crash: doubling, and back to the first after a quiet minute. */
const firstRestartMs = 20;
const lastRestartMs = 5_000;
const quietMs = 60_000;
/** Waits before a port is tried once more. */
const bindAgainMs = [1, 4, 16, 64, 256];
/** How long a thread may take to start, and to do what it is told. */
const patienceMs = 10_000;

/** What a thread tells of a call. */
export interface CallListener {
  key(from: Side, key: string): void;
  silent(): void;
  forkTrouble(fork: number, trouble: ForkTrouble): void;
  played(play: number, end: PlayEnd): void;
  /** The sounds that were played are gone. */
  restarted(): void;
}

/** Where calls have their packets carried. */
export interface CallSeats {
  /** How many sit there. */
  readonly calls: number;
  /** False while it is being started anew. */
  readonly isUp: boolean;
  /** How packets travel. */
  readonly datagrams: Datagrams['kind'];
  /** What SRTP is tried by where it has to authenticate. */
  readonly srtp: SrtpBy;
  /** As far as the system allows it. */
  readonly rank: Rank;
  /** See packet-counts.ts. */
  readonly counts: SharedArrayBuffer;
  seat(call: number, listener: CallListener): void;
  leave(call: number): void;
  /**
   * Resolves when it holds. A thread that is being started anew does it with all others.
   *
   * @throws Error with the system's `code` where it refused, Failure ANCHOR_UNREACHABLE when the thread does not answer.
   */
  order(call: number, order: Order): Promise<void>;
  close(): Promise<void>;
}

interface SeatedCall {
  readonly listener: CallListener;
  /** By what it is about: the last word on each, in the order of the first. Done again by a thread that takes its place. */
  readonly orders: Map<string, Order>;
  /** Until a thread that took another's place has been told all that was ordered before. */
  furnishing: Promise<void> | undefined;
}

/** What an order is about; undefined where it is nothing that lasts. */
function subjectOf(order: Order): string | undefined {
  switch (order.kind) {
    case 'bind':
      return `pair ${order.pair}`;
    case 'face':
    case 'point':
      return `${order.kind} ${order.line} ${order.side}`;
    case 'fork':
      return `fork ${order.fork} ${order.side}`;
    case 'copy':
    case 'detach-copies':
    case 'stop-copies':
      return `copies ${order.fork}`;
    case 'open':
    case 'describe':
    case 'gate':
      return order.kind;
    case 'unbind':
    case 'await-confirmed':
    case 'play':
    case 'stop-play':
    case 'close':
      return undefined;
  }
}

interface Pending {
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

export class MediaThread implements CallSeats {
  readonly counts = newCounts();
  readonly #share = shareDatagrams();
  readonly #accelerator: ThreadData['accelerator'];
  readonly #onCrash: (error: Error) => void;
  readonly #calls = new Map<number, SeatedCall>();
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #datagrams: Datagrams['kind'] = 'node';
  #srtp: SrtpBy = 'JavaScript';
  #rank: Rank = 'as-others';
  #replies = 0;
  #closed = false;
  #delayMs = firstRestartMs;
  #startedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @throws Failure ANCHOR_UNREACHABLE when it does not start. */
  static async start(accelerator: ThreadData['accelerator'], onCrash: (error: Error) => void): Promise<MediaThread> {
    const thread = new MediaThread(accelerator, onCrash);
    await thread.#start();
    return thread;
  }

  private constructor(accelerator: ThreadData['accelerator'], onCrash: (error: Error) => void) {
    this.#accelerator = accelerator;
    this.#onCrash = onCrash;
  }

  get calls(): number {
    return this.#calls.size;
  }

  get isUp(): boolean {
    return this.#worker !== undefined;
  }

  get datagrams(): Datagrams['kind'] {
    return this.#datagrams;
  }

  get srtp(): SrtpBy {
    return this.#srtp;
  }

  get rank(): Rank {
    return this.#rank;
  }

  /** Ended from outside only by tests. */
  get worker(): Worker | undefined {
    return this.#worker;
  }

  seat(call: number, listener: CallListener): void {
    this.#calls.set(call, { listener, orders: new Map(), furnishing: undefined });
  }

  leave(call: number): void {
    this.#calls.delete(call);
  }

  async order(call: number, order: Order): Promise<void> {
    const seated = this.#calls.get(call);
    while (seated?.furnishing !== undefined) await seated.furnishing;
    const subject = subjectOf(order);
    if (order.kind === 'unbind') seated?.orders.delete(`pair ${order.pair}`);
    if (subject !== undefined) seated?.orders.set(subject, order);
    try {
      await this.#post(call, order);
    } catch (error) {
      if (order.kind === 'bind') seated?.orders.delete(subject ?? '');
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#fail(new Failure('ANCHOR_UNREACHABLE', 'the relay is closed'));
    await this.#worker?.terminate();
    unshareDatagrams(this.#share);
  }

  #post(call: number, order: Order): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return this.#closed || order.kind === 'bind' ? Promise.reject(unreachable()) : Promise.resolve();
    const reply = (this.#replies += 1);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#pending.get(reply)?.failed(unreachable()), patienceMs);
      const settle = (end: () => void): void => {
        clearTimeout(late);
        this.#pending.delete(reply);
        end();
      };
      this.#pending.set(reply, { done: () => settle(resolve), failed: (error) => settle(() => reject(error)) });
      worker.postMessage({ call, order, reply } satisfies ToThread);
    });
  }

  async #start(): Promise<void> {
    const data: ThreadData = { accelerator: this.#accelerator, inRealTime: this.#accelerator === 'auto' && mayBeInRealTime(), counts: this.counts, share: this.#share };
    const worker = new Worker(new URL('./media-worker.js', import.meta.url), { workerData: data, execArgv: [] });
    let cause: Error | undefined;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(unreachable());
        void worker.terminate();
      }, patienceMs);
      worker.on('message', (message: FromThread) => {
        if (message.kind !== 'ready') {
          this.#told(message);
          return;
        }
        clearTimeout(late);
        this.#datagrams = message.datagrams;
        this.#srtp = message.srtp;
        this.#rank = message.rank;
        this.#startedAtMs = performance.now();
        this.#worker = worker;
        resolve();
      });
      worker.on('error', (thrown) => (cause = thrown instanceof Error ? thrown : new Error(messageOf(thrown))));
      worker.on('exit', (code) => {
        clearTimeout(late);
        closeDatagrams(this.#share);
        const error = cause ?? new Error(`a media thread ended with code ${code}`);
        reject(new Failure('ANCHOR_UNREACHABLE', `a media thread could not be started: ${error.message}`, { cause: error }));
        if (this.#worker === worker) this.#crashed(error);
      });
    });
    if (this.#closed) await worker.terminate();
  }

  #crashed(error: Error): void {
    this.#worker = undefined;
    this.#fail(unreachable(error));
    if (this.#closed) return;
    this.#onCrash(error);
    if (performance.now() - this.#startedAtMs > quietMs) this.#delayMs = firstRestartMs;
    this.#startLater();
  }

  #startLater(): void {
    this.#timer = setTimeout(() => void this.#startAnew(), this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, lastRestartMs);
  }

  async #startAnew(): Promise<void> {
    try {
      await this.#start();
    } catch (thrown) {
      if (this.#closed) return;
      this.#onCrash(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
      this.#startLater();
      return;
    }
    for (const [call, seated] of this.#calls) {
      const furnishing: Promise<void> = this.#furnish(call, seated).finally(() => {
        if (seated.furnishing === furnishing) seated.furnishing = undefined;
      });
      seated.furnishing = furnishing;
    }
  }

  /** Has a thread that is new do all that makes a call what it is. */
  async #furnish(call: number, { orders, listener }: SeatedCall): Promise<void> {
    const worker = this.#worker;
    for (const order of orders.values()) {
      if (!this.#calls.has(call) || this.#worker !== worker) return;
      // A port that somebody has taken meanwhile leaves that side mute: it shows in the call's silence.
      await (order.kind === 'bind' ? this.#bindAgain(call, order) : this.#post(call, order)).catch(() => undefined);
    }
    listener.restarted();
  }

  /** The kernel may need a moment to free a port of a thread that has ended. */
  async #bindAgain(call: number, order: Order): Promise<void> {
    for (const waitMs of bindAgainMs) {
      try {
        await this.#post(call, order);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
        await delay(waitMs);
      }
    }
  }

  #told(message: Exclude<FromThread, { kind: 'ready' }>): void {
    if (message.kind === 'done') {
      const pending = this.#pending.get(message.reply);
      if (message.refused === undefined) pending?.done();
      else pending?.failed(Object.assign(new Error(message.refused.message), { code: message.refused.code }));
      return;
    }
    const listener = this.#calls.get(message.call)?.listener;
    if (message.kind === 'key') listener?.key(message.from, message.key);
    else if (message.kind === 'silent') listener?.silent();
    else if (message.kind === 'fork-trouble') listener?.forkTrouble(message.fork, message.trouble);
    else listener?.played(message.play, message.end);
  }

  #fail(error: Error): void {
    for (const pending of [...this.#pending.values()]) pending.failed(error);
  }
}

const unreachable = (cause?: Error): Failure => new Failure('ANCHOR_UNREACHABLE', 'a media thread of the relay does not answer', cause === undefined ? {} : { cause });
