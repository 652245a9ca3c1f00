import type { Libc, Memory } from './libc.js';

/** No datagram is longer (RFC 768). */
export const datagramRoom = 65_536;

/** What is to be sent, where the kernel can read it: where it lies already, or copied. */
export class SendBuffer {
  /** The packet that is being handed on, and its address: what is sent most. */
  current: Buffer | undefined;
  currentAt = 0;
  readonly #slots: Memory;
  readonly #room: Memory;

  constructor(libc: Libc, slots: Memory) {
    this.#slots = slots;
    this.#room = libc.alloc(datagramRoom);
  }

  /** The address of these bytes, good until the next call or the end of the handler that was given them. */
  addressOf(bytes: Buffer): number {
    if (bytes === this.current) return this.currentAt;
    if (bytes.buffer === this.#slots.buffer) return this.#slots.at(bytes.byteOffset, bytes.length);
    if (bytes.length > datagramRoom) return 0;
    this.#room.bytes.set(bytes);
    return this.#room.at(0, bytes.length);
  }
}
