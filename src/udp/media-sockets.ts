/**
 * Bound UDP sockets for media.
 *
 * Owns       binding a pair out of a pool, and giving the pair back when it is closed.
 * Leaves to  the relay and the recorder what is sent and received; datagrams.ts the sockets themselves.
 * Lifetime   whoever opened a pair closes it; a closed pair sends and receives nothing.
 */
import { Failure } from '../errors/index.js';
import type { Datagrams, DatagramSocket, SocketOptions } from './datagrams.js';
import { nodeDatagrams } from './node-datagrams.js';
import type { PortPool } from './port-pool.js';

/** Pairs that are tried where others hold the ports. */
const attempts = 20;

export interface MediaSockets {
  readonly address: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
  readonly rtp: DatagramSocket;
  readonly rtcp: DatagramSocket;
  /** Resolves when both sockets are closed; safe to call twice. */
  close(): Promise<void>;
}

/** A pair on exactly these ports, with no pool. @throws Error as Datagrams.open. */
export async function bindPair(address: string, port: number, datagrams: Datagrams, options: SocketOptions = {}): Promise<MediaSockets> {
  const rtp = await datagrams.open(address, port, options);
  try {
    const rtcp = await datagrams.open(address, port + 1, options);
    return { address, rtpPort: port, rtcpPort: port + 1, rtp, rtcp, close: () => Promise.all([rtp.close(), rtcp.close()]).then(() => undefined) };
  } catch (error) {
    await rtp.close();
    throw error;
  }
}

function bindFailure(error: NodeJS.ErrnoException, address: string, port: number): Failure {
  const outOfFiles = error.code === 'EMFILE' || error.code === 'ENFILE';
  const advice = outOfFiles ? 'too many files are open, raise the limit of the process (LimitNOFILE, ulimit -n): a recorded call takes about 16' : 'is it an address of this machine?';
  return new Failure('MEDIA_BIND', `no media socket can be opened on ${address}: ${advice}`, { cause: error, facts: { address, port } });
}

/**
 * Opens something on a pair of ports of the pool: on the next one where others hold those.
 *
 * @throws Failure PORTS_EXHAUSTED when no pair is free, MEDIA_BIND when the address is not ours.
 */
export async function onFreePair<T>(address: string, pool: PortPool, open: (port: number) => Promise<T>): Promise<{ readonly port: number; readonly opened: T }> {
  const taken: number[] = [];
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const port = pool.take();
      if (port === undefined) break;
      try {
        return { port, opened: await open(port) };
      } catch (error) {
        taken.push(port);
        // Another process holds that port: the next one serves as well. Any other error would repeat.
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') {
          throw bindFailure(error as NodeJS.ErrnoException, address, port);
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

/**
 * Opens a pair of sockets on ports of the pool.
 *
 * @throws Failure as onFreePair.
 */
export async function openMediaSockets(address: string, pool: PortPool, datagrams: Datagrams = nodeDatagrams): Promise<MediaSockets> {
  const { port, opened } = await onFreePair(address, pool, (port) => bindPair(address, port, datagrams));
  let closing: Promise<void> | undefined;
  return {
    ...opened,
    close() {
      closing ??= opened.close().then(() => pool.giveBack(port));
      return closing;
    },
  };
}
