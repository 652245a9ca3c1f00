/**
 * What native datagrams hold of a thread: file descriptors, and memory mapped of one, in memory that threads share. Both
 * are the process's, and those of a thread that died would stay, and with them their ports.
 */
import type { Libc, Memory } from './libc.js';

/** As many as a process may have, as a rule. */
const places = 65_536;
/** Memory is mapped when a thread begins, and then no more. */
const mappings = 16;
const mappingsAt = places * Int32Array.BYTES_PER_ELEMENT;

export const newDescriptorList = (): SharedArrayBuffer => new SharedArrayBuffer(mappingsAt + mappings * 2 * Float64Array.BYTES_PER_ELEMENT);

const descriptorsIn = (list: SharedArrayBuffer): Int32Array => new Int32Array(list, 0, places);
/** Address and bytes of each. */
const mappingsIn = (list: SharedArrayBuffer): Float64Array => new Float64Array(list, mappingsAt, mappings * 2);

export class OpenDescriptors {
  readonly #list: Int32Array;
  readonly #mapped: Float64Array;
  readonly #free: number[] = [];
  #used = 0;
  #mappings = 0;

  constructor(list: SharedArrayBuffer) {
    this.#list = descriptorsIn(list);
    this.#mapped = mappingsIn(list);
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

  /** Memory that keeps a descriptor open. */
  addMapping(memory: Memory): void {
    if (this.#mappings === mappings) return;
    const at = 2 * this.#mappings;
    this.#mapped[at] = memory.at(0, memory.bytes.length);
    this.#mapped[at + 1] = memory.bytes.length;
    this.#mappings += 1;
  }
}

/** Closes what a thread that has ended left open. Its ports may be free only a moment later. */
export function closeLeft(list: SharedArrayBuffer, libc: Libc): void {
  const mapped = mappingsIn(list);
  for (let at = 0; at < mapped.length; at += 2) {
    const [address = 0, bytes = 0] = mapped.subarray(at, at + 2);
    mapped.fill(0, at, at + 2);
    if (address !== 0) libc.munmap(address, bytes);
  }
  const left = descriptorsIn(list);
  for (const [place, fd] of left.entries()) {
    if (fd === 0) continue;
    left[place] = 0;
    libc.close(fd - 1);
  }
}
