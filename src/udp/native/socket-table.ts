import type { PacketSocket } from './packet-way.js';

/** The sockets by the numbers that the kernel knows them by. A number is used again only after `free`. */
export class SocketTable {
  readonly #sockets: (PacketSocket | undefined)[] = [];
  readonly #free: number[] = [];

  add(socket: PacketSocket): number {
    const id = this.#free.pop() ?? this.#sockets.length;
    this.#sockets[id] = socket;
    socket.id = id;
    return id;
  }

  at(id: number): PacketSocket | undefined {
    return this.#sockets[id];
  }

  /** What the kernel still tells of this number is nobody's. */
  remove(id: number): void {
    this.#sockets[id] = undefined;
  }

  free(id: number): void {
    this.#free.push(id);
  }
}
