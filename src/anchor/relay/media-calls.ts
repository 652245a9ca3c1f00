/** The calls of one media thread: each order goes to its call, and what a call has to tell goes out. */
import { audioOf, Sound } from '../../media/index.js';
import type { Datagrams } from '../../udp/index.js';
import { BlockShelf } from './kept-packets.js';
import { MediaCall } from './media-call.js';
import type { FromThread, Order, SharedSound } from './orders.js';
import { countInto, type PacketObserver } from './packet-counts.js';

/** Encoded once for all calls of the thread; of more at a time the one that was not played for longest is encoded again. */
const keptSounds = 64;

export interface MediaCallsOptions {
  readonly datagrams: Datagrams;
  /** See packet-counts.ts. */
  readonly counts: SharedArrayBuffer;
  readonly tell: (message: FromThread) => void;
}

export class MediaCalls {
  readonly #options: MediaCallsOptions;
  readonly #observer: PacketObserver;
  readonly #calls = new Map<number, MediaCall>();
  readonly #sounds = new Map<number, Sound>();
  readonly #shelf = new BlockShelf();

  constructor(options: MediaCallsOptions) {
    this.#options = options;
    this.#observer = countInto(options.counts);
  }

  /** Resolves when the order holds. @throws Error with the system's `code` when sockets cannot be opened. */
  async obey(number: number, order: Order): Promise<void> {
    if (order.kind === 'open') {
      this.#open(number, order);
      return;
    }
    const call = this.#calls.get(number);
    if (order.kind === 'close') this.#calls.delete(number);
    await call?.obey(order);
  }

  /** Called some times a second; `stoodStill`: the thread has, meanwhile. */
  lookAtForks(nowMs: number, stoodStill: boolean): void {
    for (const call of this.#calls.values()) call.lookAtForks(nowMs, stoodStill);
  }

  /** Called once a second or so. */
  look(nowMs: number): void {
    for (const call of this.#calls.values()) call.look(nowMs);
  }

  #open(number: number, { dtmfMasked, hearsKeys, silentMs }: Extract<Order, { kind: 'open' }>): void {
    const { datagrams, tell } = this.#options;
    const call = new MediaCall({
      datagrams, dtmfMasked, silentMs,
      observer: this.#observer,
      soundOf: (shared) => this.#soundOf(shared),
      onKey: hearsKeys ? (from, key) => tell({ kind: 'key', call: number, from, key }) : undefined,
      shelf: this.#shelf,
      onSilent: () => tell({ kind: 'silent', call: number }),
      onForkTrouble: (fork, trouble) => tell({ kind: 'fork-trouble', call: number, fork, trouble }),
      onPlayed: (play, end) => tell({ kind: 'played', call: number, play, end }),
    });
    this.#calls.set(number, call);
  }

  #soundOf({ number, audio }: SharedSound): Sound {
    const sound = this.#sounds.get(number) ?? new Sound(audioOf(audio));
    this.#sounds.delete(number);
    this.#sounds.set(number, sound);
    for (const oldest of this.#sounds.keys()) {
      if (this.#sounds.size <= keptSounds) break;
      this.#sounds.delete(oldest);
    }
    return sound;
  }
}
