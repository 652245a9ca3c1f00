/**
 * The copy of one direction on its way to the recorder.
 *
 * Packets that come before the recorder has answered are kept, within a bound, and go first, in small
 * bursts; those that come meanwhile wait behind them. So a recording holds the call from its first packet
 * although the recording session begins later.
 *
 * Owns       the sending socket of one stream and the packets kept for it.
 * Lifetime   close() drops what is kept.
 */
import type { MediaSockets } from '../../udp/index.js';
import type { AnchorObserver } from '../door.js';

/** Five seconds of G.711 at 20 ms with its RTCP: longer than any recorder may take to answer. */
const keptPackets = 300;
/** All at once they overflow the receive buffer that Linux gives a socket (212,992 bytes, some 270 packets). */
const burstPackets = 25;
const burstEveryMs = 5;

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
  #paused = false;
  #nextBurst: NodeJS.Timeout | undefined;

  constructor(sockets: MediaSockets, observer: AnchorObserver) {
    this.#sockets = sockets;
    this.#observer = observer;
  }

  get port(): number {
    return this.#sockets.rtpPort;
  }

  /** `bytes` must not be changed afterwards: it may be kept. */
  copy(bytes: Buffer, rtcp: boolean): void {
    if (this.#stopped || this.#paused) return;
    if (this.#target !== undefined && this.#kept.length === 0) {
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
    if (this.#nextBurst === undefined) this.#sendKept();
  }

  /** What comes from now on is not for the recorder; what was kept before is. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  stop(): void {
    this.#stopped = true;
    this.#target = undefined;
    this.#kept = [];
    clearTimeout(this.#nextBurst);
    this.#nextBurst = undefined;
  }

  async close(): Promise<void> {
    this.stop();
    await this.#sockets.close();
  }

  #sendKept(): void {
    this.#nextBurst = undefined;
    const target = this.#target;
    if (target === undefined) return;
    for (const { bytes, rtcp } of this.#kept.splice(0, burstPackets)) this.#send(bytes, rtcp, target);
    if (this.#kept.length > 0) this.#nextBurst = setTimeout(() => this.#sendKept(), burstEveryMs);
  }

  #send(bytes: Buffer, rtcp: boolean, target: ForkTarget): void {
    this.#sockets.rtp.send(bytes, rtcp ? target.rtcpPort : target.rtpPort, target.address, (error) => {
      if (error !== null) this.#observer.dropped('send-failed');
    });
  }
}
