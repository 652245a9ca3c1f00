/**
 * The copy of one direction on its way to the recorder.
 *
 * Packets that come before the recorder has answered are kept, within a bound, and go first, in small
 * bursts; those that come meanwhile wait behind them. So a recording holds the call from its first packet
 * although the recording session begins later.
 *
 * Owns       the packets kept for one stream.
 * Lifetime   stop() drops what is kept; the socket is closed by whoever opened it.
 */
import type { Endpoint, MediaSockets } from '../../udp/index.js';
import { KeptPackets } from './kept-packets.js';
import type { PacketObserver } from './packet-counts.js';

/** Five seconds of packets of 20 ms with their RTCP: longer than any recorder may take to answer. */
const maxKeptPackets = 300;
/** As much for 32 kHz of L16; a G.711 call needs 53 kB. */
const maxKeptBytes = 400_000;
/** All at once they overflow the receive buffer that Linux gives a socket (212,992 bytes, some 270 packets). */
const burstPackets = 25;
const burstEveryMs = 5;

export interface ForkTarget {
  readonly rtp: Endpoint;
  /** The same as `rtp` where they share a port (RFC 5761). */
  readonly rtcp: Endpoint;
}

export class Fork {
  readonly #sockets: MediaSockets;
  readonly #observer: PacketObserver;
  #target: ForkTarget | undefined;
  readonly #failed: () => void;
  readonly #kept = new KeptPackets(maxKeptPackets, maxKeptBytes);
  #stopped = false;
  #paused = false;
  #nextBurst: NodeJS.Timeout | undefined;

  constructor(sockets: MediaSockets, observer: PacketObserver) {
    this.#sockets = sockets;
    this.#observer = observer;
    this.#failed = () => observer.dropped('send-failed');
  }

  copy(bytes: Buffer, rtcp: boolean): void {
    if (this.#stopped || this.#paused) return;
    if (this.#target !== undefined && this.#kept.count === 0) this.#send(bytes, rtcp, this.#target);
    else if (!this.#kept.push(bytes, rtcp)) this.#observer.dropped('queue-full');
  }

  start(target: ForkTarget): void {
    this.#target = target;
    this.#sockets.rtp.connect?.(target.rtp);
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
    this.#kept.clear();
    clearTimeout(this.#nextBurst);
    this.#nextBurst = undefined;
  }

  #sendKept(): void {
    this.#nextBurst = undefined;
    const target = this.#target;
    if (target === undefined) return;
    for (let n = 0; n < burstPackets; n += 1) {
      const kept = this.#kept.shift();
      if (kept === undefined) return;
      this.#send(kept.bytes, kept.rtcp, target);
    }
    if (this.#kept.count > 0) this.#nextBurst = setTimeout(() => this.#sendKept(), burstEveryMs);
  }

  #send(bytes: Buffer, rtcp: boolean, target: ForkTarget): void {
    this.#sockets.rtp.send(bytes, rtcp ? target.rtcp : target.rtp, this.#failed);
  }
}
