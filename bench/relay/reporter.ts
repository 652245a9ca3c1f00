/**
 * What the recorder of the load tells of the copies: a receiver report once a second for each stream, as ours sends them,
 * spread over the second.
 */
import { encodeRtcp } from '../../src/media/index.js';
import type { DatagramSocket, Endpoint } from '../../src/udp/index.js';
import { loopback } from './calls.js';

const everyMs = 1_000;
/** Where the report block's source and its highest sequence number lie in the packet. */
const [sourceAt, highestAt] = [8, 16];

export class Reporter {
  readonly #to: readonly Endpoint[];
  readonly #ssrcs: readonly number[];
  /** By source. */
  readonly #highest = new Map<number, number>();
  readonly #packet = encodeRtcp([
    { type: 'RR', ssrc: 1, profileExtension: Buffer.alloc(0), reports: [{ ssrc: 0, fractionLost: 0, cumulativeLost: 0, extendedHighest: 0, jitterTicks: 0, lastSenderReport: 0, delaySinceLastSenderReport: 0 }] },
  ]);
  #sent = 0;

  /** @param streams which source the copies are of that come from a port */
  constructor(
    private readonly socket: DatagramSocket,
    streams: readonly { readonly port: number; readonly ssrc: number }[],
  ) {
    this.#to = streams.map(({ port }) => ({ address: loopback, port }));
    this.#ssrcs = streams.map(({ ssrc }) => ssrc);
  }

  hear(bytes: Buffer): void {
    this.#highest.set(bytes.readUInt32BE(8), bytes.readUInt16BE(2));
  }

  /** Those that are due `atMs` after the start. */
  send(atMs: number): void {
    for (const due = Math.floor((atMs / everyMs) * this.#to.length); this.#sent < due; this.#sent += 1) {
      const stream = this.#sent % this.#to.length;
      const ssrc = this.#ssrcs[stream] ?? 0;
      const highest = this.#highest.get(ssrc);
      if (highest === undefined) continue;
      this.#packet.writeUInt32BE(ssrc, sourceAt);
      this.#packet.writeUInt32BE(highest, highestAt);
      this.socket.send(this.#packet, this.#to[stream] as Endpoint);
    }
  }
}
