/** For tests: a port number that is free on 127.0.0.1 for UDP and for TCP just now. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const socket = createSocket('udp4');
    try {
      const listening = once(socket, 'listening');
      socket.bind(port, '127.0.0.1');
      await listening;
      return port;
    } catch {
      // Taken for UDP: another one.
    } finally {
      socket.close();
      server.close();
      await once(server, 'close');
    }
  }
}
