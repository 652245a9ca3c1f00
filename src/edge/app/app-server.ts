/**
 * The drachtio protocol's server side: applications connect, authenticate, register for requests
 * and send commands.
 *
 * Owns       the listening socket and the applications' sockets.
 * Leaves to  its `Commands` what sip and proxy do.
 *
 * Unlike drachtio-server it insists on authentication, and closes with an error what it can't follow.
 */
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { listenFailure } from '../transport/listen-failure.js';
import type { Place } from '../transport/path.js';
import { Application } from './application.js';
import { encodeFrame, FrameReader } from './frame-reader.js';
import { Routes } from './routes.js';

/** What applications ask of the edge. Answers go through `application`, under `messageId`. */
export interface Commands {
  sip(application: Application, messageId: string, tokens: readonly string[], text: string): void;
  proxy(application: Application, messageId: string, tokens: readonly string[], text: string): void;
  gone(application: Application): void;
}

export interface AppServerOptions {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly newId: () => string;
  readonly now: () => number;
  /** `proto/host:port,…` as told to applications. */
  readonly hostPorts: () => string;
}

/** The first version that drachtio-srf pings; the protocol spoken is 0.9.10's. */
const VERSION = 'v0.9.10-twintrack';
const MAX_APPLICATIONS = 256;
/** Bytes that may wait for an application that does not read. */
const UNREAD_BYTES = 67_108_864;
const KEEP_ALIVE_MS = 45_000;
const AUTHENTICATE_MS = 10_000;

function sameSecret(given: string, secret: string): boolean {
  const a = Buffer.from(given, 'latin1');
  const b = Buffer.from(secret, 'utf8');
  return a.length === b.length && timingSafeEqual(a, b);
}

export class AppServer {
  readonly routes = new Routes();
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly options: AppServerOptions,
    private readonly commands: Commands,
    readonly bound: Place,
  ) {
    server.on('connection', (socket) => this.#welcome(socket));
    server.on('error', () => undefined);
  }

  static async open(options: AppServerOptions, commands: Commands): Promise<AppServer> {
    const server = createServer({ noDelay: true });
    try {
      server.listen(options.port, options.host);
      await once(server, 'listening');
    } catch (thrown) {
      throw listenFailure('tcp', options.host, options.port, 'sip.drachtio', thrown);
    }
    const at = server.address();
    const port = typeof at === 'object' && at !== null ? at.port : options.port;
    return new AppServer(server, options, commands, { address: options.host, port });
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
    const reader = new FrameReader();
    let authenticated = false;
    let open = true;
    const listening = (): boolean => open;
    const application: Application = new Application(
      (payload) => {
        if (socket.writableLength > UNREAD_BYTES) socket.destroy();
        else socket.write(encodeFrame(payload), 'latin1');
      },
      this.options.newId,
      this.options.now,
      () => {
        open = false;
        socket.end();
      },
    );
    const obey = (payload: string): void => {
      const lineEnd = payload.indexOf('\r\n');
      const line = lineEnd === -1 ? payload : payload.slice(0, lineEnd);
      const text = lineEnd === -1 ? '' : payload.slice(lineEnd + 2);
      const [messageId = '', verb = '', ...tokens] = line.split('|');
      if (verb === 'authenticate') {
        if (!sameSecret(tokens[0] ?? '', this.options.secret)) {
          application.refuse(messageId, 'incorrect secret');
          return;
        }
        authenticated = true;
        socket.setTimeout(0);
        application.answer(messageId, 'OK', this.options.hostPorts(), VERSION, this.options.hostPorts());
        return;
      }
      if (!authenticated) {
        application.refuse(messageId, 'not authenticated');
        return;
      }
      switch (verb) {
        case 'ping':
          application.answer(messageId, 'OK', 'pong');
          return;
        case 'route':
          this.routes.add(tokens[0] ?? '', application);
          application.answer(messageId, 'OK');
          return;
        case 'remove_route':
          this.routes.remove(tokens[0] ?? '', application);
          application.answer(messageId, 'OK');
          return;
        case 'sip':
          this.commands.sip(application, messageId, tokens, text);
          return;
        case 'proxy':
          if ((tokens[0] ?? '') === '') application.refuse(messageId, 'transaction id missing');
          else this.commands.proxy(application, messageId, tokens, text);
          return;
        default:
          application.refuse(messageId, 'unknown command');
      }
    };
    socket.on('data', (chunk) => {
      if (!listening()) return;
      const frames = reader.push(chunk.toString('latin1'));
      for (const payload of frames.payloads) if (listening()) obey(payload);
      if (listening() && frames.reason !== undefined) application.refuse('', frames.reason);
    });
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      open = false;
      this.#sockets.delete(socket);
      application.leave();
      this.routes.removeAll(application);
      this.commands.gone(application);
    });
  }
}
