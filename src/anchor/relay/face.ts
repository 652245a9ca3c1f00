/**
 * The face that the relay shows to one side of one media line: a port pair, and where that side is.
 *
 * Owns       the latch of each port; the sockets until they are closed.
 * Leaves to  the caller of `onPacket` what happens to a packet that came in.
 */
import type { Endpoint, MediaSockets } from '../../udp/index.js';
import { Latch } from './latch.js';
import type { PacketObserver } from './packet-counts.js';

/** RTP and RTCP are told apart by the port they came to, and on one port by the packet type (RFC 5761 §4). */
export type PacketHandler = (bytes: Buffer, onRtcpPort: boolean) => void;

export class Face {
  readonly #sockets: MediaSockets;
  readonly #observer: PacketObserver;
  readonly #rtp = new Latch();
  readonly #rtcp = new Latch();
  readonly #failed: () => void;

  constructor(sockets: MediaSockets, observer: PacketObserver, onPacket: PacketHandler) {
    this.#sockets = sockets;
    this.#observer = observer;
    this.#failed = () => observer.dropped('send-failed');
    sockets.rtp.receive((bytes, from) => {
      if (this.#rtp.admits(bytes, from, false)) onPacket(bytes, false);
      else observer.dropped('unknown-source');
    });
    sockets.rtcp.receive((bytes, from) => {
      if (this.#rtcp.admits(bytes, from, true)) onPacket(bytes, true);
      else observer.dropped('unknown-source');
    });
  }

  /** Where this side's SDP says that it is, and what its packets are encrypted with. */
  pointAt(rtp: Endpoint, rtcp: Endpoint, crypto: readonly string[]): void {
    this.#rtp.pointAt(rtp, crypto);
    this.#rtcp.pointAt(rtcp, []);
  }

  /** Whether there is somewhere to send to. */
  get reachable(): boolean {
    return this.#rtp.to !== undefined;
  }

  /** Sends to this side what came from the other. */
  send(bytes: Buffer, rtcpPort: boolean): void {
    const to = rtcpPort ? this.#rtcp.to : this.#rtp.to;
    if (to === undefined) this.#observer.dropped('no-target');
    else if (rtcpPort) this.#sockets.rtcp.send(bytes, to, this.#failed);
    else this.#sockets.rtp.send(bytes, to, this.#failed);
  }

  /** Called once a second. */
  look(): void {
    this.#rtp.look();
    this.#rtcp.look();
  }
}
