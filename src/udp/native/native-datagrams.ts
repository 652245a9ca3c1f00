/**
 * Datagrams by the system's own calls: a look at all sockets every few milliseconds, no object for a packet.
 *
 * Owns       its sockets, and memory that lasts as long as the process.
 * Leaves to  the way of the packets (packet-way.ts) their passing; libc.ts the calls; whoever opens a socket to close it.
 *
 * Invariant  A socket that was closed gets no packet any more, nor does another that came by its file descriptor.
 */
import type { Datagrams, DatagramSocket, SocketOptions } from '../datagrams.js';
import { AddressShelf } from './address-shelf.js';
import type { Inbox, Outlet } from './inbox.js';
import type { Libc, Memory } from './libc.js';
import { NativeSocket, type SocketHost } from './native-socket.js';
import type { OpenDescriptors } from './open-descriptors.js';
import type { PacketWay } from './packet-way.js';
import { addressRoom, decodeAddress, encodeAddress, familyOf, familyV6 } from './socket-address.js';

/** Between two looks when the last one found something, and else: a packet waits so long at most, and half of it on the average. */
export interface Looks {
  readonly busyMs: number;
  readonly idleMs: number;
}
const seldom: Looks = { busyMs: 3, idleMs: 3 };

const [sockDgram, sockNonblock, sockCloexec] = [2, 0o4000, 0o2000000];
const [ipprotoIp, ipTos] = [0, 1];
const [ipprotoIpv6, ipv6Tclass, ipv6V6only] = [41, 67, 26];

export interface NativeOptions {
  readonly looks?: Looks;
  /** Of a thread that may die and whose process goes on. */
  readonly descriptors?: OpenDescriptors | undefined;
  /** Through which other threads reach these sockets. */
  readonly inbox?: Inbox | undefined;
  /** To the sockets of another thread. */
  readonly outlet?: Outlet | undefined;
}

export class NativeDatagrams implements Datagrams, SocketHost {
  readonly libc: Libc;
  readonly way: PacketWay;
  readonly addresses: AddressShelf;
  readonly #descriptors: OpenDescriptors | undefined;
  readonly outlet: Outlet | undefined;
  readonly #inbox: Inbox | undefined;
  readonly #scratch: Memory;
  #count = 0;
  readonly #looks: Looks;
  /** Two of them, as making one costs more than winding it up. */
  #timers: { readonly busy: NodeJS.Timeout; readonly idle: NodeJS.Timeout } | undefined;

  constructor(libc: Libc, way: PacketWay, { descriptors, inbox, outlet, looks = seldom }: NativeOptions = {}) {
    this.libc = libc;
    this.way = way;
    this.outlet = outlet;
    this.#inbox = inbox;
    this.#descriptors = descriptors;
    this.#looks = looks;
    this.#scratch = libc.alloc(4_096);
    this.addresses = new AddressShelf(libc);
  }

  get kind(): PacketWay['kind'] {
    return this.way.kind;
  }

  open(address: string, port: number, options: SocketOptions = {}): Promise<DatagramSocket> {
    return new Promise((resolve) => resolve(this.#open(address, port, options)));
  }

  /** Takes what has come, and hands it on; a timer does so while there are sockets. False when nothing had. */
  drain(): boolean {
    const byLane = this.#inbox?.take() === true;
    return this.way.look() || byLane;
  }

  closed(socket: NativeSocket): void {
    this.#count -= 1;
    this.#inbox?.remove(socket);
    this.way.unwatch(socket);
    this.#descriptors?.remove(socket.place);
    this.libc.close(socket.fd);
    if (this.#count > 0) return;
    clearTimeout(this.#timers?.busy);
    clearTimeout(this.#timers?.idle);
    this.#timers = undefined;
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
      const socket = new NativeSocket(this, fd, address, bound, family, this.#descriptors?.add(fd));
      try {
        this.way.watch(socket);
      } catch (error) {
        this.#descriptors?.remove(socket.place);
        throw error;
      }
      this.#inbox?.add(socket);
      this.#count += 1;
      if (this.#timers === undefined) this.#startLooking();
      return socket;
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  #startLooking(): void {
    const look = (): void => {
      const next = this.drain() ? this.#timers?.busy : this.#timers?.idle;
      next?.refresh();
    };
    // Both at first: whichever comes second only winds up the one that is running. One that was cleared could not be wound up.
    this.#timers = { busy: setTimeout(look, this.#looks.busyMs), idle: setTimeout(look, this.#looks.idleMs) };
  }

  #error(call: string, address: string, port: number): Error {
    const code = this.libc.errorName();
    return Object.assign(new Error(`${call} ${code} ${address}:${port}`), { code, syscall: call, address, port });
  }
}
