/**
 * The socket beneath a session, whoever opened it.
 *
 * Owns       the socket; how long authentication may take; what may wait for an application that does not read.
 * Leaves to  app-session what is said on it.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../timing.js';
import type { Application, Origin } from './application.js';
import type { AppSession, Wire } from './app-session.js';
import { GatheredFrames } from './gathered-frames.js';

const KEEP_ALIVE_MS = 45_000;

export const UNREAD_BYTES = 67_108_864;

/** What every socket needs. */
export interface Reception {
  /** Makes the session of a connection. */
  readonly begin: (wire: Wire, origin: Origin) => AppSession;
  readonly clock: Clock;
  readonly maxUnreadBytes: number;
}

export interface Receiving {
  readonly origin: Origin;
  /** How long it may take to authenticate. */
  readonly authenticateMs: number;
  authenticated(application: Application): void;
  closed(): void;
}

/** Serves an application on a socket until one of them closes it. */
export function receive(socket: Socket, reception: Reception, receiving: Receiving): void {
  const { clock } = reception;
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  let stopWaiting = clock.after(receiving.authenticateMs, () => socket.destroy());
  const frames = new GatheredFrames((text) => {
    if (socket.writableLength > reception.maxUnreadBytes) socket.destroy();
    else socket.write(text, 'latin1');
  });
  const session = reception.begin({
    write: (frame) => frames.add(frame),
    end: () => {
      frames.flush();
      socket.end();
      // One that does not close its side either is not waited for.
      stopWaiting();
      stopWaiting = clock.after(receiving.authenticateMs, () => socket.destroy());
    },
    authenticated: (application) => {
      stopWaiting();
      receiving.authenticated(application);
    },
  }, receiving.origin);
  socket.on('data', (chunk) => session.receive(chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('end', () => socket.end());
  socket.on('close', () => {
    stopWaiting();
    session.closed();
    receiving.closed();
  });
}
