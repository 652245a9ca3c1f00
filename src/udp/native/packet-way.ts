/**
 * How packets pass between the kernel and native datagrams.
 *
 * Members: ring-way.ts, where the kernel has an io_uring that can do it and lets us; epoll-way.ts.
 */
import type { NativeSocket } from './native-socket.js';

/** More may be in one look, in turns. */
export interface PacketWay {
  readonly kind: 'io_uring' | 'epoll';
  /** What comes for this socket is handed to it from now on. @throws Error where the kernel refuses. */
  watch(socket: NativeSocket): void;
  /** Nothing more is; its descriptor may be closed when this returns, and nothing holds the port but that. */
  unwatch(socket: NativeSocket): void;
  /** Takes what has come, and hands it on. */
  look(): void;
  /**
   * Sends to the address of `addressBytes` that lies at `address`, which stays there until `settle`; to where the socket is
   * connected if that is 0. `failed` is told of what could not be sent, at once or by the next look.
   */
  send(socket: NativeSocket, bytes: Buffer, address: number, addressBytes: number, failed: (() => void) | undefined): void;
  /** All that was given to `send` is with the kernel when it returns; false where the kernel does not take it. */
  settle(): boolean;
}
