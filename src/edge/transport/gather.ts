import type { Socket } from 'node:net';

/**
 * What is written to a socket in one turn of the event loop goes out together at its end: one system call,
 * and with TLS one record, for many messages. Call before each write; before `destroy`, what has been
 * gathered goes out by `uncork`.
 */
export function gather(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  setImmediate(() => socket.uncork());
}
