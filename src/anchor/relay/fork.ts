/**
 * The copy of one direction on its way to the recorder.
 *
 * Packets that come before the recorder has answered are kept, within a bound, and go first; so a
 * recording holds the call from its first packet although the recording session begins later.
 *
 * Owns       the sending socket of one stream and the packets kept for it.
 * Lifetime   close() drops what is kept.
 */
import type { MediaSockets } from '../../udp/index.js';
import type { AnchorObserver } from '../door.js';

/** Five seconds of G.711 at 20 ms with its RTCP: longer than any recorder may take to answer. */
const keptPackets = 300;

export interface ForkTarget {
  readonly address: string;
  readonly rtpPort: number;
  /** Same as `rtpPort` where RTP and RTCP share it (RFC 5761). */
  readonly rtcpPort: number;
}

export class Fork {
  readonly #sockets: MediaSockets;
  readonly #observer: AnchorObserver;
  #target: ForkTarget | undefined;
  #kept: { bytes: Buffer; rtcp: boolean }[] = [];
  #stopped = false;

  constructor(sockets: MediaSockets, observer: AnchorObserver) {
    this.#sockets = sockets;
    this.#observer = observer;
  }

  get port(): number {
    return this.#sockets.rtpPort;
  }

  /** `bytes` must not be changed afterwards: it may be kept. */
  copy(bytes: Buffer, rtcp: boolean): void {
    if (this.#stopped) return;
    if (this.#target !== undefined) {
      this.#send(bytes, rtcp, this.#target);
    } else if (this.#kept.length < keptPackets) {
      this.#kept.push({ bytes, rtcp });
    } else {
      this.#observer.dropped('queue-full');
    }
  }

  start(target: ForkTarget): void {
    this.#target = target;
    this.#stopped = false;
    const kept = this.#kept;
    this.#kept = [];
    for (const { bytes, rtcp } of kept) this.#send(bytes, rtcp, target);
  }

  stop(): void {
    this.#stopped = true;
    this.#target = undefined;
    this.#kept = [];
  }

  async close(): Promise<void> {
    this.stop();
    await this.#sockets.close();
  }

  #send(bytes: Buffer, rtcp: boolean, target: ForkTarget): void {
    this.#sockets.rtp.send(bytes, rtcp ? target.rtcpPort : target.rtpPort, target.address, (error) => {
      if (error !== null) this.#observer.dropped('send-failed');
    });
  }
}
