/**
 * Which file descriptors native datagrams hold, in memory that threads share: descriptors are the process's, and those of
 * a thread that died would stay open, with their ports.
 */
import type { Libc } from './libc.js';

/** As many as a process may have, as a rule. */
const places = 65_536;

export const newDescriptorList = (): SharedArrayBuffer => new SharedArrayBuffer(places * Int32Array.BYTES_PER_ELEMENT);

export class OpenDescriptors {
  readonly #list: Int32Array;
  readonly #free: number[] = [];
  #used = 0;

  constructor(list: SharedArrayBuffer) {
    this.#list = new Int32Array(list);
  }

  /** The place to give back; undefined where there is none left: that descriptor outlives its thread. */
  add(fd: number): number | undefined {
    const place = this.#free.pop() ?? (this.#used < this.#list.length ? this.#used++ : undefined);
    // 0 stands for none.
    if (place !== undefined) this.#list[place] = fd + 1;
    return place;
  }

  /** Before it is closed: its number may be another's right after that. */
  remove(place: number | undefined): void {
    if (place === undefined) return;
    this.#list[place] = 0;
    this.#free.push(place);
  }
}

/** Closes what a thread that has ended left open. */
export function closeLeft(list: SharedArrayBuffer, libc: Libc): void {
  const left = new Int32Array(list);
  for (const [place, fd] of left.entries()) {
    if (fd === 0) continue;
    left[place] = 0;
    libc.close(fd - 1);
  }
}
