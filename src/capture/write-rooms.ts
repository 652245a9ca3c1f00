/**
 * Memory out of which captures are written: shared with the thread that writes, which reads it where it lies, and used
 * again and again. Fresh memory for each write costs more than what is done with it: the system has to make it, page by
 * page, and the garbage collector to find out that it is not needed any more.
 *
 * Bound      `mostSpare` of each size are kept that nobody uses, and none that is larger than `mostKeptBytes`.
 */

const leastBytes = 64 * 1024;
const mostKeptBytes = 4 * 1024 * 1024;
const mostSpare = 4;

export type WriteRoom = Buffer<SharedArrayBuffer>;

export class WriteRooms {
  /** By size. */
  readonly #spare = new Map<number, WriteRoom[]>();

  /** So many bytes or more, with whatever stood there before. Whoever takes it gives it back. */
  take(bytes: number): WriteRoom {
    let size = leastBytes;
    while (size < bytes) size *= 2;
    return this.#spare.get(size)?.pop() ?? Buffer.from(new SharedArrayBuffer(size));
  }

  /** Nobody reads it or writes to it any more. */
  giveBack(room: WriteRoom): void {
    if (room.length > mostKeptBytes) return;
    const spare = this.#spare.get(room.length) ?? [];
    this.#spare.set(room.length, spare);
    if (spare.length < mostSpare) spare.push(room);
  }
}

/** Of this process. */
export const writeRooms = new WriteRooms();
