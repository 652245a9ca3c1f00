/**
 * One socket of native datagrams: whom it hears and where it sends.
 *
 * Leaves to  the way of the packets (packet-way.ts) when it has something to take.
 */
import type { DatagramSocket, Endpoint } from '../datagrams.js';
import type { AddressPlace, AddressShelf } from './address-shelf.js';
import type { Outlet, ReachedSocket } from './inbox.js';
import type { Libc, Memory } from './libc.js';
import type { PacketSocket, PacketWay } from './packet-way.js';
import { addressBytes, addressRoom, decodeAddress, encodeAddress, familyOf, familyV4, v4Of } from './socket-address.js';

/** What all sockets share. */
export interface SocketHost {
  readonly libc: Libc;
  readonly way: PacketWay;
  /** To sockets of another thread. */
  readonly outlet: Outlet | undefined;
  readonly addresses: AddressShelf;
  closed(socket: NativeSocket): void;
}

export class NativeSocket implements DatagramSocket, PacketSocket, ReachedSocket {
  readonly #host: SocketHost;
  readonly #family: number;
  handler: ((bytes: Buffer, from: Endpoint) => void) | undefined;
  open = true;
  id = -1;
  look = -1;
  failed: (() => void) | undefined;
  refused: (() => void) | undefined;
  /** The source of the last packet, as it stands in memory and as text. */
  #sourceWords = new Uint32Array(addressRoom / 4);
  #source: Endpoint | undefined;
  #to: Endpoint | undefined;
  #place: AddressPlace | undefined;
  /** Where the kernel sends to without being told. */
  #connectedTo: Endpoint | undefined;
  /** Its port, where that may be a socket of another thread (inbox.ts); else 0. */
  #neighbourPort = 0;
  /** The last one that sent from there. */
  #neighbour: Endpoint | undefined;
  /** Its address as a number; 0 for another than an IPv4 one, and for all of them. */
  readonly v4: number;

  constructor(
    host: SocketHost,
    readonly fd: number,
    readonly address: string,
    readonly port: number,
    family: number,
    /** In the list of open descriptors. */
    readonly place: number | undefined,
  ) {
    this.#host = host;
    this.#family = family;
    this.v4 = v4Of(address);
  }

  receive(handler: (bytes: Buffer, from: Endpoint) => void): void {
    this.handler = handler;
  }

  send(bytes: Buffer, to: Endpoint, failed?: () => void): void {
    if (!this.open) return;
    const { way, outlet } = this.#host;
    if (to === this.#connectedTo) {
      if (this.#neighbourPort === 0 || outlet?.send(bytes, this, this.#neighbourPort) !== true) way.send(this, bytes, 0, 0, failed);
    } else if (to === this.#to || this.#aim(to)) way.send(this, bytes, this.#place?.pointer ?? 0, addressBytes(this.#family), failed);
    else failed?.();
  }

  connect(to: Endpoint, refused?: () => void): void {
    this.#connectedTo = undefined;
    this.refused = refused;
    this.#neighbourPort = 0;
    if (!this.open || !this.#aim(to)) return;
    const length = addressBytes(this.#family);
    if (this.#host.libc.connect(this.fd, this.#place?.pointer ?? 0, length) !== 0) return;
    this.#connectedTo = to;
    if (this.v4 !== 0 && to.address === this.address) this.#neighbourPort = to.port;
  }

  close(): Promise<void> {
    if (this.open) {
      this.open = false;
      this.#host.closed(this);
      if (this.#place === undefined) return Promise.resolve();
      if (this.#host.way.settle()) this.#host.addresses.giveBack(this.#place);
    }
    return Promise.resolve();
  }

  source(memory: Memory, offset: number): Endpoint {
    const first = offset >> 2;
    const { words } = memory;
    const known = this.#sourceWords;
    const count = this.#family === familyV4 ? 2 : 7;
    let same = this.#source !== undefined;
    for (let n = 0; same && n < count; n += 1) same = words[first + n] === known[n];
    if (!same) {
      for (let n = 0; n < count; n += 1) known[n] = words[first + n] ?? 0;
      this.#source = decodeAddress(memory.view, offset);
    }
    return this.#source as Endpoint;
  }

  neighbour(port: number): Endpoint {
    if (this.#neighbour?.port !== port) this.#neighbour = { address: this.address, port };
    return this.#neighbour;
  }

  /** False where this socket cannot send there. */
  #aim(to: Endpoint): boolean {
    if (familyOf(to.address) !== this.#family) return false;
    // What was sent to the place's last address, and by the last connection, goes there.
    if (!this.#host.way.settle()) return false;
    this.#place ??= this.#host.addresses.take();
    // Should it be no literal, nothing is sent to half of it.
    this.#to = undefined;
    encodeAddress(to, this.#place.view, this.#place.offset);
    this.#to = to;
    return true;
  }
}
