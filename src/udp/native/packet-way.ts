/**
 * How packets pass between the kernel and native datagrams.
 *
 * Members: ring-way.ts, where the kernel has an io_uring that can do it and lets us; epoll-way.ts.
 */
import type { Endpoint } from '../datagrams.js';
import type { Memory } from './libc.js';

/** What a way knows of a socket. */
export interface PacketSocket {
  readonly fd: number;
  readonly open: boolean;
  readonly handler: ((bytes: Buffer, from: Endpoint) => void) | undefined;
  /** The way's own: the number it knows the socket by, the look at which it last took from it, who is told of what could not be sent. */
  id: number;
  look: number;
  failed: (() => void) | undefined;
  /** Told when nobody listens where it is connected to. */
  readonly refused: (() => void) | undefined;
  /** Who sent the packet whose source lies there. */
  source(memory: Memory, offset: number): Endpoint;
}

export interface PacketWay {
  readonly kind: 'io_uring' | 'epoll';
  /** What comes for this socket is handed to it from now on. @throws Error where the kernel refuses. */
  watch(socket: PacketSocket): void;
  /** Nothing more is; its descriptor may be closed when this returns, and nothing holds the port but that. */
  unwatch(socket: PacketSocket): void;
  /** Takes what has come, and hands it on; false when nothing had. */
  look(): boolean;
  /**
   * Sends to the address of `addressBytes` that lies at `address`, which stays there until `settle`; to where the socket is
   * connected if that is 0. `failed` is told of what could not be sent, at once or by the next look.
   */
  send(socket: PacketSocket, bytes: Buffer, address: number, addressBytes: number, failed: (() => void) | undefined): void;
  /** All that was given to `send` is with the kernel when it returns; false where the kernel does not take it. */
  settle(): boolean;
}
