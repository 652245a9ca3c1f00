/**
 * The face that the relay shows to one side of one media line: a port pair, and where that side is.
 *
 * The side is at the address of its SDP until a packet comes from it: then at that packet's source
 * (symmetric RTP, RFC 4961), so that parties behind NAT are reached. Once latched, other sources are
 * strangers and their packets are dropped; a new SDP opens the latch again.
 *
 * Owns       the two sockets of this face.
 * Leaves to  the caller of `onPacket` what happens to a packet that came in.
 */
import type { RemoteInfo, Socket } from 'node:dgram';
import type { MediaSockets } from '../../udp/index.js';
import type { AnchorObserver } from '../door.js';

interface Target {
  /** What the SDP said, to see whether a new one says something else. */
  readonly signalled: string;
  /** Where packets are sent to; port 0: nowhere. */
  address: string;
  port: number;
  /** Where packets come from: the latch, open until the first. */
  source: { readonly address: string; readonly port: number } | undefined;
}

/** RTP and RTCP are told apart by the port they came to, and on one port by the packet type (RFC 5761 §4). */
export type PacketHandler = (bytes: Buffer, onRtcpPort: boolean) => void;

export class Face {
  readonly #sockets: MediaSockets;
  readonly #observer: AnchorObserver;
  #rtp: Target | undefined;
  #rtcp: Target | undefined;

  constructor(sockets: MediaSockets, observer: AnchorObserver, onPacket: PacketHandler) {
    this.#sockets = sockets;
    this.#observer = observer;
    sockets.rtp.on('message', (bytes, from) => {
      if (this.#admit(this.#rtp, from)) onPacket(bytes, false);
    });
    sockets.rtcp.on('message', (bytes, from) => {
      if (this.#admit(this.#rtcp, from)) onPacket(bytes, true);
    });
  }

  get rtpPort(): number {
    return this.#sockets.rtpPort;
  }

  get rtcpPort(): number {
    return this.#sockets.rtcpPort;
  }

  /** Where this side's SDP says that it is. The same place again leaves a latch as it is. */
  pointAt(address: string, rtpPort: number, rtcpPort: number): void {
    this.#rtp = moved(this.#rtp, address, rtpPort);
    this.#rtcp = moved(this.#rtcp, address, rtcpPort);
  }

  /** Whether there is somewhere to send to. */
  get reachable(): boolean {
    return this.#rtp !== undefined && this.#rtp.port !== 0 && this.#rtp.address !== '';
  }

  /** Sends to this side what came from the other. */
  send(bytes: Buffer, rtcpPort: boolean): void {
    const target = rtcpPort ? this.#rtcp : this.#rtp;
    // Without an address (no c= line) the side is found by its first packet.
    if (target === undefined || target.port === 0 || target.address === '') {
      this.#observer.dropped('no-target');
      return;
    }
    const socket: Socket = rtcpPort ? this.#sockets.rtcp : this.#sockets.rtp;
    socket.send(bytes, target.port, target.address, ignore);
  }

  close(): Promise<void> {
    return this.#sockets.close();
  }

  #admit(target: Target | undefined, from: RemoteInfo): boolean {
    if (target !== undefined && target.source === undefined) {
      target.source = { address: from.address, port: from.port };
      // On hold (port 0) the source is admitted but not sent to.
      if (target.port !== 0) Object.assign(target, target.source);
    }
    if (target?.source?.port === from.port && target.source.address === from.address) return true;
    this.#observer.dropped('unknown-source');
    return false;
  }
}

/** An unreachable side shows by its silence; one refused datagram says nothing. */
const ignore = (): void => undefined;

const unset = /^(0\.0\.0\.0|::)$/;

function moved(before: Target | undefined, address: string, port: number): Target {
  const signalled = `${address} ${port}`;
  if (before?.signalled === signalled) return before;
  // RFC 2543 hold: the address 0.0.0.0 says "send nothing".
  return { signalled, address, port: unset.test(address) ? 0 : port, source: undefined };
}
