/**
 * Where the addresses lie that sockets send to: a place for each socket that sends, given back when it is closed.
 *
 * Bound      as much as the most sockets that were open at once.
 */
import type { Libc } from './libc.js';
import { addressRoom } from './socket-address.js';

const places = 128;

export interface AddressPlace {
  readonly view: DataView;
  readonly offset: number;
  /** For the kernel. */
  readonly pointer: number;
}

export class AddressShelf {
  readonly #free: AddressPlace[] = [];

  constructor(private readonly libc: Libc) {}

  take(): AddressPlace {
    const place = this.#free.pop();
    if (place !== undefined) return place;
    const memory = this.libc.alloc(places * addressRoom);
    for (let n = 0; n < places; n += 1) this.#free.push({ view: memory.view, offset: n * addressRoom, pointer: memory.at(n * addressRoom, addressRoom) });
    return this.take();
  }

  giveBack(place: AddressPlace): void {
    this.#free.push(place);
  }
}
