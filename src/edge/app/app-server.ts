/**
 * Where applications connect with the drachtio protocol.
 *
 * Owns       the listening socket and the applications' sockets.
 * Leaves to  app-session what is said on them.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { listenFailure } from '../transport/listen-failure.js';
import type { Place } from '../transport/path.js';
import type { AppSession, Wire } from './app-session.js';

const MAX_APPLICATIONS = 256;
/** Bytes that may wait for an application that does not read. */
const UNREAD_BYTES = 67_108_864;
const KEEP_ALIVE_MS = 45_000;
const AUTHENTICATE_MS = 10_000;

export class AppServer {
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly begin: (wire: Wire) => AppSession,
    readonly bound: Place,
  ) {
    server.on('connection', (socket) => this.#welcome(socket));
    server.on('error', () => undefined);
  }

  /** `begin` makes the session of each connection. */
  static async open(place: { readonly host: string; readonly port: number }, begin: (wire: Wire) => AppSession): Promise<AppServer> {
    const server = createServer({ noDelay: true });
    try {
      server.listen(place.port, place.host);
      await once(server, 'listening');
    } catch (thrown) {
      throw listenFailure('tcp', place.host, place.port, 'sip.drachtio', thrown);
    }
    const at = server.address();
    const port = typeof at === 'object' && at !== null ? at.port : place.port;
    return new AppServer(server, begin, { address: place.host, port });
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
    for (const socket of this.#sockets) socket.destroy();
    await ended;
  }

  #welcome(socket: Socket): void {
    if (this.#sockets.size >= MAX_APPLICATIONS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setTimeout(AUTHENTICATE_MS, () => socket.destroy());
    const session = this.begin({
      write: (text) => {
        if (socket.writableLength > UNREAD_BYTES) socket.destroy();
        else socket.write(text, 'latin1');
      },
      end: () => socket.end(),
      authenticated: () => socket.setTimeout(0),
    });
    socket.on('data', (chunk) => session.receive(chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      session.closed();
    });
  }
}
