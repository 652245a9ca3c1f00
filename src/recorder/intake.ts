/**
 * One stream's sockets: what arrives is written down with its arrival time, and nothing else.
 *
 * The first source that sends RTP is the stream's; datagrams of others are counted and dropped.
 *
 * Owns       the sockets of the stream.
 * Leaves to  the stitcher order, loss, keys and meaning.
 */
import type { CaptureWriter } from '../capture/index.js';
import { isRtcp } from '../media/index.js';
import { sameEndpoint, type Endpoint, type MediaSockets } from '../udp/index.js';

/** Not RTP or RTCP at all, or not from the stream's source. */
export type PacketReject = 'malformed' | 'unknown-source';

export interface IntakeObserver {
  received(): void;
  rejected(reason: PacketReject): void;
}

/** Unix time with the monotonic clock's resolution: a step of the wall clock must not tear a recording. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/** The fixed headers of RTP (RFC 3550 §5.1) and of RTCP (§6.4.2) have 12 and 8 bytes. */
const shortestPacketBytes = 8;

export class Intake {
  readonly #sockets: MediaSockets;
  readonly #writer: CaptureWriter;
  readonly #stream: number;
  readonly #observer: IntakeObserver;
  #source: Endpoint | undefined;

  constructor(sockets: MediaSockets, writer: CaptureWriter, stream: number, observer: IntakeObserver) {
    this.#sockets = sockets;
    this.#writer = writer;
    this.#stream = stream;
    this.#observer = observer;
    sockets.rtp.receive((bytes, from) => this.#take(bytes, from, isRtcp(bytes)));
    sockets.rtcp.receive((bytes, from) => this.#take(bytes, from, true));
  }

  get port(): number {
    return this.#sockets.rtpPort;
  }

  close(): Promise<void> {
    return this.#sockets.close();
  }

  #take(bytes: Buffer, from: Endpoint, rtcp: boolean): void {
    const reject = this.#check(bytes, from, rtcp);
    if (reject !== undefined) {
      this.#observer.rejected(reject);
      return;
    }
    this.#writer.packet(this.#stream, nowMs(), rtcp, bytes);
    this.#observer.received();
  }

  #check(bytes: Buffer, from: Endpoint, rtcp: boolean): PacketReject | undefined {
    if (bytes.length < shortestPacketBytes || (bytes[0] ?? 0) >> 6 !== 2) return 'malformed';
    const source = this.#source;
    if (source === undefined) {
      if (!rtcp) this.#source = from;
      return undefined;
    }
    // RTCP may come from a port of its own, but not from another machine.
    return sameEndpoint(source, from) || (rtcp && source.address === from.address) ? undefined : 'unknown-source';
  }
}
