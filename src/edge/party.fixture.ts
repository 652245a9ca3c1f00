/**
 * For tests: an edge with a real drachtio-srf application on it, both gone when the test ends.
 * The interfaces name what tests use of drachtio-srf, whose own types lag behind its code.
 */
import Srf from 'drachtio-srf';
import type { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import type { Test } from 'tap';
import { Failure } from '../errors/index.js';
import type { Edge, EdgeOptions, ListenAddress } from './edge-options.js';
import { openEdgeWith, type EdgeEnvironment } from './open-edge.js';

export interface SrfMessage {
  get(name: string): string;
  has(name: string): boolean;
  getParsedHeader(name: string): { uri: string; params: Record<string, string> };
  readonly body: string;
  readonly raw: string;
  readonly method: string;
  readonly uri: string;
  readonly status: number;
  readonly reason: string;
}

export type Send = (status: number, options?: object, done?: (error: unknown, sent: SrfMessage) => void) => void;

export interface SrfResponse extends SrfMessage {
  send: Send;
}

export interface SrfRequest extends SrfMessage, EventEmitter {
  cancel(options?: object): void;
  readonly source_address: string;
  readonly protocol: string;
  readonly server: { readonly hostport: string };
  readonly stackDialogId: string;
  readonly sessionToken?: string;
  /** The connection it came on; a Dialog sends on that of its request. */
  socket: Socket | undefined;
}

export interface SrfDialog extends EventEmitter {
  readonly id: string;
  readonly sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  readonly local: { sdp: string; uri: string; contact: string };
  readonly remote: { sdp: string; uri: string };
  readonly connected: boolean;
  readonly req: SrfRequest;
  destroy(options?: object): Promise<SrfMessage>;
  modify(sdp: string | object, options?: object): Promise<string>;
  request(options: object): Promise<SrfResponse>;
}

export interface ProxyResult {
  readonly connected: boolean;
  readonly finalStatus?: number;
  readonly responses: readonly { readonly address: string; readonly port: number; readonly msgs: readonly { readonly status: number }[] }[];
}

export type Handler = (request: SrfRequest, response: SrfResponse) => void;

export interface SrfApp extends EventEmitter {
  connect(options: object): void;
  disconnect(): void;
  use(method: string, handler: Handler): void;
  invite(handler: Handler): void;
  request(uri: string, options: object): Promise<SrfRequest>;
  createUAC(uri: string, options: object, told?: object): Promise<SrfDialog>;
  createUAS(request: SrfRequest, response: SrfResponse, options: object): Promise<SrfDialog>;
  createB2BUA(request: SrfRequest, response: SrfResponse, uri: string, options?: object, told?: object): Promise<{ uas: SrfDialog; uac: SrfDialog }>;
  proxyRequest(request: SrfRequest, destination: string | readonly string[], options?: object): Promise<ProxyResult>;
  listen(options: object): Server;
  endSession(message: SrfRequest | SrfResponse): void;
  findDialogById(id: string): SrfDialog | undefined;
  findDialogByCallIDAndFromTag(callId: string, tag: string): SrfDialog | undefined;
}

const SECRET = 'cymru';

/** T1 of tests: short enough not to wait for, long enough for a loaded machine. */
export const quick: EdgeEnvironment = { timing: { t1Ms: 40, t2Ms: 160, t4Ms: 160 } };

const [firstPort, ports] = [5_100, 4_800];

export interface Party {
  readonly edge: Edge;
  readonly srf: SrfApp;
  /** A SIP URI of this party. */
  uri(transport?: ListenAddress['transport'], user?: string): string;
  port(transport?: ListenAddress['transport']): number;
}

/** Connects an application to an edge; the promise is for its authentication. */
export function connectApp(t: Test, edge: Edge, secret = SECRET, tags: readonly string[] = [], options: object = {}): Promise<SrfApp> {
  const srf = new Srf(tags as string[]) as unknown as SrfApp;
  let gone = false;
  srf.on('close', () => {
    gone = true;
  });
  t.teardown(() => {
    if (!gone) srf.disconnect();
    // Without a connection there is nothing to disconnect, but it goes on trying to have one.
    (srf as unknown as { app: { client: { wp: { closing: boolean } } } }).app.client.wp.closing = true;
  });
  return new Promise((resolve, reject) => {
    srf.on('error', reject);
    srf.on('connect', (error: Error | null) => {
      gone = error !== null;
      if (error === null) resolve(srf);
      else reject(error);
    });
    srf.connect({ host: edge.admin.host, port: edge.admin.port, secret, ...options });
  });
}

export async function openQuietEdge(t: Test, environment: EdgeEnvironment = {}, options: Partial<EdgeOptions> = {}): Promise<Edge> {
  const open = (listen: EdgeOptions['listen']): Promise<Edge> =>
    openEdgeWith(
      { listen, admin: { host: '127.0.0.1', port: 0 }, secret: SECRET, ...options },
      // How busy the test machine is must not decide what a test sees.
      { load: () => ({ busy: 0, waitMs: 0, memory: 0 }), ...environment },
    );
  const edge = await (options.listen === undefined ? onOnePort(open) : open(options.listen));
  t.teardown(() => edge.close());
  return edge;
}

/**
 * By both transports, and below the ports that the kernel gives to whoever asks for any: an edge sends nothing to a host
 * and port of its own, whichever the transport, so what it has by TCP nobody may have by UDP.
 */
async function onOnePort(open: (listen: EdgeOptions['listen']) => Promise<Edge>): Promise<Edge> {
  for (let triesLeft = 20; ; triesLeft -= 1) {
    const port = firstPort + Math.floor(Math.random() * ports);
    try {
      return await open((['udp', 'tcp'] as const).map((transport) => ({ transport, host: '127.0.0.1', port })));
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'EDGE_LISTEN') || triesLeft === 0) throw error;
    }
  }
}

export async function openParty(t: Test, environment: EdgeEnvironment = {}, options: Partial<EdgeOptions> = {}): Promise<Party> {
  const edge = await openQuietEdge(t, environment, options);
  const srf = await connectApp(t, edge);
  const port = (transport: ListenAddress['transport'] = 'udp'): number => edge.listening.find((each) => each.transport === transport)?.port ?? 0;
  return {
    edge,
    srf,
    port,
    uri: (transport = 'udp', user = 'someone') => `sip:${user}@127.0.0.1:${port(transport)}${transport === 'udp' ? '' : `;transport=${transport}`}`,
  };
}

/** The next event of an emitter, as a promise of its first argument. */
export const next = <T = unknown>(emitter: EventEmitter, event: string): Promise<T> =>
  new Promise((resolve) => {
    emitter.once(event, (value: T) => {
      resolve(value);
    });
  });

/** The final response to a request sent with `srf.request`. */
export const finalResponse = (request: SrfRequest): Promise<SrfResponse> =>
  new Promise((resolve) => {
    request.on('response', (response: SrfResponse) => {
      if (response.status >= 200) resolve(response);
    });
  });

/** A value that something else supplies later. */
export function later<T>(): { readonly value: Promise<T>; readonly settle: (value: T) => void } {
  let settle: (value: T) => void = () => undefined;
  const value = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { value, settle };
}

/** An SDP with a recognisable session name. */
export const sdp = (name: string): string =>
  `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=${name}\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n`;

/** The SIP status that a call was refused with; 0 when it was not. */
export const failureOf = (call: Promise<unknown>): Promise<number> =>
  call.then(
    () => 0,
    (error: unknown) => (typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : -1),
  );

/** Waits until something has become true, looking again whenever the event loop comes round; fails after `ms`. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 3_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Waits until an edge has no dialog left. */
export const dialogsGone = (edge: Edge): Promise<void> => until('no dialog', async () => (await edge.stats()).dialogs === 0);
