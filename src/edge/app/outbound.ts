/**
 * Connections that the edge opens to applications, one for each new request
 * (drachtio-srf's `listen`): the application authenticates, is given the request, and closes it.
 *
 * Owns       the attempts and the open sockets.
 * Leaves to  app-socket what is said there; request-handlers where to connect.
 *
 * Invariant 1: at most `maxOpen` connections exist, attempts included.
 * Invariant 2: `done` is called once, unless the attempt was called off.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Application } from './application.js';
import { receive, type Reception } from './app-socket.js';

export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Whether the certificate must be one that this machine trusts, for that host. */
  readonly verifyPeer: boolean;
}

export type NoApplication = 'unreachable' | 'too-many';

export const MAX_OUTBOUND = 4_096;

export class OutboundConnections {
  readonly #sockets = new Set<Socket>();

  constructor(
    private readonly reception: Reception,
    /** How long connecting and authenticating may take together. */
    private readonly patienceMs: number,
    private readonly maxOpen = MAX_OUTBOUND,
  ) {}

  /** Opens a connection; what it returns calls the attempt off, and does nothing afterwards. */
  open(to: Destination, done: (found: Application | NoApplication) => void): () => void {
    if (this.#sockets.size >= this.maxOpen) {
      done('too-many');
      return () => undefined;
    }
    let settled = false;
    const settle = (found: Application | NoApplication): void => {
      if (settled) return;
      settled = true;
      done(found);
    };
    const socket = to.tls
      ? connectTls({
        host: to.host,
        port: to.port,
        rejectUnauthorized: to.verifyPeer,
        ...(isIP(to.host) === 0 ? { servername: to.host } : {}),
      })
      : connectTcp({ host: to.host, port: to.port });
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    receive(socket, this.reception, {
      origin: 'outbound',
      authenticateMs: this.patienceMs,
      authenticated: settle,
      closed: () => {
        this.#sockets.delete(socket);
        settle('unreachable');
      },
    });
    return () => {
      if (settled) return;
      settled = true;
      socket.destroy();
    };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
