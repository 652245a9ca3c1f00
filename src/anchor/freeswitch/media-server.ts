/**
 * One FreeSWITCH, by way of drachtio-fsmrf: its event socket kept connected, endpoints made on it.
 *
 * Owns       the connection, which is made again when it is needed or pinged, and the listener that FreeSWITCH connects
 *            back to for each endpoint.
 * Leaves to  the pool which FreeSWITCH is asked; the call its endpoints.
 *
 * What drachtio-fsmrf would never come back from is given up after a time, and what comes of it late is undone.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import Mrf from 'drachtio-fsmrf';
import type Srf from 'drachtio-srf';
import { Failure, messageOf } from '../../errors/index.js';
import type { SipResponse } from '../../sip/index.js';
import type { ServerClient } from '../server-pool.js';
import { checkEventSocket, type EventSocketAddress } from './event-socket-check.js';
import { PendingEndpoint } from './pending-endpoint.js';

export interface MediaServerOptions extends EventSocketAddress {
  /** Of the edge that reaches it. */
  readonly srf: Srf;
  /** Where it connects back to; port 0 is any. `announced`: what it is told. */
  readonly listen: { readonly address: string; readonly announced: string; readonly port: number };
  readonly withinMs: number;
}

/** What mod_audio_fork tells of a fork that was ordered. */
export const forkConnected = 'mod_audio_fork::connect';
export const forkFailed = 'mod_audio_fork::connect_failed';

/** Statuses that say that the SDP is not for it (RFC 3261 §21.4.13, §21.4.26, §21.6.4). */
const sdpStatuses = new Set([415, 488, 606]);

export class MediaServerClient implements ServerClient {
  readonly #options: MediaServerOptions;
  #server: Mrf.MediaServer | undefined;
  #connecting: Promise<Mrf.MediaServer> | undefined;
  #closed = false;

  constructor(options: MediaServerOptions) {
    this.#options = options;
  }

  async ping(): Promise<void> {
    const server = await this.#reach();
    await this.within(server.api('status'), 'status');
  }

  /**
   * Has it answer an offer, or, without one, make an offer of its own.
   *
   * @throws Failure SDP_UNUSABLE when it cannot take the offer, ANCHOR_UNREACHABLE, ANCHOR_REFUSED.
   */
  async createEndpoint(remoteSdp?: string): Promise<Mrf.Endpoint> {
    const server = await this.#reach();
    try {
      return await this.#make(server, remoteSdp);
    } catch (error) {
      if (this.#server === server || this.#closed) throw error;
      // Its connection broke meanwhile, and with that the way back for what was being made.
      return this.#make(await this.#reach(), remoteSdp);
    }
  }

  async #make(server: Mrf.MediaServer, remoteSdp: string | undefined): Promise<Mrf.Endpoint> {
    const made = new AbortController();
    const broken = once(server, 'end', { signal: made.signal }).then(() => {
      throw this.#unreachable('broke its connection');
    });
    const making = server.createEndpoint(remoteSdp === undefined ? {} : { remoteSdp });
    const pending = PendingEndpoint.ofLast(server.pendingConnections);
    try {
      return await this.within(Promise.race([making, broken]), 'an INVITE');
    } catch (error) {
      // It may have become one in the meantime, or may not be one yet.
      pending?.giveUp();
      making.catch(() => undefined);
      throw error;
    } finally {
      broken.catch(() => undefined);
      made.abort();
    }
  }

  /** Whether it sees a file. */
  async sees(path: string): Promise<boolean> {
    const server = await this.#reach();
    return (await this.within(server.api(`file_exists ${path}`), 'file_exists')).trim() === 'true';
  }

  /** @throws Failure in place of what was thrown, or when it takes too long. */
  async within<T>(asked: Promise<T>, what: string): Promise<T> {
    const { withinMs } = this.#options;
    let late: NodeJS.Timeout | undefined;
    const giveUp = new Promise<never>((_resolve, reject) => {
      late = setTimeout(() => reject(this.#unreachable(`did not answer ${what} within ${withinMs} ms`)), withinMs);
    });
    try {
      return await Promise.race([asked, giveUp]);
    } catch (error) {
      throw this.#failureOf(error, what);
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#server !== undefined) release(this.#server);
    this.#server = undefined;
  }

  #reach(): Promise<Mrf.MediaServer> {
    if (this.#closed) return Promise.reject(this.#unreachable('is not asked any more'));
    if (this.#server !== undefined) return Promise.resolve(this.#server);
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async #connect(): Promise<Mrf.MediaServer> {
    const { host, port, secret, profile, srf, listen, withinMs } = this.#options;
    await checkEventSocket(this.#options, withinMs);
    await this.#checkListen();
    let wanted = true;
    const connecting = new Promise<Mrf.MediaServer>((resolve, reject) => {
      const mrf = new Mrf(srf, { customEvents: [forkConnected, forkFailed] });
      mrf.connect(
        { address: host, port, secret, profile, listenAddress: listen.address, listenPort: listen.port, advertisedAddress: listen.announced },
        (error, server) => {
          if (server === undefined) reject(error ?? new Error('there is no connection'));
          else if (wanted) resolve(server);
          else release(server);
        },
      );
    });
    try {
      const server = await this.within(connecting, 'a connection');
      if (this.#closed) {
        release(server);
        throw this.#unreachable('is not asked any more');
      }
      this.#server = server;
      // Each endpoint that is being made listens, and many may be at once.
      server.setMaxListeners(0);
      server.once('end', () => {
        if (this.#server === server) this.#server = undefined;
        release(server);
      });
      // Whoever else connects there could send what drachtio-fsmrf does not expect.
      server._server.server.prependListener('connection', (socket: Socket) => {
        if (!isFrom(socket, host)) socket.destroy();
      });
      return server;
    } finally {
      wanted = false;
    }
  }

  /** That nobody can listen there would end the process, where drachtio-fsmrf finds it. */
  async #checkListen(): Promise<void> {
    const { address, port } = this.#options.listen;
    const server = createServer();
    try {
      server.listen(port, address);
      await once(server, 'listening');
    } catch (error) {
      throw this.#unreachable(`cannot connect back: anchor.freeswitch.listen, ${address}:${port}, is not to be had: ${messageOf(error)}`, error);
    } finally {
      if (server.listening) {
        const closed = once(server, 'close');
        server.close();
        await closed;
      }
    }
  }

  #failureOf(error: unknown, what: string): Failure {
    if (error instanceof Failure) return error;
    const { status, res } = error as { status?: unknown; res?: SipResponse };
    if (typeof status === 'number' && sdpStatuses.has(status)) return new Failure('SDP_UNUSABLE', `FreeSWITCH cannot take that SDP: ${status}`, { cause: error, facts: { status } });
    // With Retry-After it is FreeSWITCH's own (RFC 3261 §21.5.4), which is there: its sessions-per-second or max-sessions is reached.
    if (status === 503 && res?.has('Retry-After') === true) return new Failure('ANCHOR_REFUSED', `${this.#where} takes no more calls now: see sessions-per-second and max-sessions in its switch.conf.xml`, { cause: error });
    // 503 of the edge: nobody answers at that address.
    if (status === 408 || status === 503 || /timeout|too early|no longer active/iu.test(messageOf(error))) return this.#unreachable(`did not take ${what}: ${messageOf(error)}`, error);
    return new Failure('ANCHOR_REFUSED', `${this.#where} refused ${what}: ${typeof status === 'number' ? status : messageOf(error).trim()}`, { cause: error });
  }

  #unreachable(why: string, cause?: unknown): Failure {
    return new Failure('ANCHOR_UNREACHABLE', `${this.#where} ${why}`, { cause });
  }

  get #where(): string {
    return `FreeSWITCH ${this.#options.host}:${this.#options.port}`;
  }
}

export const isFrom = ({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>, host: string): boolean => remoteAddress === host || remoteAddress === `::ffff:${host}`;

/** Ends the connection and the listener; drachtio-fsmrf would make it anew by itself. */
function release(server: Mrf.MediaServer): void {
  server.disconnect();
  const { reconnectVars } = server.conn;
  if (reconnectVars.retryTimer !== null) clearTimeout(reconnectVars.retryTimer);
}
