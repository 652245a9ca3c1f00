/**
 * Datagrams by the C library's own calls: one look at all sockets every three milliseconds, up to eight packets of a
 * socket in one call, no object for a packet.
 *
 * Owns       its sockets, and memory that lasts as long as the process.
 * Leaves to  libc.ts the calls; whoever opens a socket to close it.
 *
 * Invariants
 * 1. The kernel writes into memory of `alloc` alone, and no further than a slot.
 * 2. A socket that was closed gets no packet any more, nor does another that came by its file descriptor.
 */
import type { Datagrams, DatagramSocket, SocketOptions } from '../datagrams.js';
import { AddressShelf } from './address-shelf.js';
import { msgDontwait, type Libc, type Memory } from './libc.js';
import { NativeSocket, type SocketHost } from './native-socket.js';
import type { OpenDescriptors } from './open-descriptors.js';
import { datagramRoom as slotBytes, SendBuffer } from './send-buffer.js';
import { addressRoom, decodeAddress, encodeAddress, familyOf, familyV6 } from './socket-address.js';

/** A packet waits so long at most, and half of it on the average. */
const tickMs = 3;
/** Of one socket in one call: more than come in a tick but after a pause of the thread. */
const packetsAtOnce = 8;
const eventsAtOnce = 1_024;
/** Shorter packets have one view each for a slot and a length, made when the first such packet comes. */
const keptViewBytes = 2_048;

const [mmsghdrBytes, iovecBytes] = [64, 16];
/** x86-64 alone packs struct epoll_event. */
const [eventBytes, eventDataAt] = process.arch === 'x64' ? [12, 4] : [16, 8];

const [sockDgram, sockNonblock, sockCloexec] = [2, 0o4000, 0o2000000];
const epollCloexec = 0o2000000;
const [epollAdd, epollIn] = [1, 1];
const [ipprotoIp, ipTos] = [0, 1];
const [ipprotoIpv6, ipv6Tclass, ipv6V6only] = [41, 67, 26];

export class NativeDatagrams implements Datagrams, SocketHost {
  readonly kind = 'native';
  readonly libc: Libc;
  readonly sending: SendBuffer;
  readonly addresses: AddressShelf;
  readonly descriptors: OpenDescriptors | undefined;
  readonly #epoll: number;
  /** By what epoll knows them by. */
  readonly #sockets: (NativeSocket | undefined)[] = [];
  readonly #freeIds: number[] = [];
  /** Closed since the last look: what it told may still name them. */
  #closedIds: number[] = [];
  /** Looks so far. */
  #looks = 0;
  readonly #events: Memory;
  readonly #messages: Memory;
  readonly #sources: Memory;
  readonly #slots: Memory;
  readonly #messagesAt: number;
  readonly #messageWords: Uint32Array;
  readonly #slotsAt: number;
  readonly #eventsAt: number;
  /** By slot, then by length. */
  readonly #views: (Buffer | undefined)[][] = Array.from({ length: packetsAtOnce }, () => []);
  readonly #scratch: Memory;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `descriptors`: for a thread that may die and whose process goes on. */
  constructor(libc: Libc, descriptors?: OpenDescriptors) {
    this.libc = libc;
    this.descriptors = descriptors;
    this.#epoll = libc.epollCreate(epollCloexec);
    if (this.#epoll < 0) throw new Error(`epoll cannot be had: ${libc.errorName()}`);
    descriptors?.add(this.#epoll);
    this.#events = libc.alloc(eventsAtOnce * eventBytes);
    this.#messages = libc.alloc(packetsAtOnce * mmsghdrBytes);
    this.#sources = libc.alloc(packetsAtOnce * addressRoom);
    this.#slots = libc.alloc(packetsAtOnce * slotBytes);
    this.#scratch = libc.alloc(4_096);
    this.sending = new SendBuffer(libc, this.#slots);
    this.addresses = new AddressShelf(libc);
    this.#eventsAt = this.#events.at(0, eventsAtOnce * eventBytes);
    this.#messagesAt = this.#messages.at(0, packetsAtOnce * mmsghdrBytes);
    this.#messageWords = this.#messages.words;
    this.#slotsAt = this.#slots.at(0, packetsAtOnce * slotBytes);
    this.#describeMessages();
  }

  open(address: string, port: number, options: SocketOptions = {}): Promise<DatagramSocket> {
    return new Promise((resolve) => resolve(this.#open(address, port, options)));
  }

  /** Takes what has come, and hands it on; a timer does so while there are sockets. */
  drain(): void {
    const { libc } = this;
    this.#looks += 1;
    const ready = libc.epollWait(this.#epoll, this.#eventsAt, eventsAtOnce, 0);
    for (let n = 0; n < ready; n += 1) {
      const socket = this.#sockets[this.#events.words[(n * eventBytes + eventDataAt) >> 2] ?? 0];
      if (socket !== undefined) this.#take(socket);
    }
    if (this.#closedIds.length > 0) {
      this.#freeIds.push(...this.#closedIds);
      this.#closedIds = [];
    }
  }

  closed(socket: NativeSocket): void {
    this.#sockets[socket.id] = undefined;
    this.#closedIds.push(socket.id);
    this.#count -= 1;
    this.descriptors?.remove(socket.place);
    this.libc.close(socket.fd);
    if (this.#count > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #open(address: string, port: number, { dscp }: SocketOptions): NativeSocket {
    const { libc } = this;
    const scratch = this.#scratch;
    const family = familyOf(address);
    const fd = libc.socket(family, sockDgram | sockNonblock | sockCloexec, 0);
    if (fd < 0) throw this.#error('socket', address, port);
    try {
      const set = (level: number, option: number, value: number): void => {
        scratch.view.setInt32(0, value, true);
        if (libc.setsockopt(fd, level, option, scratch.at(0, 4), 4) !== 0) throw this.#error('setsockopt', address, port);
      };
      if (family === familyV6) set(ipprotoIpv6, ipv6V6only, 1);
      if (dscp !== undefined) {
        if (family === familyV6) set(ipprotoIpv6, ipv6Tclass, dscp << 2);
        else set(ipprotoIp, ipTos, dscp << 2);
      }
      const length = encodeAddress({ address, port }, scratch.view, 0);
      if (libc.bind(fd, scratch.at(0, length), length) !== 0) throw this.#error('bind', address, port);
      scratch.view.setUint32(64, addressRoom, true);
      if (libc.getsockname(fd, scratch.at(0, addressRoom), scratch.at(64, 4)) !== 0) throw this.#error('getsockname', address, port);
      const bound = decodeAddress(scratch.view, 0).port;
      const id = this.#freeIds.pop() ?? this.#sockets.length;
      scratch.view.setUint32(0, epollIn, true);
      scratch.view.setBigUint64(eventDataAt, BigInt(id), true);
      const socket = new NativeSocket(this, fd, id, bound, family, this.descriptors?.add(fd));
      this.#sockets[id] = socket;
      if (libc.epollControl(this.#epoll, epollAdd, fd, scratch.at(0, eventBytes)) !== 0) {
        this.descriptors?.remove(socket.place);
        this.#sockets[id] = undefined;
        this.#freeIds.push(id);
        throw this.#error('epoll_ctl', address, port);
      }
      this.#count += 1;
      this.#timer ??= setInterval(() => this.drain(), tickMs);
      return socket;
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  #error(call: string, address: string, port: number): Error {
    const code = this.libc.errorName();
    return Object.assign(new Error(`${call} ${code} ${address}:${port}`), { code, syscall: call, address, port });
  }

  /**
   * One packet, for as a rule there is one, and to ask for more costs a third as much again; up to eight of a socket that
   * had one at the look before. What is left is told again by the next look, so that no socket keeps the others waiting.
   */
  #take(socket: NativeSocket): void {
    const wanted = socket.look === this.#looks - 1 ? packetsAtOnce : 1;
    socket.look = this.#looks;
    const came = this.libc.recvmmsg(socket.fd, this.#messagesAt, wanted, msgDontwait, 0);
    const words = this.#messageWords;
    for (let slot = 0; slot < came; slot += 1) {
      const at = (slot * mmsghdrBytes) >> 2;
      const length = words[at + 14] ?? 0;
      // Value and result: the next packet into it may come from an address of the other family.
      words[at + 2] = addressRoom;
      if (!socket.open || socket.handler === undefined) continue;
      const bytes = this.#bytes(slot, length);
      this.sending.current = bytes;
      this.sending.currentAt = this.#slotsAt + slot * slotBytes;
      socket.handler(bytes, socket.source(this.#sources, slot * addressRoom));
    }
    this.sending.current = undefined;
  }

  #bytes(slot: number, length: number): Buffer {
    if (length > keptViewBytes) return Buffer.from(this.#slots.buffer, slot * slotBytes, length);
    const views = this.#views[slot] as (Buffer | undefined)[];
    return (views[length] ??= Buffer.from(this.#slots.buffer, slot * slotBytes, length));
  }

  #describeMessages(): void {
    const vectors = this.libc.alloc(packetsAtOnce * iovecBytes);
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
