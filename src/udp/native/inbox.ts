/**
 * Which sockets of this thread other threads of the process reach by lanes (lane.ts), and those lanes.
 *
 * A socket is reached so from another that has the same local address, an IPv4 one, and is connected to it: what two
 * roles of one process send to each other. All else takes the way through the kernel.
 *
 * Invariant  A port is in the list only while its socket is open.
 */
import type { Endpoint } from '../datagrams.js';
import { LaneReceiver, LaneSender, newLaneMemory } from './lane.js';

const ports = 0x1_0000;

/** What lanes know of a socket. */
export interface ReachedSocket {
  readonly port: number;
  /** Its address as a number; 0 for another than an IPv4 one, and for all of them. */
  readonly v4: number;
  readonly handler: ((bytes: Buffer, from: Endpoint) => void) | undefined;
  /** Who sends from that port of the same address. */
  neighbour(port: number): Endpoint;
}

/** What a thread needs to send to those sockets. */
export interface LaneShare {
  /** By port, the address of the socket that is reached there; 0 where there is none. */
  readonly reached: SharedArrayBuffer;
  readonly lane: SharedArrayBuffer;
}

export class Inbox {
  readonly #reached = new SharedArrayBuffer(ports * Uint32Array.BYTES_PER_ELEMENT);
  readonly #addresses = new Uint32Array(this.#reached);
  /** By port. */
  readonly #sockets: (ReachedSocket | undefined)[] = Array.from({ length: ports });
  readonly #lanes = new Map<SharedArrayBuffer, LaneReceiver>();

  /** For one other thread. */
  newLane(): LaneShare {
    const lane = newLaneMemory();
    this.#lanes.set(lane, new LaneReceiver(lane));
    return { reached: this.#reached, lane };
  }

  /** What still comes by it is dropped. */
  dropLane({ lane }: LaneShare): void {
    this.#lanes.delete(lane);
  }

  add(socket: ReachedSocket): void {
    // Another socket may have that port at another address: the one that came first is reached.
    if (socket.v4 === 0 || this.#sockets[socket.port] !== undefined) return;
    this.#sockets[socket.port] = socket;
    Atomics.store(this.#addresses, socket.port, socket.v4);
  }

  remove(socket: ReachedSocket): void {
    if (this.#sockets[socket.port] !== socket) return;
    Atomics.store(this.#addresses, socket.port, 0);
    this.#sockets[socket.port] = undefined;
  }

  /** Hands on what has come; false when nothing had. */
  take(): boolean {
    let came = false;
    for (const lane of this.#lanes.values()) if (lane.take(this.#handOn)) came = true;
    return came;
  }

  readonly #handOn = (bytes: Buffer, toPort: number, fromPort: number): void => {
    const socket = this.#sockets[toPort];
    socket?.handler?.(bytes, socket.neighbour(fromPort));
  };
}

/** The lane of this thread to the sockets of another. */
export class Outlet {
  readonly #addresses: Uint32Array;
  readonly #lane: LaneSender;

  constructor({ reached, lane }: LaneShare) {
    this.#addresses = new Uint32Array(reached);
    this.#lane = new LaneSender(lane);
  }

  /** False where that port is not reached so, or there is no room. */
  send(bytes: Buffer, from: ReachedSocket, toPort: number): boolean {
    return this.#addresses[toPort] === from.v4 && this.#lane.put(bytes, toPort, from.port);
  }
}
