/**
 * The connection of a role to its SIP edge.
 *
 * Owns       starting the embedded edge (or finding the drachtio-server), the drachtio-srf client, and its end.
 * Leaves to  proxy/ and recorder/ every call.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import Srf from 'drachtio-srf';
import { spawnEdge, type Edge, type EdgeOptions, type EdgeStats } from '../edge/index.js';
import { Failure, messageOf } from '../errors/index.js';
import { keepCancels } from './drachtio-events.js';
import type { SipSettings } from './settings.js';
import { sharedSecret } from './shared-secret.js';

export interface SipConnection {
  readonly srf: Srf;
  /** Where the edge listens; empty when drachtio-server does not tell. */
  readonly contacts: readonly string[];
  /** Whether it is the edge of our own, which knows more than drachtio-server's protocol. */
  readonly embedded: boolean;
  /** Whether what goes by TLS goes only to a server that has proved something; of a drachtio-server nobody knows. */
  readonly verifiesTls: boolean;
  healthy(): boolean;
  /** What the embedded edge has counted since its start; nothing with drachtio-server, which tells no counts. */
  counts(): Promise<EdgeCounts>;
  /** Whom the embedded edge knows from now on; a drachtio-server knows nobody. */
  know(known: KnownSources): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface EdgeCounts {
  /** Messages and requests of which nothing came, by why. */
  readonly rejected: Readonly<Partial<Record<'malformed' | 'unknown-source' | 'rate-limited' | 'overload', number>>>;
  readonly tlsFailed: Readonly<Partial<Record<'handshake' | 'not-trusted' | 'reload', number>>>;
}

/** Whom the embedded edge knows. */
export interface KnownSources {
  /** Addresses and networks: as many requests as they like. */
  readonly sources: readonly string[];
  /** Whether the others are answered; if so, not more than `strangersPerSecond` of the settings. */
  readonly answersOthers: boolean;
}

export interface SipConnectionOptions {
  readonly settings: SipSettings;
  /** Absent: everybody gets an answer to whatever they send. */
  readonly known?: KnownSources | undefined;
  /** Requests tell whom their sender has proved to be over TLS: of the embedded edge only. */
  readonly tellTlsIdentity?: boolean;
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
        cdrs: 'proxied-ends',
        ...limitsOn(options.known, settings.strangersPerSecond),
        ...(options.tellTlsIdentity === undefined ? {} : { tellTlsIdentity: options.tellTlsIdentity }),
        ...(settings.natDetection === undefined ? {} : { natDetection: settings.natDetection }),
      },
      options.onCrash,
    );
  }
  const target = settings.drachtio ?? { host: edge?.admin.host ?? '', port: edge?.admin.port ?? 0 };
  const srf = new Srf();
  keepCancels(srf);
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
    embedded: edge !== undefined,
    verifiesTls: edge !== undefined && settings.tls !== undefined && settings.tls.verifyPeer !== 'off',
    healthy: () => connected,
    counts: async () => countsOf(await edge?.stats()),
    know: async (known) => edge?.setSources(limitsOn(known, settings.strangersPerSecond)),
    close() {
      closing ??= disconnect(srf, edge);
      return closing;
    },
  };
}

/** A stranger may bring five seconds' worth at once. */
const BURST_SECONDS = 5;

function limitsOn(known: KnownSources | undefined, perSecond: number | undefined): Pick<EdgeOptions, 'silentUnless' | 'sourceLimit'> {
  if (known === undefined) return {};
  return {
    ...(known.answersOthers ? {} : { silentUnless: known.sources }),
    ...(perSecond === undefined ? {} : { sourceLimit: { perSecond, burst: perSecond * BURST_SECONDS, except: known.sources } }),
  };
}

function countsOf(stats: EdgeStats | undefined): EdgeCounts {
  if (stats === undefined) return { rejected: {}, tlsFailed: {} };
  const { malformed, droppedSources, turnedAway, tls } = stats;
  return {
    rejected: {
      malformed: Object.values(malformed).reduce((sum, count) => sum + count, 0),
      'unknown-source': droppedSources,
      'rate-limited': turnedAway.sourceRate,
      overload: turnedAway.overload,
    },
    tlsFailed: tls === undefined ? {} : { handshake: tls.handshakesFailed, 'not-trusted': tls.peersNotTrusted, reload: tls.reloadsFailed },
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
