/**
 * For tests: a port number of 127.0.0.1 that nobody has, for UDP and for TCP.
 *
 * Below the range that the kernel gives to whoever asks for any port (from 32768 on, Linux), so that no connection of
 * somebody else takes it before its user binds it; none is given twice by one process.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const first = 10_000;
const last = 15_999;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first + 1));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const socket = createSocket('udp4');
  try {
    const listening = once(server, 'listening');
    server.listen(port, '127.0.0.1');
    await listening;
    const bound = once(socket, 'listening');
    socket.bind(port, '127.0.0.1');
    await bound;
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
    if (server.listening) {
      server.close();
      await once(server, 'close');
    }
  }
}
