/**
 * Where switches that send audio over a WebSocket (RFC 6455) connect to, as FreeSWITCH's mod_audio_fork does.
 *
 * A recording session gets a seat. Its URI holds a token that nobody can guess, and which lets somebody in only for a
 * while after the client was told of it; the first message of who comes says the session ID. Then each binary message
 * is samples.
 *
 * Owns       the server, its connections, who may come in and how long that may take.
 * Leaves to  the session the samples, and what it means that they end.
 *
 * Invariant 1: a seat has one connection at most; another that comes in takes its place.
 * Invariant 2: no token is ever in a log, an error or a metric.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { Failure, messageOf } from '../errors/index.js';
import { sameParties, type Party } from './socket-greeting.js';
import type { AudioSocketSettings } from './settings.js';

/** mod_audio_fork keeps five seconds at most, and sends all of it as one message: 160,000 bytes of stereo at 8,000 Hz. */
const longestMessageBytes = 256 * 1024;
const pingMs = 15_000;
const pathOf = (token: string): string => `/audio/${token}`;

/** Why one that connected was sent away. */
export type SocketReject = 'unknown-source' | 'malformed';

export interface AudioSockets {
  /** As clients reach it, without a token. */
  readonly where: string;
  seat(options: SeatOptions): AudioSeat;
  close(): Promise<void>;
}

export interface SeatOptions {
  readonly sessionId: string;
  /** Of whom the audio is that comes. */
  readonly parties: readonly Party[];
  /** A connection came in: what it sends is given to what this returns. */
  readonly onOpen: () => (samples: Buffer) => void;
  /** It is gone, or did not come in time, and there is no other. */
  readonly onGone: () => void;
}

export interface AudioSeat {
  /** The client is told of it once more: it may connect from now on, for as long as the settings say. */
  invite(): string;
  close(): void;
}

interface Seat {
  readonly options: SeatOptions;
  readonly token: string;
  invitedUntilMs: number;
  socket: WebSocket | undefined;
  timer: NodeJS.Timeout | undefined;
}

export interface AudioSocketsOptions {
  readonly settings: AudioSocketSettings;
  readonly onReject: (reason: SocketReject) => void;
}

/** @throws Failure HTTP_LISTEN when the address is not to be had, EDGE_TLS when the certificate cannot be used. */
export async function openAudioSockets({ settings, onReject }: AudioSocketsOptions): Promise<AudioSockets> {
  const { host, publicHost = host, connectWithinMs, mostConnections } = settings;
  const seats = new Map<string, Seat>();
  const server = await makeServer(settings);
  // A server that never reads a slow request to its end keeps it no longer than that.
  server.headersTimeout = server.requestTimeout = connectWithinMs;
  server.maxConnections = mostConnections;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: longestMessageBytes, perMessageDeflate: false, clientTracking: true });
  const alive = new WeakSet<WebSocket>();

  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    stream.on('error', () => undefined);
    const seat = seats.get(request.url ?? '');
    if (seat === undefined || performance.now() > seat.invitedUntilMs) {
      onReject('unknown-source');
      stream.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => greet(socket, seat));
  };

  /** Somebody with the token is there, and has to say which session it is for. */
  const greet = (socket: WebSocket, seat: Seat): void => {
    alive.add(socket);
    socket.on('pong', () => alive.add(socket));
    // What it sent is no WebSocket message, or too long: ws closes it.
    socket.on('error', () => onReject('malformed'));
    const late = setTimeout(() => socket.terminate(), connectWithinMs);
    socket.once('close', () => clearTimeout(late));
    socket.once('message', (data, isBinary) => {
      clearTimeout(late);
      const { sessionId, parties } = seat.options;
      if (isBinary || !sameParties(bytesOf(data).toString(), sessionId, parties) || seats.get(pathOf(seat.token)) !== seat) {
        onReject('unknown-source');
        socket.close(1008);
        return;
      }
      sit(socket, seat);
    });
  };

  const sit = (socket: WebSocket, seat: Seat): void => {
    clearTimeout(seat.timer);
    const before = seat.socket;
    seat.socket = socket;
    before?.close(1000);
    const take = seat.options.onOpen();
    socket.on('message', (data, isBinary) => {
      // Texts may come beside the audio, such as that of its end; they say nothing that is needed.
      if (isBinary && seat.socket === socket) take(bytesOf(data));
    });
    socket.once('close', () => {
      if (seat.socket !== socket) return;
      seat.socket = undefined;
      expect(seat);
    });
  };

  /** Somebody has to come, or come back, in time. */
  const expect = (seat: Seat): void => {
    clearTimeout(seat.timer);
    seat.timer = setTimeout(() => {
      if (seat.socket === undefined) seat.options.onGone();
    }, connectWithinMs);
  };

  const pings = setInterval(() => {
    for (const socket of sockets.clients) {
      if (!alive.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, pingMs);

  server.on('upgrade', onUpgrade);
  server.on('request', (_request, response) => response.writeHead(404).end());
  server.on('clientError', (_error, stream: Duplex) => stream.destroy());
  try {
    server.listen(settings.port, host);
    await once(server, 'listening');
  } catch (error) {
    clearInterval(pings);
    throw new Failure('HTTP_LISTEN', `the recorder cannot take audio on ${host}:${settings.port}: ${messageOf(error)}`, { cause: error, facts: { host, port: settings.port } });
  }
  const { port } = server.address() as AddressInfo;
  const base = `${settings.tls === undefined ? 'ws' : 'wss'}://${publicHost}:${port}`;

  return {
    where: base,
    seat(options) {
      const seat: Seat = { options, token: randomBytes(24).toString('base64url'), invitedUntilMs: 0, socket: undefined, timer: undefined };
      const path = pathOf(seat.token);
      seats.set(path, seat);
      return {
        invite() {
          seat.invitedUntilMs = performance.now() + connectWithinMs;
          if (seat.socket === undefined) expect(seat);
          return `${base}${path}`;
        },
        close() {
          clearTimeout(seat.timer);
          seats.delete(path);
          const { socket } = seat;
          seat.socket = undefined;
          if (socket === undefined) return;
          socket.close(1000);
          // One that does not take leave is cut off.
          setTimeout(() => socket.terminate(), 1_000).unref();
        },
      };
    },
    async close() {
      clearInterval(pings);
      for (const seat of seats.values()) {
        clearTimeout(seat.timer);
        // Nobody has to come back.
        seat.socket = undefined;
      }
      seats.clear();
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function makeServer({ tls, connectWithinMs }: AudioSocketSettings): Promise<Server> {
  if (tls === undefined) return createServer();
  try {
    return createTlsServer({ cert: await readFile(tls.certFile), key: await readFile(tls.keyFile), handshakeTimeout: connectWithinMs });
  } catch (error) {
    const { code } = error as { code?: unknown };
    throw new Failure('EDGE_TLS', `recorder.webSocket.tls: certificate and key cannot be used (${typeof code === 'string' ? code : 'no reason is known'})`, {
      facts: { certFile: tls.certFile, keyFile: tls.keyFile },
    });
  }
}

const bytesOf = (data: RawData): Buffer => (Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data));
