/** Datagrams by node:dgram: a buffer and an address object for each packet that comes. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Datagrams, DatagramSocket, Endpoint } from './datagrams.js';

/** Every address we send to is a literal: resolving it would cost a thread hop a packet. */
const literal = (family: 4 | 6) => (host: string, _options: unknown, done: (error: null, address: string, family: number) => void) => {
  done(null, host, family);
};

class NodeSocket implements DatagramSocket {
  readonly port: number;
  readonly #socket: Socket;
  #from: Endpoint | undefined;
  #closing: Promise<void> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    // An ICMP error of one datagram must not end the process; the far end's silence is noticed elsewhere.
    socket.on('error', () => undefined);
  }

  receive(handler: (bytes: Buffer, from: Endpoint) => void): void {
    this.#socket.on('message', (bytes, { address, port }) => {
      if (this.#closing !== undefined) return;
      let from = this.#from;
      if (from?.port !== port || from.address !== address) from = this.#from = { address, port };
      handler(bytes, from);
    });
  }

  send(bytes: Buffer, to: Endpoint, failed?: () => void): void {
    if (this.#closing !== undefined) return;
    this.#socket.send(bytes, to.port, to.address, failed === undefined ? ignore : (error) => error !== null && failed());
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#socket.close(() => resolve());
    });
    return this.#closing;
  }
}

/** An unreachable side shows by its silence; one refused datagram says nothing. */
const ignore = (): void => undefined;

export const nodeDatagrams: Datagrams = {
  kind: 'node',
  async open(address, port, { dscp } = {}) {
    if (dscp !== undefined) throw new Error('node:dgram cannot mark packets with a DSCP');
    const family = isIPv6(address) ? 6 : 4;
    const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup: literal(family) });
    // With our lookup the event comes within bind().
    const listening = once(socket, 'listening');
    try {
      socket.bind(port, address);
      await listening;
    } catch (error) {
      socket.close();
      throw error;
    }
    return new NodeSocket(socket);
  },
};
