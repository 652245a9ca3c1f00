/**
 * Bound UDP sockets for media.
 *
 * Owns       binding a pair out of a pool, and giving the pair back when it is closed.
 * Leaves to  the relay and the recorder what is sent and received.
 * Lifetime   whoever opened a pair closes it; a closed pair sends and receives nothing.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { Failure } from '../errors/index.js';
import type { PortPool } from './port-pool.js';

export interface MediaSockets {
  readonly address: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
  readonly rtp: Socket;
  readonly rtcp: Socket;
  /** Resolves when both sockets are closed; safe to call twice. */
  close(): Promise<void>;
}

/** Every address we send to is a literal: resolving it would cost a thread hop a packet. */
const literal = (family: 4 | 6) => (host: string, _options: unknown, done: (error: null, address: string, family: number) => void) => {
  done(null, host, family);
};

async function bind(address: string, port: number): Promise<Socket> {
  const family = isIPv6(address) ? 6 : 4;
  const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup: literal(family) });
  // With our lookup the event comes within bind().
  const listening = once(socket, 'listening');
  try {
    socket.bind(port, address);
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  // An ICMP error of one datagram must not end the process; the far end's silence is noticed elsewhere.
  socket.on('error', () => undefined);
  return socket;
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.close(() => {
      resolve();
    });
  });

/**
 * Opens a pair of sockets on ports of the pool.
 *
 * @throws Failure PORTS_EXHAUSTED when no pair is free, MEDIA_BIND when the address is not ours.
 */
export async function openMediaSockets(address: string, pool: PortPool): Promise<MediaSockets> {
  const taken: number[] = [];
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      const port = pool.take();
      if (port === undefined) break;
      let rtp: Socket | undefined;
      try {
        rtp = await bind(address, port);
        const rtcp = await bind(address, port + 1);
        return pair(address, port, rtp, rtcp, pool);
      } catch (error) {
        taken.push(port);
        if (rtp !== undefined) await closed(rtp);
        // Another process holds that port: the next one serves as well. Any other error would repeat.
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') {
          throw new Failure('MEDIA_BIND', `no media socket can be opened on ${address}: is it an address of this machine?`, {
            cause: error,
            facts: { address, port },
          });
        }
      }
    }
  } finally {
    for (const port of taken) pool.giveBack(port);
  }
  throw new Failure('PORTS_EXHAUSTED', `no media port is free on ${address}: widen "ports" or lower the number of calls`, {
    facts: { address },
  });
}

function pair(address: string, port: number, rtp: Socket, rtcp: Socket, pool: PortPool): MediaSockets {
  let closing: Promise<void> | undefined;
  return {
    address,
    rtpPort: port,
    rtcpPort: port + 1,
    rtp,
    rtcp,
    close() {
      closing ??= Promise.all([closed(rtp), closed(rtcp)]).then(() => {
        pool.giveBack(port);
      });
      return closing;
    },
  };
}
