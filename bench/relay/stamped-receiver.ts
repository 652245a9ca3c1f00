/**
 * Packets with the instant at which the kernel had them for a socket (SO_TIMESTAMPNS): how late whoever reads them is
 * does not count.
 */
import { unixUsOf } from '../paced-packets.js';
import { msgDontwait, type Libc, type Memory } from '../../src/udp/native/libc.js';

const [solSocket, soTimestampNs] = [1, 35];
const packetsAtOnce = 256;
const [slotBytes, controlBytes] = [256, 64];
const [mmsghdrBytes, iovecBytes] = [64, 16];
/** In a message: where the length of its control data lies. */
const controlLengthAt = 40;
/** In the control data: the time, after its header. */
const timeAt = 16;

export class StampedReceiver {
  readonly #messages: Memory;
  readonly #slots: Memory;
  readonly #control: Memory;
  readonly #messagesAt: number;

  constructor(
    private readonly libc: Libc,
    private readonly fd: number,
  ) {
    const on = libc.alloc(4);
    on.view.setInt32(0, 1, true);
    if (libc.setsockopt(fd, solSocket, soTimestampNs, on.at(0, 4), 4) !== 0) throw new Error(`the kernel stamps no packets: ${libc.errorName()}`);
    this.#messages = libc.alloc(packetsAtOnce * mmsghdrBytes);
    this.#slots = libc.alloc(packetsAtOnce * slotBytes);
    this.#control = libc.alloc(packetsAtOnce * controlBytes);
    const vectors = libc.alloc(packetsAtOnce * iovecBytes);
    const put = (memory: Memory, offset: number, value: number): void => memory.view.setBigUint64(offset, BigInt(value), true);
    for (let slot = 0; slot < packetsAtOnce; slot += 1) {
      const message = slot * mmsghdrBytes;
      put(vectors, slot * iovecBytes, this.#slots.at(slot * slotBytes, slotBytes));
      put(vectors, slot * iovecBytes + 8, slotBytes);
      put(this.#messages, message + 16, vectors.at(slot * iovecBytes, iovecBytes));
      put(this.#messages, message + 24, 1);
      put(this.#messages, message + 32, this.#control.at(slot * controlBytes, controlBytes));
    }
    this.#messagesAt = this.#messages.at(0, packetsAtOnce * mmsghdrBytes);
  }

  /** All that has come: where it lies, and when the kernel had it, in microseconds of Unix time. */
  drain(hear: (view: DataView, at: number, cameUs: number) => void): void {
    const { view } = this.#messages;
    for (let came = packetsAtOnce; came === packetsAtOnce; ) {
      // Value and result.
      for (let slot = 0; slot < packetsAtOnce; slot += 1) view.setUint32(slot * mmsghdrBytes + controlLengthAt, controlBytes, true);
      came = this.libc.recvmmsg(this.fd, this.#messagesAt, packetsAtOnce, msgDontwait, 0);
      for (let slot = 0; slot < came; slot += 1) {
        const time = slot * controlBytes + timeAt;
        hear(this.#slots.view, slot * slotBytes, unixUsOf(this.#control.view.getUint32(time, true), this.#control.view.getUint32(time + 8, true)));
      }
    }
  }
}
