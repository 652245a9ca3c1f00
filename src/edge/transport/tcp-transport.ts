/**
 * SIP over TCP: a listening socket, and the connections in both directions.
 *
 * A connection serves every message to and from its peer (RFC 3261 §18: responses go back on it,
 * requests to the same address and port reuse it), and also requests to the port that the peer
 * named in its Via, as far as the address is the connection's own (RFC 5923 without the asking).
 *
 * Invariant 1: at most `maxConnections` are open; further ones are closed at once.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { advertisedAddress, familyOf, isWildcard, machineAddresses, plainAddress } from './local-address.js';
import { listenFailure } from './listen-failure.js';
import type { Path, Place } from './path.js';
import type { FramingReason } from './stream-framing.js';
import { connectionLimits, TcpConnection } from './tcp-connection.js';
import type { Arrived } from './udp-transport.js';

const MAX_CONNECTIONS = 4_096;

export interface TcpTransport {
  readonly protocol: 'tcp';
  readonly bound: Place;
  readonly own: readonly string[];
  /** An open connection to the peer, or a new one; undefined when there are too many. */
  path(address: string, port: number): Path | undefined;
  /** Lets requests to `port` of the peer of `path` use its connection. */
  alias(path: Path, port: number): void;
  close(): Promise<void>;
}

const keyOf = (address: string, port: number): string => `${address} ${port}`;

export async function openTcp(
  host: string, port: number, arrived: Arrived, broken: (reason: FramingReason) => void, maxConnections = MAX_CONNECTIONS,
): Promise<TcpTransport> {
  const server = createServer({ noDelay: true });
  try {
    server.listen({ port, host, ipv6Only: familyOf(host) === 6 });
    await once(server, 'listening');
  } catch (thrown) {
    throw listenFailure('tcp', host, port, 'sip.listen or recorder.sip.listen', thrown);
  }
  const at = server.address();
  const bound: Place = typeof at === 'object' && at !== null ? { address: plainAddress(at.address), port: at.port } : { address: host, port };
  const machine = machineAddresses(familyOf(bound.address));
  const open = new Set<TcpConnection>();
  const byPeer = new Map<string, TcpConnection>();
  const aliases = new Map<Path, string>();

  const adopt = (socket: Socket, peer: Place, connected: boolean): TcpConnection => {
    const local = { address: advertisedAddress(bound.address, peer.address, machine), port: bound.port };
    const connection: TcpConnection = new TcpConnection(socket, peer, local, connected, connectionLimits, {
      arrived,
      broken,
      closed: () => {
        open.delete(connection);
        for (const key of [keyOf(peer.address, peer.port), aliases.get(connection.path)]) {
          if (key !== undefined && byPeer.get(key) === connection) byPeer.delete(key);
        }
        aliases.delete(connection.path);
      },
    });
    open.add(connection);
    byPeer.set(keyOf(peer.address, peer.port), connection);
    return connection;
  };

  server.on('connection', (socket) => {
    if (open.size >= maxConnections || socket.remoteAddress === undefined || socket.remotePort === undefined) {
      socket.destroy();
      return;
    }
    adopt(socket, { address: plainAddress(socket.remoteAddress), port: socket.remotePort }, true);
  });
  server.on('error', () => undefined);

  return {
    protocol: 'tcp',
    bound,
    own: isWildcard(bound.address) ? [bound.address, ...machine] : [bound.address],
    path: (address, peerPort) => {
      const existing = byPeer.get(keyOf(address, peerPort));
      if (existing !== undefined) return existing.path;
      if (open.size >= maxConnections) return undefined;
      const from = isWildcard(bound.address) ? {} : { localAddress: bound.address };
      return adopt(connect({ host: address, port: peerPort, ...from }), { address, port: peerPort }, false).path;
    },
    alias: (path, peerPort) => {
      const key = keyOf(path.address, peerPort);
      if (peerPort === path.port || byPeer.has(key) || aliases.has(path)) return;
      const connection = byPeer.get(keyOf(path.address, path.port));
      if (connection?.path !== path) return;
      aliases.set(path, key);
      byPeer.set(key, connection);
    },
    close: async () => {
      const ended = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      for (const connection of [...open]) connection.close();
      await ended;
    },
  };
}
