/**
 * Datagram sockets, whichever way the packets take between the kernel and us.
 *
 * Members: node-datagrams.ts, which needs nothing but Node; native/, several times cheaper, where it can be had.
 */

/** Where datagrams go to or come from. */
export interface Endpoint {
  /** A literal, never a name. */
  readonly address: string;
  readonly port: number;
}

export interface DatagramSocket {
  readonly port: number;
  /**
   * Who takes what comes; called once. `bytes` may be used until the handler returns, no longer; `from` is one object
   * for as long as the source does not change.
   */
  receive(handler: (bytes: Buffer, from: Endpoint) => void): void;
  /**
   * Sends without waiting, and is done with `bytes` when it returns or keeps them unchanged itself. `failed` is told of
   * what could not be sent. Cheapest where `to` is the same object each time.
   */
  send(bytes: Buffer, to: Endpoint, failed?: () => void): void;
  /**
   * Most of what is sent goes there from now on, and nothing is received but from there: the kernel need not look up the
   * way each time, and tells when nobody listens there. A socket of Node's is connected until something is sent elsewhere.
   *
   * @param refused told of that (ICMP port unreachable), for some of the packets or for each
   */
  connect(to: Endpoint, refused?: () => void): void;
  /** Resolves when the port is free. Nothing is received afterwards, and sending does nothing. Idempotent. */
  close(): Promise<void>;
}

export interface SocketOptions {
  /** Differentiated services code point, 0 to 63 (RFC 2474). */
  readonly dscp?: number | undefined;
}

export interface Datagrams {
  /** By which of the system's calls. */
  readonly kind: 'node' | 'epoll' | 'io_uring';
  /** @throws Error whose `code` is the system's (EADDRINUSE, EADDRNOTAVAIL, EMFILE, …). */
  open(address: string, port: number, options?: SocketOptions): Promise<DatagramSocket>;
}

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a === b || (a.port === b.port && a.address === b.address);
