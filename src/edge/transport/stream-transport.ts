/**
 * SIP over TCP, and over TLS on top of it: a listening socket, and the connections in both directions.
 *
 * A connection serves every message to and from its peer (RFC 3261 §18: responses go back on it,
 * requests to the same address and port reuse it), and also requests to the port that the peer
 * named in its Via, as far as the address is the connection's own (RFC 5923 without the asking).
 *
 * Invariant 1: at most `maxConnections` are open, shaking hands included, of which at most `maxPerSource`
 *              accepted from one address; further ones are closed at once.
 * Invariant 2: over TLS, a request goes only to a peer that has proved to be the one asked for, as far as
 *              `verifyPeer` demands.
 */
import { once } from 'node:events';
import { connect, createServer, isIP, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Clock } from '../timing.js';
import type { ConnectionLimits } from './connection-limits.js';
import { advertisedAddress, familyOf, isWildcard, machineAddresses, plainAddress } from './local-address.js';
import { listenFailure } from './listen-failure.js';
import type { Path, Place } from './path.js';
import { StreamConnection, type ConnectionEnds } from './stream-connection.js';
import type { FramingReason } from './stream-framing.js';
import type { TlsCredentials } from './tls-credentials.js';
import { identitiesOf, provesToBe } from './tls-identity.js';
import type { Arrived } from './udp-transport.js';

export interface StreamTransport {
  readonly protocol: 'tcp' | 'tls';
  readonly bound: Place;
  readonly own: readonly string[];
  /**
   * An open connection to the peer, or a new one; undefined when there are too many. `name` is what the
   * peer must prove to be over TLS; a connection that is open already needs no proof for an `answer`.
   */
  path(address: string, port: number, name?: string, answer?: boolean): Path | undefined;
  /** Lets requests to `port` of the peer of `path` use its connection. */
  alias(path: Path, port: number): void;
  /** How long it has been reading from a connection without coming to the end of what had arrived. */
  waitMs(): number;
  close(): Promise<void>;
}

export interface StreamOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  /** Present for TLS. */
  readonly credentials?: TlsCredentials | undefined;
  readonly arrived: Arrived;
  readonly broken: (reason: FramingReason) => void;
}

const keyOf = (address: string, port: number): string => `${address} ${port}`;

function namesOf(certificate: PeerCertificate): string[] {
  // Without a certificate, node gives an empty object; with several common names, a list.
  const common: unknown = (certificate as Partial<PeerCertificate>).subject?.CN;
  return identitiesOf({ subjectaltname: certificate.subjectaltname, commonName: typeof common === 'string' ? common : undefined });
}

const identityOf = (socket: TLSSocket): readonly string[] | undefined => (socket.authorized ? namesOf(socket.getPeerCertificate()) : undefined);

/** Opens a TLS connection that is ready only when the peer has proved to be `name`, as far as that is demanded. */
function dialTls(credentials: TlsCredentials, where: { host: string; port: number; localAddress?: string }, name: string): TLSSocket {
  const { verifyPeer } = credentials.settings;
  const socket = connectTls({
    ...where,
    secureContext: credentials.context,
    // RFC 6066 §3: addresses are no server names.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: verifyPeer !== 'off',
    checkServerIdentity: (_host, certificate) =>
      verifyPeer !== 'name' || provesToBe(namesOf(certificate), name)
        ? undefined
        : Object.assign(new Error('the certificate is not of the server asked for'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }),
  });
  let secure = false;
  socket.once('secureConnect', () => {
    secure = true;
  });
  socket.once('error', () => {
    // Set by node when the certificate is what failed; a connection that was refused has none.
    if (!secure && (socket.authorizationError as unknown) !== null && (socket.authorizationError as unknown) !== undefined) credentials.counts.peersNotTrusted += 1;
  });
  return socket;
}

export async function openStream(options: StreamOptions): Promise<StreamTransport> {
  const { host, port, limits, clock, credentials } = options;
  const protocol = credentials === undefined ? 'tcp' : 'tls';
  const server = createServer({ noDelay: true });
  try {
    server.listen({ port, host, ipv6Only: familyOf(host) === 6 });
    await once(server, 'listening');
  } catch (thrown) {
    throw listenFailure(protocol, host, port, 'sip.listen or recorder.sip.listen', thrown);
  }
  const at = server.address();
  const bound: Place = typeof at === 'object' && at !== null ? { address: plainAddress(at.address), port: at.port } : { address: host, port };
  const machine = machineAddresses(familyOf(bound.address));
  const open = new Set<StreamConnection>();
  const all = { unsentBytes: 0 };
  /** What was accepted, from the first packet on: these are more than have shaken hands. */
  const accepted = new Set<Socket>();
  const bySource = new Map<string, number>();
  let dialled = 0;
  /** By the peer's place; what was opened for a name, by place and name. */
  const byPeer = new Map<string, StreamConnection>();
  const aliases = new Map<Path, string>();

  const adopt = (socket: Socket, ends: Omit<ConnectionEnds, 'protocol' | 'local'>, key: string): StreamConnection => {
    const local = { address: advertisedAddress(bound.address, ends.peer.address, machine), port: bound.port };
    const connection: StreamConnection = new StreamConnection(socket, { ...ends, protocol, local }, limits, clock, {
      arrived: options.arrived,
      broken: options.broken,
      closed: () => {
        open.delete(connection);
        if (ends.readyOn !== undefined) dialled -= 1;
        for (const each of [key, aliases.get(connection.path)]) {
          if (each !== undefined && byPeer.get(each) === connection) byPeer.delete(each);
        }
        aliases.delete(connection.path);
      },
    }, all);
    open.add(connection);
    byPeer.set(key, connection);
    return connection;
  };

  const adoptAccepted = (socket: Socket, identity: () => readonly string[] | undefined): void => {
    if (socket.remoteAddress === undefined || socket.remotePort === undefined) {
      socket.destroy();
      return;
    }
    const peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort };
    adopt(socket, { peer, identity }, keyOf(peer.address, peer.port));
  };

  const handshakes = credentials === undefined ? undefined : acceptTls(credentials, limits.connectMs, adoptAccepted);

  server.on('connection', (socket) => {
    const source = plainAddress(socket.remoteAddress ?? '');
    const others = bySource.get(source) ?? 0;
    if (source === '' || accepted.size + dialled >= limits.maxConnections || others >= limits.maxPerSource) {
      socket.destroy();
      return;
    }
    accepted.add(socket);
    bySource.set(source, others + 1);
    socket.once('close', () => {
      accepted.delete(socket);
      const left = (bySource.get(source) ?? 1) - 1;
      if (left > 0) bySource.set(source, left);
      else bySource.delete(source);
    });
    if (handshakes === undefined) adoptAccepted(socket, () => undefined);
    else handshakes(socket);
  });
  server.on('error', () => undefined);

  /** Whether what the peer of an accepted connection has proved is enough to send it a request for `name`. */
  const serves = (path: Path, name: string): boolean => {
    const demanded = credentials?.settings.verifyPeer ?? 'off';
    return demanded === 'off' || (path.identity !== undefined && (demanded === 'chain' || provesToBe(path.identity, name)));
  };

  return {
    protocol,
    bound,
    own: isWildcard(bound.address) ? [bound.address, ...machine] : [bound.address],
    path: (address, peerPort, name = address, answer = false) => {
      const place = keyOf(address, peerPort);
      const key = credentials === undefined ? place : `${place} ${name}`;
      const existing = byPeer.get(key) ?? byPeer.get(place);
      if (existing !== undefined && (answer || byPeer.get(key) === existing || serves(existing.path, name))) return existing.path;
      if (accepted.size + dialled >= limits.maxConnections) return undefined;
      const where = { host: address, port: peerPort, ...(isWildcard(bound.address) ? {} : { localAddress: bound.address }) };
      const peer = { address, port: peerPort };
      dialled += 1;
      if (credentials === undefined) return adopt(connect(where), { peer, readyOn: 'connect', identity: () => undefined }, key).path;
      const socket = dialTls(credentials, where, name);
      return adopt(socket, { peer, readyOn: 'secureConnect', identity: () => identityOf(socket) }, key).path;
    },
    alias: (path, peerPort) => {
      const key = keyOf(path.address, peerPort);
      if (peerPort === path.port || byPeer.has(key) || aliases.has(path)) return;
      const connection = byPeer.get(keyOf(path.address, path.port));
      if (connection?.path !== path) return;
      aliases.set(path, key);
      byPeer.set(key, connection);
    },
    waitMs: () => {
      let longest = 0;
      for (const connection of open) longest = Math.max(longest, connection.waitMs());
      return longest;
    },
    close: async () => {
      const ended = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      for (const connection of [...open]) connection.close();
      for (const socket of [...accepted]) socket.destroy();
      await ended;
    },
  };
}

/** Shakes hands on accepted sockets; hands over those that came through in time. */
function acceptTls(
  credentials: TlsCredentials, handshakeMs: number, secured: (socket: TLSSocket, identity: () => readonly string[] | undefined) => void,
): (socket: Socket) => void {
  const { clientCertificate } = credentials.settings;
  let { material } = credentials;
  // It listens nowhere itself: sockets come to it once they are counted.
  const server = createTlsServer({
    ...material,
    handshakeTimeout: handshakeMs,
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: false,
  });
  server.on('secureConnection', (socket) => {
    if (clientCertificate !== 'require' || socket.authorized) {
      secured(socket, () => identityOf(socket));
      return;
    }
    credentials.counts.peersNotTrusted += 1;
    socket.destroy();
  });
  server.on('tlsClientError', (_error, socket) => {
    credentials.counts.handshakesFailed += 1;
    socket.destroy();
  });
  return (socket) => {
    if (credentials.material !== material) {
      ({ material } = credentials);
      server.setSecureContext(material);
    }
    socket.on('error', () => undefined);
    server.emit('connection', socket);
  };
}
