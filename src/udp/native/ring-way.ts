/**
 * Packets by an io_uring: a system call or two for all that has come and all that is sent on between two looks.
 *
 * A packet that is sent on is sent from where it lies. Its buffer is the kernel's again when all that was to be sent has
 * been.
 */
import { constants } from 'node:os';
import type { Libc, Memory } from './libc.js';
import type { OpenDescriptors } from './open-descriptors.js';
import type { PacketSocket, PacketWay } from './packet-way.js';
import { bufferBytes, bufferCount, payloadAt, Ring, sourceAt, type Tellings } from './ring.js';
import { datagramRoom } from './send-buffer.js';
import { SocketTable } from './socket-table.js';

/** Of taking in one look, so that what comes without end does not keep all else waiting. */
const mostTurns = 64;
/** For what is sent from elsewhere between two handings over. */
const roomBytes = 4 * datagramRoom;
/** What a completion has in place of a count: an error below zero. */
const connectionRefused = -constants.errno.ECONNREFUSED;
/** Of struct io_uring_recvmsg_out. */
const lengthWord = 2;

export class RingWay implements PacketWay, Tellings {
  readonly kind = 'io_uring';
  readonly #ring: Ring;
  readonly #sockets = new SocketTable();
  /** Open, and receiving nothing until the next look. */
  #unarmed: PacketSocket[] = [];
  /** Packets that were handed on, and may be on their way out. */
  readonly #used: number[] = [];
  /** By buffer, for packets of the length that the last one had. */
  readonly #views: (Buffer | undefined)[] = Array.from({ length: bufferCount });
  readonly #room: Memory;
  #roomUsed = 0;
  /** The packet that is being handed on, and its address: what is sent most. */
  #current: Buffer | undefined;
  #currentAt = 0;
  readonly #buffersAt: number;
  #looking = false;
  /** Something, in this look. */
  #came = false;

  /** @throws Error where the kernel has no such ring, or does not let us. */
  constructor(libc: Libc, descriptors: OpenDescriptors | undefined) {
    this.#ring = new Ring(libc);
    descriptors?.add(this.#ring.fd);
    for (const memory of this.#ring.mappings) descriptors?.addMapping(memory);
    this.#room = libc.alloc(roomBytes);
    this.#buffersAt = this.#ring.buffers.at(0, bufferCount * bufferBytes);
  }

  watch(socket: PacketSocket): void {
    this.#sockets.add(socket);
    this.#arm(socket);
    this.settle();
  }

  unwatch(socket: PacketSocket): void {
    const { id } = socket;
    this.#sockets.remove(id);
    const at = this.#unarmed.indexOf(socket);
    if (at >= 0) {
      this.#unarmed.splice(at, 1);
      this.#sockets.free(id);
      return;
    }
    if (!this.#ring.hasRoom) this.settle();
    this.#ring.cancel(id);
    // Taking, too: only then does the kernel let go of the socket.
    this.#ring.submit(true);
  }

  look(): boolean {
    const ring = this.#ring;
    const unarmed = this.#unarmed;
    if (unarmed.length > 0) {
      this.#unarmed = [];
      for (const socket of unarmed) this.#arm(socket);
    }
    this.#looking = true;
    this.#came = false;
    for (let turns = 0; turns < mostTurns; turns += 1) {
      // What the turn before has sent on is handed over by the same call.
      if (ring.submit(true)) this.#reuse();
      ring.hear(this);
      this.#current = undefined;
      if (!ring.hasMore) break;
    }
    this.#looking = false;
    this.settle();
    return this.#came;
  }

  packet(id: number, buffer: number): void {
    this.#used.push(buffer);
    this.#came = true;
    const socket = this.#sockets.at(id);
    if (socket?.handler === undefined || !socket.open) return;
    const at = buffer * bufferBytes;
    const { buffers } = this.#ring;
    const length = buffers.words[(at >> 2) + lengthWord] ?? 0;
    let bytes = this.#views[buffer];
    if (bytes?.length !== length) bytes = this.#views[buffer] = Buffer.from(buffers.buffer, at + payloadAt, length);
    this.#current = bytes;
    this.#currentAt = this.#buffersAt + at + payloadAt;
    socket.handler(bytes, socket.source(buffers, at + sourceAt));
  }

  /** For want of buffers, by an error of the socket, or because it is closed. */
  receivingEnded(id: number, result: number): void {
    const socket = this.#sockets.at(id);
    if (socket === undefined) {
      this.#sockets.free(id);
      return;
    }
    this.#unarmed.push(socket);
    if (result === connectionRefused) socket.refused?.();
  }

  sendingFailed(id: number, result: number): void {
    const socket = this.#sockets.at(id);
    socket?.failed?.();
    if (result === connectionRefused) socket?.refused?.();
  }

  send(socket: PacketSocket, bytes: Buffer, address: number, addressBytes: number, failed: (() => void) | undefined): void {
    const at = this.#ring.hasRoom || this.settle() ? this.#addressOf(bytes) : 0;
    if (at === 0) {
      failed?.();
      return;
    }
    socket.failed = failed;
    this.#ring.send(socket.fd, socket.id, at, bytes.length, address, addressBytes);
    if (!this.#looking) this.settle();
  }

  settle(): boolean {
    const ring = this.#ring;
    if (!ring.submit(false) && !ring.submit(true)) return false;
    this.#reuse();
    return true;
  }

  /** All is sent: what it lay in may be written to again. */
  #reuse(): void {
    this.#roomUsed = 0;
    const used = this.#used;
    if (used.length === 0) return;
    // The packet that is being handed on may be sent once more.
    const last = this.#current === undefined ? undefined : used.pop();
    for (const buffer of used) this.#ring.give(buffer);
    used.length = 0;
    if (last !== undefined) used.push(last);
    this.#ring.publish();
  }

  #arm(socket: PacketSocket): void {
    if (this.#ring.hasRoom || this.settle()) this.#ring.receive(socket.fd, socket.id);
    else this.#unarmed.push(socket);
  }

  /** Where these bytes lie for the kernel until they are sent: in their buffer, or copied. 0 where there is no room. */
  #addressOf(bytes: Buffer): number {
    if (bytes === this.#current) return this.#currentAt;
    const { buffers } = this.#ring;
    if (this.#current !== undefined && bytes.buffer === buffers.buffer) return buffers.at(bytes.byteOffset, bytes.length);
    const { length } = bytes;
    if (length > datagramRoom || (this.#roomUsed + length > roomBytes && !this.settle())) return 0;
    const at = this.#roomUsed;
    this.#room.bytes.set(bytes, at);
    this.#roomUsed += length;
    return this.#room.at(at, length);
  }
}
