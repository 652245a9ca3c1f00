/**
 * Packets from one thread of this process to the sockets of another, by memory that both see: to send them through the
 * kernel costs as much as all else that happens to a copied packet.
 *
 *   word 0    how far the sender has written, in bytes, modulo 2^32
 *   word 16   how far the receiver has read
 *   word 32   records: bytes of the packet, ports (to, then from in the upper half), the packet, up to a whole word; or
 *             `skip`, and the next record is at the beginning
 *
 * One thread sends, one receives. What finds no room takes the way through the kernel.
 *
 * Invariant  A record is visible only when it is whole: a sender that dies leaves none of half.
 */
const roomBytes = 4 * 1024 * 1024;
const [writtenAt, readAt, recordsAt] = [0, 16, 32];
const headBytes = 8;
const skip = 0xffff_ffff;

export const newLaneMemory = (): SharedArrayBuffer => new SharedArrayBuffer(recordsAt * 4 + roomBytes);

const recordBytes = (length: number): number => headBytes + ((length + 3) & ~3);

export class LaneSender {
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Uint32Array(memory);
    this.#bytes = new Uint8Array(memory, recordsAt * 4);
  }

  /** Copies the packet; false where there is no room. */
  put(bytes: Buffer, toPort: number, fromPort: number): boolean {
    const words = this.#words;
    let written = words[writtenAt] ?? 0;
    const free = roomBytes - ((written - Atomics.load(words, readAt)) >>> 0);
    const needed = recordBytes(bytes.length);
    let at = written % roomBytes;
    if (at + needed > roomBytes) {
      const left = roomBytes - at;
      if (free < left + needed) return false;
      words[recordsAt + (at >> 2)] = skip;
      written += left;
      at = 0;
    } else if (free < needed) return false;
    const word = recordsAt + (at >> 2);
    words[word] = bytes.length;
    words[word + 1] = toPort + fromPort * 0x1_0000;
    this.#bytes.set(bytes, at + headBytes);
    Atomics.store(words, writtenAt, (written + needed) >>> 0);
    return true;
  }
}

export class LaneReceiver {
  readonly #words: Uint32Array;
  readonly #packet = new Uint32Array(0x1_0000 >> 2);
  /** By length: what is handed on is good until the next packet. */
  readonly #views: (Buffer | undefined)[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Uint32Array(memory);
  }

  /** Hands on what has been sent until now; false when nothing was. */
  take(packet: (bytes: Buffer, toPort: number, fromPort: number) => void): boolean {
    const words = this.#words;
    const written = Atomics.load(words, writtenAt);
    let read = words[readAt] ?? 0;
    if (read === written) return false;
    while (read !== written) {
      const at = read % roomBytes;
      let word = recordsAt + (at >> 2);
      const length = words[word] ?? 0;
      if (length === skip) {
        read = (read + roomBytes - at) >>> 0;
        continue;
      }
      const ports = words[word + 1] ?? 0;
      word += headBytes >> 2;
      for (let n = 0; n << 2 < length; n += 1) this.#packet[n] = words[word + n] ?? 0;
      read = (read + recordBytes(length)) >>> 0;
      // Before it is handed on: should the handler throw, it does not come again.
      Atomics.store(words, readAt, read);
      packet(this.#view(length), ports & 0xffff, ports >>> 16);
    }
    Atomics.store(words, readAt, read);
    return true;
  }

  #view(length: number): Buffer {
    return (this.#views[length] ??= Buffer.from(this.#packet.buffer, 0, length));
  }
}
