/**
 * The drachtio protocol's server side: where applications connect.
 *
 * Owns       the listening sockets, and whatever is connected to them.
 * Leaves to  app-socket what is said there.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Failure, messageOf } from '../../errors/index.js';
import type { AdminAddress, AdminTls } from '../edge-options.js';
import { listenFailure } from '../transport/listen-failure.js';
import { receive, type Reception } from './app-socket.js';

const MAX_APPLICATIONS = 256;
const AUTHENTICATE_MS = 10_000;
const SETTING = 'sip.drachtio';

export interface BoundAdmin {
  readonly host: string;
  readonly port: number;
  /** Where TLS has a port of its own. */
  readonly tlsPort?: number;
}

function openTlsServer(tls: AdminTls): Server {
  try {
    return createTlsServer({
      cert: tls.chain === undefined ? tls.certificate : `${tls.certificate}\n${tls.chain}`,
      key: tls.key,
      ...(tls.dhParameters === undefined ? {} : { dhparam: tls.dhParameters }),
      handshakeTimeout: AUTHENTICATE_MS,
      noDelay: true,
    });
  } catch (thrown) {
    throw new Failure('CONFIG_INVALID', `the certificate or key for applications cannot be used: ${messageOf(thrown)} (setting: ${SETTING})`, { cause: thrown });
  }
}

export class AppServer {
  readonly #servers: Server[] = [];
  /** Every TCP connection, those in a TLS handshake included. */
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly reception: Reception) {}

  /** Throws Failure EDGE_LISTEN when a port can't be listened on, CONFIG_INVALID when TLS has no usable certificate. */
  static async open(at: AdminAddress, reception: Reception): Promise<{ server: AppServer; bound: BoundAdmin }> {
    const server = new AppServer(reception);
    const { tls } = at;
    try {
      const alone = tls !== undefined && tls.port === undefined;
      const port = await server.#listen(alone ? openTlsServer(tls) : createServer({ noDelay: true }), alone, at.host, at.port);
      if (tls?.port === undefined) return { server, bound: { host: at.host, port } };
      const tlsPort = await server.#listen(openTlsServer(tls), true, at.host, tls.port);
      return { server, bound: { host: at.host, port, tlsPort } };
    } catch (thrown) {
      await server.close();
      throw thrown;
    }
  }

  async close(): Promise<void> {
    const ended = this.#servers.splice(0).map((server) => new Promise((resolve) => {
      server.close(resolve);
    }));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(ended);
  }

  async #listen(server: Server, isTls: boolean, host: string, port: number): Promise<number> {
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (thrown) {
      throw listenFailure('tcp', host, port, SETTING, thrown);
    }
    this.#servers.push(server);
    server.on('error', () => undefined);
    server.on('connection', (socket: Socket) => this.#admit(socket));
    server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
      if (!socket.destroyed) receive(socket, this.reception, { origin: 'inbound', authenticateMs: AUTHENTICATE_MS, authenticated: () => undefined, closed: () => undefined });
    });
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  #admit(socket: Socket): void {
    if (this.#sockets.size >= MAX_APPLICATIONS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
    });
  }
}
