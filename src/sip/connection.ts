/**
 * The connection of a role to its SIP edge.
 *
 * Owns       starting the embedded edge (or finding the drachtio-server), the drachtio-srf client, and its end.
 * Leaves to  proxy/ and recorder/ every call.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import Srf from 'drachtio-srf';
import { spawnEdge, type Edge } from '../edge/index.js';
import { Failure, messageOf } from '../errors/index.js';
import type { SipSettings } from './settings.js';
import { sharedSecret } from './shared-secret.js';

export interface SipConnection {
  readonly srf: Srf;
  /** Where the edge listens; empty when drachtio-server does not tell. */
  readonly contacts: readonly string[];
  /** Whether what goes by TLS goes only to a server that has proved something; of a drachtio-server nobody knows. */
  readonly verifiesTls: boolean;
  healthy(): boolean;
  /** Messages that the embedded edge could not read, since its start; 0 with drachtio-server, which tells no count. */
  malformed(): Promise<number>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface SipConnectionOptions {
  readonly settings: SipSettings;
  /** Sources to answer at all (embedded edge only); absent: everybody gets an answer. */
  readonly silentUnless?: readonly string[] | undefined;
  /** The embedded edge crashed; it is started anew, with back-off, and the connection made again. */
  readonly onCrash: (error: Error) => void;
  /** The edge is not reachable; the connection is tried again by itself. */
  readonly onTrouble: (what: string) => void;
}

const connectTimeoutMs = 10_000;

/**
 * @throws Failure EDGE_LISTEN when an address cannot be had, EDGE_TLS when a certificate cannot be used,
 * EDGE_LOST when no edge answers, CONFIG_UNREADABLE when the file with the secret cannot be read.
 */
export async function connectSip(options: SipConnectionOptions): Promise<SipConnection> {
  const { settings } = options;
  const secret = settings.drachtio === undefined ? randomBytes(24).toString('base64url') : await sharedSecret(settings.drachtio);
  let edge: Edge | undefined;
  if (settings.drachtio === undefined) {
    edge = await spawnEdge(
      {
        listen: settings.listen,
        tls: settings.tls,
        admin: { host: '127.0.0.1', port: 0 },
        secret,
        ...(options.silentUnless === undefined ? {} : { silentUnless: options.silentUnless }),
        ...(settings.natDetection === undefined ? {} : { natDetection: settings.natDetection }),
      },
      options.onCrash,
    );
  }
  const target = settings.drachtio ?? { host: edge?.admin.host ?? '', port: edge?.admin.port ?? 0 };
  const srf = new Srf();
  let connected = false;
  srf.on('connect', (error: Error | null) => {
    connected = error === null || (error as unknown) === undefined;
  });
  srf.on('error', (error) => {
    connected = false;
    options.onTrouble(`the edge at ${target.host}:${target.port} is not reachable: ${messageOf(error)}`);
  });
  try {
    await connectWithin(srf, { host: target.host, port: target.port, secret });
  } catch (error) {
    srf.disconnect();
    await edge?.close();
    throw new Failure('EDGE_LOST', `no SIP edge answers at ${target.host}:${target.port}: is drachtio-server running, is the secret right?`, {
      cause: error,
      facts: { host: target.host, port: target.port },
    });
  }
  connected = true;
  let closing: Promise<void> | undefined;
  return {
    srf,
    contacts: edge?.listening.map(({ transport, host, port }) => `${transport}:${host}:${port}`) ?? [],
    verifiesTls: edge !== undefined && settings.tls !== undefined && settings.tls.verifyPeer !== 'off',
    healthy: () => connected,
    malformed: async () => Object.values((await edge?.stats())?.malformed ?? {}).reduce((sum, count) => sum + count, 0),
    close() {
      closing ??= disconnect(srf, edge);
      return closing;
    },
  };
}

async function disconnect(srf: Srf, edge: Edge | undefined): Promise<void> {
  srf.disconnect();
  await edge?.close();
}

async function connectWithin(srf: Srf, target: { host: string; port: number; secret: string }): Promise<void> {
  const answer = once(srf, 'connect', { signal: AbortSignal.timeout(connectTimeoutMs) });
  // Typed as a promise, but none comes back: the 'connect' event tells success and refusal.
  void srf.connect(target);
  const [error] = (await answer) as [Error | null];
  if (error !== null && (error as unknown) !== undefined) throw error;
}
