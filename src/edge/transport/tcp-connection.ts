/**
 * One TCP connection that carries SIP, whoever opened it.
 *
 * Owns       its socket and its idle timer.
 * Leaves to  stream-framing where messages end; tcp-transport which connection serves which peer.
 */
import type { Socket } from 'node:net';
import { limits } from '../message/parse-message.js';
import { plainAddress } from './local-address.js';
import type { Path, Place, SendFailure } from './path.js';
import { StreamFraming, type FramingReason } from './stream-framing.js';

export interface ConnectionLimits {
  /** How long a connection may stay silent once it has carried a message. */
  readonly idleMs: number;
  /** How long it may take to begin, or to finish, a message. */
  readonly partialMs: number;
  readonly connectMs: number;
  /** Bytes that may wait for a peer that does not read. */
  readonly unsentBytes: number;
}

export const connectionLimits: ConnectionLimits = {
  idleMs: 3_600_000,
  partialMs: 30_000,
  connectMs: 8_000,
  unsentBytes: 1_048_576,
};

export interface ConnectionEvents {
  arrived(text: string, path: Path): void;
  broken(reason: FramingReason): void;
  closed(): void;
}

export class TcpConnection {
  readonly path: Path;
  #open = true;
  #carried = false;
  #failures = new Set<SendFailure>();
  readonly #framing = new StreamFraming(limits.messageBytes);

  constructor(
    private readonly socket: Socket,
    peer: Place,
    local: Place,
    connected: boolean,
    private readonly bounds: ConnectionLimits,
    private readonly events: ConnectionEvents,
  ) {
    const isOpen = (): boolean => this.#open;
    this.path = {
      protocol: 'tcp',
      address: plainAddress(peer.address),
      port: peer.port,
      local,
      get open() {
        return isOpen();
      },
      send: (text, failed) => this.#send(text, failed),
    };
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.setTimeout(connected ? bounds.partialMs : bounds.connectMs);
    socket.on('connect', () => socket.setTimeout(bounds.idleMs));
    socket.on('timeout', () => socket.destroy());
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('close', () => this.#gone());
  }

  close(): void {
    this.socket.destroy();
    this.#gone();
  }

  #received(chunk: Buffer): void {
    const framed = this.#framing.push(chunk.toString('latin1'));
    for (let i = 0; i < framed.pings; i += 1) this.socket.write('\r\n');
    for (const message of framed.messages) {
      if (!this.#open) return;
      this.#carried = true;
      this.events.arrived(message, this.path);
    }
    if (framed.reason !== undefined) {
      this.events.broken(framed.reason);
      this.socket.destroy();
      return;
    }
    this.socket.setTimeout(this.#framing.unfinished || !this.#carried ? this.bounds.partialMs : this.bounds.idleMs);
  }

  #send(text: string, failed: SendFailure): void {
    if (!this.#open) {
      failed('closed');
      return;
    }
    if (this.socket.writableLength > this.bounds.unsentBytes) {
      // A peer that does not read what it asked for is of no use to the calls that wait behind it.
      this.socket.destroy();
      failed('unread');
      return;
    }
    this.#failures.add(failed);
    this.socket.write(text, 'latin1', (error) => {
      if (!this.#failures.delete(failed)) return;
      if (error !== null && error !== undefined) failed('code' in error ? String(error.code) : 'unsent');
    });
  }

  #gone(): void {
    if (!this.#open) return;
    this.#open = false;
    const waiting = [...this.#failures];
    this.#failures.clear();
    this.events.closed();
    for (const failed of waiting) failed('closed');
  }
}
