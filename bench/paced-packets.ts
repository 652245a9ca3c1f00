/** Packets sent by one system call for many, evenly and without waiting for anything: what media benches are loaded with. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { loadLibc, type Libc, type Memory } from '../src/udp/native/libc.js';
import { encodeAddress } from '../src/udp/native/socket-address.js';

const loopback = '127.0.0.1';
const found = loadLibc();
assert(found !== undefined, 'the load needs koffi');
export const libc: Libc = found;
const koffi = createRequire(import.meta.url)('koffi') as { load(path: null): { func(definition: string): (...args: readonly number[]) => number } };
const library = koffi.load(null);
const sendmmsg = library.func('int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)');
const clockGettime = library.func('int clock_gettime(int clock, uintptr_t time)');
const clockRealtime = 0;
const time = libc.alloc(16);

export const unixUsOf = (seconds: number, nanoseconds: number): number => seconds * 1e6 + nanoseconds / 1e3;

/** By the clock that the kernel stamps packets with. */
export function unixUs(): number {
  clockGettime(clockRealtime, time.at(0, 16));
  return unixUsOf(time.words[0] ?? 0, time.words[2] ?? 0);
}

/** So many by one call: they hold one instant. */
const sentAtOnce = 32;

/** The packets of one direction: one for each call, with its header and target, sent over and over. */
export class PacedPackets {
  readonly #messages: Memory;
  readonly #packets: Memory;
  readonly #count: number;
  #next = 0;
  #round = 0;

  constructor(
    private readonly fd: number,
    targets: readonly number[],
    ssrcFrom: number,
    private readonly bytes: number,
  ) {
    this.#count = targets.length;
    this.#messages = libc.alloc(this.#count * 64);
    const vectors = libc.alloc(this.#count * 16);
    const addresses = libc.alloc(this.#count * 16);
    this.#packets = libc.alloc(this.#count * this.bytes);
    targets.forEach((port, n) => {
      encodeAddress({ address: loopback, port }, addresses.view, n * 16);
      vectors.view.setBigUint64(n * 16, BigInt(this.#packets.at(n * this.bytes, this.bytes)), true);
      vectors.view.setBigUint64(n * 16 + 8, BigInt(this.bytes), true);
      this.#messages.view.setBigUint64(n * 64, BigInt(addresses.at(n * 16, 16)), true);
      this.#messages.view.setUint32(n * 64 + 8, 16, true);
      this.#messages.view.setBigUint64(n * 64 + 16, BigInt(vectors.at(n * 16, 16)), true);
      this.#messages.view.setBigUint64(n * 64 + 24, 1n, true);
      this.#packets.view.setUint16(n * this.bytes, 0x8000);
      this.#packets.view.setUint32(n * this.bytes + 8, ssrcFrom + n);
    });
  }

  /** So many of the next ones; they hold the instant in microseconds of Unix time. */
  send(wanted: number): number {
    let left = wanted;
    while (left > 0) {
      const count = Math.min(left, this.#count - this.#next, sentAtOnce);
      const nowUs = unixUs();
      for (let n = this.#next; n < this.#next + count; n += 1) {
        const at = n * this.bytes;
        const { view } = this.#packets;
        view.setUint16(at + 2, this.#round & 0xffff);
        view.setUint32(at + 4, (this.#round * 160) >>> 0);
        view.setFloat64(at + 12, nowUs);
      }
      const sent = sendmmsg(this.fd, this.#messages.at(this.#next * 64, count * 64), count, 0);
      if (sent <= 0) throw new Error('the load cannot send');
      left -= sent;
      this.#next += sent;
      if (this.#next === this.#count) {
        this.#next = 0;
        this.#round += 1;
      }
    }
    return wanted;
  }
}
