/**
 * Packets by epoll, recvmmsg and sendto: up to eight packets of a socket in one call, and one call for each that is sent.
 *
 * Invariant  The kernel writes into memory of `alloc` alone, and no further than a slot.
 */
import { msgDontwait, type Libc, type Memory } from './libc.js';
import type { OpenDescriptors } from './open-descriptors.js';
import type { PacketSocket, PacketWay } from './packet-way.js';
import { datagramRoom as slotBytes, SendBuffer } from './send-buffer.js';
import { addressRoom } from './socket-address.js';
import { SocketTable } from './socket-table.js';

/** Of one socket in one call: more than come between two looks but after a pause of the thread. */
const packetsAtOnce = 8;
const eventsAtOnce = 1_024;
/** Shorter packets have one view each for a slot and a length, made when the first such packet comes. */
const keptViewBytes = 2_048;

const [mmsghdrBytes, iovecBytes] = [64, 16];
/** x86-64 alone packs struct epoll_event. */
const [eventBytes, eventDataAt] = process.arch === 'x64' ? [12, 4] : [16, 8];
const epollCloexec = 0o2000000;
const [epollAdd, epollIn] = [1, 1];

export class EpollWay implements PacketWay {
  readonly kind = 'epoll';
  readonly #libc: Libc;
  readonly #epoll: number;
  readonly #sockets = new SocketTable();
  /** Closed since the last look: what it told may still name them. */
  #closedIds: number[] = [];
  /** Looks so far. */
  #looks = 0;
  readonly #sending: SendBuffer;
  readonly #events: Memory;
  readonly #messages: Memory;
  readonly #sources: Memory;
  readonly #slots: Memory;
  readonly #messagesAt: number;
  readonly #slotsAt: number;
  readonly #eventsAt: number;
  readonly #scratch: Memory;
  /** By slot, then by length. */
  readonly #views: (Buffer | undefined)[][] = Array.from({ length: packetsAtOnce }, () => []);

  /** @throws Error where the kernel refuses. */
  constructor(libc: Libc, descriptors: OpenDescriptors | undefined) {
    this.#libc = libc;
    this.#epoll = libc.epollCreate(epollCloexec);
    if (this.#epoll < 0) throw new Error(`epoll cannot be had: ${libc.errorName()}`);
    descriptors?.add(this.#epoll);
    this.#events = libc.alloc(eventsAtOnce * eventBytes);
    this.#messages = libc.alloc(packetsAtOnce * mmsghdrBytes);
    this.#sources = libc.alloc(packetsAtOnce * addressRoom);
    this.#slots = libc.alloc(packetsAtOnce * slotBytes);
    this.#scratch = libc.alloc(eventBytes);
    this.#sending = new SendBuffer(libc, this.#slots);
    this.#eventsAt = this.#events.at(0, eventsAtOnce * eventBytes);
    this.#messagesAt = this.#messages.at(0, packetsAtOnce * mmsghdrBytes);
    this.#slotsAt = this.#slots.at(0, packetsAtOnce * slotBytes);
    this.#describeMessages();
  }

  watch(socket: PacketSocket): void {
    const scratch = this.#scratch;
    const id = this.#sockets.add(socket);
    scratch.view.setUint32(0, epollIn, true);
    scratch.view.setBigUint64(eventDataAt, BigInt(id), true);
    if (this.#libc.epollControl(this.#epoll, epollAdd, socket.fd, scratch.at(0, eventBytes)) === 0) return;
    this.#sockets.remove(id);
    this.#sockets.free(id);
    const code = this.#libc.errorName();
    throw Object.assign(new Error(`epoll_ctl ${code}`), { code, syscall: 'epoll_ctl' });
  }

  /** Closing its descriptor takes a socket out of the epoll. */
  unwatch(socket: PacketSocket): void {
    this.#sockets.remove(socket.id);
    this.#closedIds.push(socket.id);
  }

  look(): boolean {
    this.#looks += 1;
    const ready = this.#libc.epollWait(this.#epoll, this.#eventsAt, eventsAtOnce, 0);
    for (let n = 0; n < ready; n += 1) {
      const socket = this.#sockets.at(this.#events.words[(n * eventBytes + eventDataAt) >> 2] ?? 0);
      if (socket !== undefined) this.#take(socket);
    }
    if (this.#closedIds.length > 0) {
      for (const id of this.#closedIds) this.#sockets.free(id);
      this.#closedIds = [];
    }
    return ready > 0;
  }

  send(socket: PacketSocket, bytes: Buffer, address: number, addressBytes: number, failed: (() => void) | undefined): void {
    const at = this.#sending.addressOf(bytes);
    if (at !== 0 && this.#libc.sendto(socket.fd, at, bytes.length, msgDontwait, address, addressBytes) >= 0) return;
    // The error of a packet before it: this one was not sent.
    if (at !== 0) this.#tellRefused(socket);
    failed?.();
  }

  /** All is sent at once. */
  settle(): boolean {
    return true;
  }

  /**
   * One packet, for as a rule there is one, and to ask for more costs a third as much again; up to eight of a socket that
   * had one at the look before. What is left is told again by the next look, so that no socket keeps the others waiting.
   */
  #take(socket: PacketSocket): void {
    const wanted = socket.look === this.#looks - 1 ? packetsAtOnce : 1;
    socket.look = this.#looks;
    const came = this.#libc.recvmmsg(socket.fd, this.#messagesAt, wanted, msgDontwait, 0);
    if (came < 0) this.#tellRefused(socket);
    const { words } = this.#messages;
    for (let slot = 0; slot < came; slot += 1) {
      const at = (slot * mmsghdrBytes) >> 2;
      const length = words[at + 14] ?? 0;
      // Value and result: the next packet into it may come from an address of the other family.
      words[at + 2] = addressRoom;
      if (!socket.open || socket.handler === undefined) continue;
      const bytes = this.#bytes(slot, length);
      this.#sending.current = bytes;
      this.#sending.currentAt = this.#slotsAt + slot * slotBytes;
      socket.handler(bytes, socket.source(this.#sources, slot * addressRoom));
    }
    this.#sending.current = undefined;
  }

  /** After a call that failed. */
  #tellRefused(socket: PacketSocket): void {
    if (socket.refused !== undefined && this.#libc.errorName() === 'ECONNREFUSED') socket.refused();
  }

  #bytes(slot: number, length: number): Buffer {
    if (length > keptViewBytes) return Buffer.from(this.#slots.buffer, slot * slotBytes, length);
    const views = this.#views[slot] as (Buffer | undefined)[];
    return (views[length] ??= Buffer.from(this.#slots.buffer, slot * slotBytes, length));
  }

  #describeMessages(): void {
    const vectors = this.#libc.alloc(packetsAtOnce * iovecBytes);
    const put = (memory: Memory, offset: number, value: number): void => memory.view.setBigUint64(offset, BigInt(value), true);
    for (let slot = 0; slot < packetsAtOnce; slot += 1) {
      put(vectors, slot * iovecBytes, this.#slots.at(slot * slotBytes, slotBytes));
      put(vectors, slot * iovecBytes + 8, slotBytes);
      put(this.#messages, slot * mmsghdrBytes, this.#sources.at(slot * addressRoom, addressRoom));
      this.#messages.view.setUint32(slot * mmsghdrBytes + 8, addressRoom, true);
      put(this.#messages, slot * mmsghdrBytes + 16, vectors.at(slot * iovecBytes, iovecBytes));
      put(this.#messages, slot * mmsghdrBytes + 24, 1);
    }
  }
}
