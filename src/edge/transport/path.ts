/**
 * A path: one way to get bytes to one peer, and where it starts on this side.
 *
 * Every received message comes with the path it took (responses go back by it), and every
 * request is sent along one.
 */
export type Protocol = 'udp' | 'tcp' | 'tls';

export interface Place {
  readonly address: string;
  readonly port: number;
}

/** What happened to bytes that could not be sent; told at most once per `send`. */
export type SendFailure = (cause: string) => void;

export interface Path {
  readonly protocol: Protocol;
  /** The peer. */
  readonly address: string;
  readonly port: number;
  /** Our own place as the peer reaches it: what Via and Contact name. */
  readonly local: Place;
  /** False once the connection is gone; datagram paths are always open. */
  readonly open: boolean;
  /**
   * Who the peer has proved to be: the names of its certificate, in lower case, when an authority we
   * trust has issued it. Absent without TLS, without a certificate, and for one that proves nothing.
   */
  readonly identity?: readonly string[] | undefined;
  send(text: string, failed: SendFailure): void;
}

/** Whether it is a connection, which delivers once and in order, or tells that it could not. */
export const isReliable = (path: { readonly protocol: Protocol }): boolean => path.protocol !== 'udp';

/** Where a transport listens when nobody says a port (RFC 3261 §18.2.1, §26.2). */
export const defaultPort = (protocol: Protocol): number => (protocol === 'tls' ? 5061 : 5060);
