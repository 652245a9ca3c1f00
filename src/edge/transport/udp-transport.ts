/**
 * SIP over UDP: one socket, datagrams in, datagrams out (RFC 3261 §18), and answers to STUN keep-alives.
 *
 * Owns       its socket.
 * Leaves to  the hub what a datagram means; the transactions retransmission.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { advertisedAddress, familyOf, isWildcard, machineAddresses, plainAddress } from './local-address.js';
import { listenFailure } from './listen-failure.js';
import type { Path, Place, SendFailure } from './path.js';
import { Probe } from './probe.js';
import { answerBinding, isStun } from './stun.js';

/** Enough for a burst of about a thousand messages while the thread is busy elsewhere. */
const BUFFER_BYTES = 2_097_152;

/** Takes one datagram as text; `path` leads back to its sender. */
export type Arrived = (text: string, path: Path) => void;

export interface UdpTransport {
  readonly protocol: 'udp';
  /** The bound address, which may be a wildcard, and the real port. */
  readonly bound: Place;
  /** The addresses that name this machine at this socket. */
  readonly own: readonly string[];
  path(address: string, port: number): Path;
  /**
   * How long a datagram that arrives now waits until it is looked at, measured from one call to the next. It
   * counts for more where the kernel grants a small buffer (net.core.rmem_max), which overflows before
   * anything has waited for long.
   */
  waitMs(): number;
  close(): Promise<void>;
}

/** What all paths of one socket share. */
interface Sender {
  readonly socket: Socket;
  readonly bound: Place;
  /** The addresses of this machine, one of which a peer sees where the socket is bound to all. */
  readonly others: readonly string[];
  closed: boolean;
}

/** One is made for each datagram that arrives. */
class UdpPath implements Path {
  readonly protocol = 'udp';
  readonly open = true;

  constructor(
    private readonly sender: Sender,
    readonly address: string,
    readonly port: number,
  ) {}

  get local(): Place {
    const { bound, others } = this.sender;
    return isWildcard(bound.address) ? { address: advertisedAddress(bound.address, this.address, others), port: bound.port } : bound;
  }

  send(text: string, failed: SendFailure): void {
    if (this.sender.closed) {
      failed('closed');
      return;
    }
    this.sender.socket.send(Buffer.from(text, 'latin1'), this.port, this.address, (error) => {
      if (error !== null) failed('code' in error ? String(error.code) : 'unsent');
    });
  }
}

/** What is sent to is always an address: nothing to look up, nor to wait a turn for. */
const asAddress = (address: string, _options: unknown, found: (error: null, address: string, family: number) => void): void => {
  found(null, address, isIP(address));
};

/** `heard` tells whose STUN requests are answered; all else is the transaction layer's to judge. */
export async function openUdp(host: string, port: number, arrived: Arrived, heard: (address: string) => boolean = () => true): Promise<UdpTransport> {
  const socket: Socket = createSocket({
    type: familyOf(host) === 6 ? 'udp6' : 'udp4',
    ipv6Only: familyOf(host) === 6,
    recvBufferSize: BUFFER_BYTES,
    lookup: asAddress,
  });
  try {
    const listening = once(socket, 'listening');
    socket.bind(port, host);
    await listening;
  } catch (thrown) {
    throw listenFailure('udp', host, port, 'sip.listen or recorder.sip.listen', thrown);
  }
  const { address, port: realPort } = socket.address();
  const bound: Place = { address: plainAddress(address), port: realPort };
  const own = [...new Set([bound.address, ...machineAddresses(familyOf(address))])];

  const sender: Sender = { socket, bound, others: own.slice(1), closed: false };
  const pathTo = (peer: string, peerPort: number): Path => new UdpPath(sender, peer, peerPort);

  // To the family's loopback where the socket is bound to all addresses.
  const self = isWildcard(bound.address) ? (familyOf(bound.address) === 6 ? '::1' : '127.0.0.1') : bound.address;
  const probe = new Probe((bytes) => socket.send(bytes, realPort, self, () => undefined));

  socket.on('message', (datagram, peer) => {
    if (probe.took(datagram)) return;
    if (isStun(datagram)) {
      const answer = heard(plainAddress(peer.address)) ? answerBinding(datagram, plainAddress(peer.address), peer.port) : undefined;
      if (answer !== undefined) socket.send(answer, peer.port, peer.address, () => undefined);
      return;
    }
    arrived(datagram.toString('latin1'), pathTo(plainAddress(peer.address), peer.port));
  });
  // A datagram that bounced (ICMP) is reported by its own send; the socket itself stays good.
  socket.on('error', () => undefined);

  return {
    protocol: 'udp',
    bound,
    own: bound.address === '0.0.0.0' || bound.address === '::' ? own : [bound.address],
    path: pathTo,
    waitMs: () => probe.measure() * Math.max(1, BUFFER_BYTES / socket.getRecvBufferSize()),
    close: () =>
      new Promise((resolve) => {
        sender.closed = true;
        socket.close(() => {
          resolve();
        });
      }),
  };
}
