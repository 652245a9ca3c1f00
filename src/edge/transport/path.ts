/**
 * A path: one way to get bytes to one peer, and where it starts on this side.
 *
 * Every received message comes with the path it took (responses go back by it), and every
 * request is sent along one.
 */
export type Protocol = 'udp' | 'tcp';

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
  send(text: string, failed: SendFailure): void;
}

export const isReliable = (path: Path): boolean => path.protocol === 'tcp';
