/**
 * An io_uring (Linux 6.1 and later, io_uring_setup(2)): one queue of orders to the kernel, one of what it tells, and the
 * buffers into which it writes packets. All three are memory that both see; one system call hands over any number of orders.
 *
 * Orders are carried out before that call returns, but for receiving, which goes on until it is cancelled. So what is to
 * be sent may be overwritten, and buffers may be given back, once `submit` has said that nothing is left.
 *
 * Owns       the layout of that memory, and the order in which either side may read it.
 * Leaves to  ring-way.ts what is ordered; libc.ts the system calls.
 *
 * Only the thread that made it may use it (IORING_SETUP_SINGLE_ISSUER).
 *
 * Invariants
 * 1. The kernel writes into a buffer only after it was given to it, and until it tells of it.
 * 2. Of what the kernel tells, nothing is lost for want of room (IORING_FEAT_NODROP).
 */
import { msgDontwait, type Libc, type Memory } from './libc.js';
import { addressRoom } from './socket-address.js';

const [callSetup, callEnter, callRegister] = [425, 426, 427];
const [orders, tellings] = [4_096, 16_384];
/** Submit all although one is refused; sizes as asked; one thread; the kernel does its part of receiving when it is called, and says whether any is left. */
const setupFlags = (1 << 7) | (1 << 3) | (1 << 12) | (1 << 13) | (1 << 9);
const moreToTake = 1 << 2;
/** One mapping for both queues; nothing is dropped; no telling of what has succeeded. */
const neededFeatures = 1 | 2 | (1 << 11);
const [mapQueues, mapOrders] = [0, 0x10000000];
const registerBufferRing = 22;
const getEvents = 1;

const [opReceiveMessage, opCancel, opSend] = [10, 14, 26];
const [bufferSelect, skipSuccess] = [1 << 5, 1 << 6];
const receiveMultishot = 1 << 1;
const [hasBuffer, goesOn] = [1, 2];

const bufferGroup = 1;
/** Buffers for packets; more than come between two looks. What finds none waits in its socket. */
export const bufferCount = 1_024;
/** struct io_uring_recvmsg_out, then the source. */
const headBytes = 16;
export const sourceAt = headBytes;
export const payloadAt = headBytes + addressRoom;
/** Room for the longest datagram; no more of it is used than packets are long. A line beyond keeps buffers out of each other's places in the cache. */
export const bufferBytes = 65_536 + 64;

const [orderWords, tellingWords, bufferRingBytes] = [16, 4, 16];

/** Who an order is of, in what the kernel tells of it. */
export const [ofReceiving, ofSending, ofCancelling] = [0, 1, 2] as const;

const high = (address: number): number => Math.floor(address / 0x1_0000_0000);

export interface Tellings {
  /** A packet for `id` lies in the buffer. */
  packet(id: number, buffer: number): void;
  /** `id` receives no more until it is ordered anew; `result`: an error as a number below zero, where it was one. */
  receivingEnded(id: number, result: number): void;
  sendingFailed(id: number, result: number): void;
}

export class Ring {
  /** Where the buffers lie. */
  readonly buffers: Memory;
  /** All of its memory, which outlives the thread. */
  readonly mappings: readonly Memory[];
  readonly fd: number;
  readonly #libc: Libc;
  readonly #queue: Uint32Array;
  readonly #orders: Uint32Array;
  readonly #orderMask: number;
  readonly #tellingMask: number;
  readonly #orderTail: number;
  readonly #flagsAt: number;
  readonly #tellingHead: number;
  readonly #tellingTail: number;
  readonly #tellingsAt: number;
  readonly #bufferRing: Uint32Array;
  readonly #bufferRingHalves: Uint16Array;
  readonly #buffersAt: number;
  readonly #messageAt: number;
  #buffersGiven = 0;
  #unsubmitted = 0;

  /** @throws Error where the kernel has none, or not one that can do this, or does not let us. */
  constructor(libc: Libc) {
    this.#libc = libc;
    const scratch = libc.alloc(256);
    scratch.words[0] = orders;
    scratch.words[1] = tellings;
    scratch.words[2] = setupFlags;
    this.fd = libc.syscall(callSetup, orders, scratch.at(0, 120), 0, 0, 0, 0);
    if (this.fd < 0) throw new Error(`io_uring cannot be had: ${libc.errorName()}`);
    try {
      const word = (index: number): number => scratch.words[index] ?? 0;
      if ((word(5) & neededFeatures) !== neededFeatures) throw new Error('this io_uring lacks what is needed');
      const [orderCount, tellingCount] = [word(0), word(1)];
      // struct io_sqring_offsets at word 10 (tail 1, flags 4, array 6), struct io_cqring_offsets at word 20 (head 0, tail 1, cqes 5).
      const arrayAt = word(16);
      this.#orderTail = word(11) >> 2;
      this.#flagsAt = word(14) >> 2;
      this.#tellingHead = word(20) >> 2;
      this.#tellingTail = word(21) >> 2;
      this.#tellingsAt = word(25) >> 2;
      this.#orderMask = orderCount - 1;
      this.#tellingMask = tellingCount - 1;
      const queue = libc.map(this.fd, Math.max(arrayAt + orderCount * 4, word(25) + tellingCount * tellingWords * 4), mapQueues);
      const ordered = libc.map(this.fd, orderCount * orderWords * 4, mapOrders);
      [this.#queue, this.#orders] = [queue.words, ordered.words];
      for (let n = 0; n < orderCount; n += 1) this.#queue[(arrayAt >> 2) + n] = n;
      this.buffers = libc.alloc(bufferCount * bufferBytes);
      this.#buffersAt = this.buffers.at(0, bufferCount * bufferBytes);
      const bufferRing = libc.alloc(bufferCount * bufferRingBytes);
      this.#bufferRing = bufferRing.words;
      this.mappings = [queue, ordered, bufferRing, this.buffers];
      this.#bufferRingHalves = new Uint16Array(bufferRing.buffer);
      // struct io_uring_buf_reg
      scratch.bytes.fill(0, 0, 64);
      scratch.view.setBigUint64(0, BigInt(bufferRing.at(0, bufferCount * bufferRingBytes)), true);
      scratch.words[2] = bufferCount;
      scratch.view.setUint16(12, bufferGroup, true);
      if (libc.syscall(callRegister, this.fd, registerBufferRing, scratch.at(0, 40), 1, 0, 0) < 0) throw new Error(`io_uring takes no buffers: ${libc.errorName()}`);
      for (let buffer = 0; buffer < bufferCount; buffer += 1) this.give(buffer);
      this.publish();
      // struct msghdr: of what is received the source is wanted, and nothing else.
      const message = libc.alloc(64);
      message.view.setUint32(8, addressRoom, true);
      this.#messageAt = message.at(0, 56);
    } catch (error) {
      libc.close(this.fd);
      throw error;
    }
  }

  /** Whether an order finds room. */
  get hasRoom(): boolean {
    return this.#unsubmitted <= this.#orderMask;
  }

  /** The following three want room. Packets for `fd` are told as those of `id` from now on. */
  receive(fd: number, id: number): void {
    const at = this.#order(opReceiveMessage | (bufferSelect << 8) | (receiveMultishot << 16), fd, this.#messageAt, 1, ofReceiving, id);
    this.#orders[at + 10] = bufferGroup;
    this.#ordered();
  }

  /** Those of `id` end. */
  cancel(id: number): void {
    // By what it tells: 64 bits, of which the upper half is ofReceiving.
    this.#order(opCancel | (skipSuccess << 8), -1, id, 0, ofCancelling, id);
    this.#ordered();
  }

  send(fd: number, id: number, at: number, length: number, address: number, addressBytes: number): void {
    const order = this.#order(opSend | (skipSuccess << 8), fd, at, length, ofSending, id);
    const words = this.#orders;
    words[order + 2] = address;
    words[order + 3] = high(address);
    words[order + 7] = msgDontwait;
    words[order + 11] = addressBytes;
    this.#ordered();
  }

  /** Hands all orders over; false where some are left. `taking`: what has come by now is told as well. */
  submit(taking: boolean): boolean {
    const taken = this.#libc.syscall(callEnter, this.fd, this.#unsubmitted, 0, taking ? getEvents : 0, 0, 0);
    if (taken > 0) this.#unsubmitted -= taken;
    return this.#unsubmitted === 0;
  }

  /** Whether there is more to take: of many sockets at a time the kernel does its part for twenty or so in one call. */
  get hasMore(): boolean {
    return (Atomics.load(this.#queue, this.#flagsAt) & moreToTake) !== 0;
  }

  /** Hands on what the kernel has told until now. */
  hear(to: Tellings): void {
    const queue = this.#queue;
    let head = queue[this.#tellingHead] ?? 0;
    const tail = Atomics.load(queue, this.#tellingTail);
    for (; head !== tail; head = (head + 1) >>> 0) {
      const at = this.#tellingsAt + (head & this.#tellingMask) * tellingWords;
      const id = queue[at] ?? 0;
      const of = queue[at + 1];
      const result = (queue[at + 2] ?? 0) | 0;
      const flags = queue[at + 3] ?? 0;
      if (of === ofReceiving) {
        if ((flags & hasBuffer) !== 0) to.packet(id, flags >>> 16);
        if ((flags & goesOn) === 0) to.receivingEnded(id, result);
      } else if (of === ofSending) to.sendingFailed(id, result);
    }
    Atomics.store(queue, this.#tellingHead, head);
  }

  /** Gives a buffer back to the kernel, which sees it after `publish`. */
  give(buffer: number): void {
    const at = (this.#buffersGiven & (bufferCount - 1)) * 4;
    const address = this.#buffersAt + buffer * bufferBytes;
    const words = this.#bufferRing;
    words[at] = address;
    words[at + 1] = high(address);
    words[at + 2] = bufferBytes;
    this.#bufferRingHalves[at * 2 + 6] = buffer;
    this.#buffersGiven = (this.#buffersGiven + 1) & 0xffff;
  }

  publish(): void {
    // The tail lies where the first entry has nothing (struct io_uring_buf_ring).
    Atomics.store(this.#bufferRingHalves, 7, this.#buffersGiven);
  }

  /** Begins the next order; returns where it lies. */
  #order(head: number, fd: number, address: number, length: number, of: number, id: number): number {
    const tail = this.#queue[this.#orderTail] ?? 0;
    const at = (tail & this.#orderMask) * orderWords;
    const words = this.#orders;
    words[at] = head;
    words[at + 1] = fd;
    words[at + 2] = words[at + 3] = 0;
    words[at + 4] = address;
    words[at + 5] = high(address);
    words[at + 6] = length;
    words[at + 7] = 0;
    words[at + 8] = id;
    words[at + 9] = of;
    words[at + 10] = words[at + 11] = words[at + 12] = words[at + 13] = words[at + 14] = words[at + 15] = 0;
    return at;
  }

  /** The order that was begun is complete. */
  #ordered(): void {
    Atomics.store(this.#queue, this.#orderTail, ((this.#queue[this.#orderTail] ?? 0) + 1) >>> 0);
    this.#unsubmitted += 1;
  }
}
