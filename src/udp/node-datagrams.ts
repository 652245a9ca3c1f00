/** Datagrams by node:dgram: a buffer and an address object for each packet that comes. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { sameEndpoint, type Datagrams, type DatagramSocket, type Endpoint } from './datagrams.js';

/** Every address we send to is a literal: resolving it would cost a thread hop a packet. */
const literal = (family: 4 | 6) => (host: string, _options: unknown, done: (error: null, address: string, family: number) => void) => {
  done(null, host, family);
};

class NodeSocket implements DatagramSocket {
  readonly port: number;
  readonly #socket: Socket;
  #from: Endpoint | undefined;
  #connectedTo: Endpoint | undefined;
  #refused: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    // An ICMP error of one datagram must not end the process.
    socket.on('error', (error) => this.#tellRefused(error));
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
    const sent = (error: Error | null): void => {
      if (error === null) return;
      this.#tellRefused(error);
      failed?.();
    };
    if (this.#connectedTo !== undefined && sameEndpoint(this.#connectedTo, to)) {
      this.#socket.send(bytes, sent);
      return;
    }
    // node:dgram has no way to send elsewhere on a connected socket.
    this.#disconnect();
    this.#socket.send(bytes, to.port, to.address, sent);
  }

  connect(to: Endpoint, refused?: () => void): void {
    if (this.#closing !== undefined) return;
    this.#refused = refused;
    if (this.#connectedTo !== undefined && sameEndpoint(this.#connectedTo, to)) return;
    this.#disconnect();
    // With our lookup it is connected when this returns, or not at all: then it sends as before.
    this.#socket.connect(to.port, to.address, () => undefined);
    try {
      this.#socket.remoteAddress();
      this.#connectedTo = to;
    } catch {
      // Not connected: a place that there is no way to.
    }
  }

  #disconnect(): void {
    if (this.#connectedTo === undefined) return;
    this.#connectedTo = undefined;
    this.#socket.disconnect();
  }

  #tellRefused(error: Error): void {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') this.#refused?.();
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#socket.close(() => resolve());
    });
    return this.#closing;
  }
}

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
