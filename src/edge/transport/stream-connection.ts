/**
 * One connection that carries SIP, over TCP or TLS, whoever opened it.
 *
 * Owns       its socket and its deadlines.
 * Leaves to  stream-framing where messages end; stream-transport which connection serves which peer.
 *
 * Invariant 1: nothing is written before the connection is ready, which for TLS means that the peer has
 *              proved who it is.
 */
import type { Socket } from 'node:net';
import { limits } from '../message/parse-message.js';
import type { CancelTimer, Clock } from '../timing.js';
import type { ConnectionLimits } from './connection-limits.js';
import { gather } from './gather.js';
import { plainAddress } from './local-address.js';
import type { Path, Place, Protocol, SendFailure } from './path.js';
import { StreamFraming, type FramingReason } from './stream-framing.js';

export interface ConnectionEvents {
  arrived(text: string, path: Path): void;
  broken(reason: FramingReason): void;
  closed(): void;
}

export interface ConnectionEnds {
  readonly protocol: Protocol;
  readonly peer: Place;
  readonly local: Place;
  /** The event of the socket after which it may be written to; absent when it is connected already. */
  readonly readyOn?: 'connect' | 'secureConnect';
  /** The peer's identity, asked once the connection is ready. */
  readonly identity: () => readonly string[] | undefined;
}

interface Waiting {
  readonly text: string;
  readonly failed: SendFailure;
}

/** Messages of which it is remembered, until the peer says anything, that they may not have arrived. */
const MAX_UNHEARD = 64;

/** As much as node reads from a socket at once; what a TLS record holds at most (RFC 8446 §5.1). */
const FULL_READ = 65_536;
const FULL_RECORD = 16_384;
/** The share of what a connection may have waiting that is much when too much waits in all. */
const MUCH = 16;
/** After so long without anything to read, what was waiting has been read. */
const CAUGHT_UP_MS = 250;

export class StreamConnection {
  readonly path: Path;
  #open = true;
  #ready: boolean;
  #cause = 'closed';
  #carried = false;
  #heard = false;
  #identity: readonly string[] | undefined;
  #held: Waiting[] = [];
  /** Bytes of it that wait, here and in the socket. */
  #unsentBytes = 0;
  /** Since when each read has brought as much as it could, and the last that did. */
  #fullSince: number | undefined;
  #lastFull = 0;
  #deadline: CancelTimer | undefined;
  readonly #failures = new Set<SendFailure>();
  /** Written to a peer that has not said anything yet. */
  #unheard: SendFailure[] = [];
  readonly #framing = new StreamFraming(limits.messageBytes);

  constructor(
    private readonly socket: Socket,
    private readonly ends: ConnectionEnds,
    private readonly bounds: ConnectionLimits,
    private readonly clock: Clock,
    private readonly events: ConnectionEvents,
    /** What waits in all connections. */
    private readonly all: { unsentBytes: number } = { unsentBytes: 0 },
  ) {
    const isOpen = (): boolean => this.#open;
    const identity = (): readonly string[] | undefined => this.#identity;
    this.path = {
      protocol: ends.protocol,
      address: plainAddress(ends.peer.address),
      port: ends.peer.port,
      local: ends.local,
      get open() {
        return isOpen();
      },
      get identity() {
        return identity();
      },
      send: (text, failed) => this.#send(text, failed),
    };
    this.#ready = ends.readyOn === undefined;
    if (this.#ready) this.#identity = ends.identity();
    this.#startDeadline(this.#ready ? bounds.partialMs : bounds.connectMs);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.setTimeout(bounds.idleMs, () => socket.destroy());
    if (ends.readyOn !== undefined) socket.once(ends.readyOn, () => this.#nowReady());
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', (error) => {
      if ('code' in error) this.#cause = String(error.code);
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => this.#gone());
  }

  /** How long more has been arriving than is read at once: what arrives now has that to wait, at least. */
  waitMs(): number {
    if (this.#fullSince === undefined) return 0;
    const now = performance.now();
    return now - this.#lastFull > CAUGHT_UP_MS ? 0 : now - this.#fullSince;
  }

  close(): void {
    this.socket.uncork();
    this.socket.destroy();
    this.#gone();
  }

  #nowReady(): void {
    this.#ready = true;
    this.#identity = this.ends.identity();
    this.#stopDeadline();
    const held = this.#held;
    this.#held = [];
    for (const { text, failed } of held) this.#write(text, failed);
  }

  #received(chunk: Buffer): void {
    this.#heard = true;
    this.#unheard = [];
    this.#noteFullness(chunk.length);
    const framed = this.#framing.push(chunk.toString('latin1'));
    if (framed.pings > 0) this.#send('\r\n'.repeat(framed.pings), () => undefined);
    for (const message of framed.messages) {
      if (!this.#open) return;
      this.#carried = true;
      this.events.arrived(message, this.path);
    }
    if (framed.reason !== undefined) {
      this.events.broken(framed.reason);
      this.socket.uncork();
      this.socket.destroy();
      return;
    }
    this.#expectRest(framed.messages.length > 0);
  }

  #noteFullness(length: number): void {
    if (length < (this.ends.protocol === 'tls' ? FULL_RECORD : FULL_READ)) {
      this.#fullSince = undefined;
      return;
    }
    this.#lastFull = performance.now();
    this.#fullSince ??= this.#lastFull;
  }

  /** A message may take `partialMs` from its first byte; each has its own time. */
  #expectRest(finishedOne: boolean): void {
    const { unfinished } = this.#framing;
    if (finishedOne || (this.#carried && !unfinished)) this.#stopDeadline();
    if (unfinished && this.#open) this.#startDeadline(this.bounds.partialMs);
  }

  #send(text: string, failed: SendFailure): void {
    if (!this.#open) {
      failed('closed');
      return;
    }
    const { unsentBytes, allUnsentBytes } = this.bounds;
    if (this.#unsentBytes > (this.all.unsentBytes > allUnsentBytes ? unsentBytes / MUCH : unsentBytes)) {
      // A peer that does not read what it asked for is of no use to the calls that wait behind it.
      this.socket.destroy();
      failed('unread');
      return;
    }
    this.#count(text.length);
    if (this.#ready) this.#write(text, failed);
    else this.#held.push({ text, failed });
  }

  #write(text: string, failed: SendFailure): void {
    this.#failures.add(failed);
    gather(this.socket);
    this.socket.write(text, 'latin1', (error) => {
      if (this.#open) this.#count(-text.length);
      if (!this.#failures.delete(failed)) return;
      if (error !== null && error !== undefined) failed('code' in error ? String(error.code) : 'unsent');
      // A connection that somebody accepts for a server that is not there ends without a word.
      else if (!this.#heard && this.#unheard.length < MAX_UNHEARD) this.#unheard.push(failed);
    });
  }

  #count(bytes: number): void {
    this.#unsentBytes += bytes;
    this.all.unsentBytes += bytes;
  }

  #startDeadline(ms: number): void {
    this.#deadline ??= this.clock.after(ms, () => {
      this.#cause = 'ETIMEDOUT';
      this.socket.destroy();
    });
  }

  #stopDeadline(): void {
    this.#deadline?.();
    this.#deadline = undefined;
  }

  #gone(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stopDeadline();
    this.#count(-this.#unsentBytes);
    const unsent = [...this.#held.map((each) => each.failed), ...this.#failures, ...this.#unheard];
    this.#held = [];
    this.#failures.clear();
    this.#unheard = [];
    this.events.closed();
    for (const failed of unsent) failed(this.#cause);
  }
}
