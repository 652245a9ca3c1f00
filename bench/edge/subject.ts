/**
 * The process that is measured: the embedded edge in its thread, and a drachtio-srf application of the
 * simplest kind, or that application alone on a drachtio-server.
 *
 * Lives as long as the bench that started it: it ends when the channel to it closes.
 */
import Srf from 'drachtio-srf';
import { once } from 'node:events';
import { BroadcastChannel } from 'node:worker_threads';
import { spawnEdge, type Edge } from '../../src/edge/index.js';
import type { SrfApp, SrfRequest, SrfResponse } from '../../src/edge/party.fixture.js';
import type { Mode } from './shapes.js';
import { threadsChannel, type FromSubject, type FromThread, type SubjectSetup, type ToSubject, type ToThread } from './subject-messages.js';

const secret = 'bench';
const patienceMs = 10_000;

const tell = (message: FromSubject): void => void process.send?.(message);

type Carry = (srf: SrfApp, request: SrfRequest, response: SrfResponse, to: string) => Promise<unknown>;

const ways: Readonly<Record<Mode, Carry>> = {
  proxied: (srf, request, _response, to) => srf.proxyRequest(request, to, { recordRoute: true }),
  b2b: async (srf, request, response, to) => {
    const { uas, uac } = await srf.createB2BUA(request, response, to, { localSdpB: request.body });
    uas.on('destroy', () => void uac.destroy().catch(failed));
    uac.on('destroy', () => void uas.destroy().catch(failed));
  },
};

const trouble = { errors: 0, lastError: '' };
function failed(error: unknown): void {
  trouble.errors += 1;
  trouble.lastError = String(error);
}

const running: { edge?: Edge } = {};

async function open(setup: SubjectSetup): Promise<void> {
  const { mode, port, calleePort, drachtio } = setup;
  if (drachtio === undefined) {
    const listen = (['udp', 'tcp'] as const).map((transport) => ({ transport, host: '127.0.0.1', port }));
    running.edge = await spawnEdge({ listen, admin: { host: '127.0.0.1', port: 0 }, secret }, (error) => tell({ kind: 'failed', message: `the edge crashed: ${error.message}` }));
  }
  const srf = new Srf() as unknown as SrfApp;
  srf.on('error', failed);
  const connected = once(srf, 'connect', { signal: AbortSignal.timeout(patienceMs) });
  srf.connect(drachtio ?? { ...running.edge?.admin, secret });
  const [refused] = (await connected) as [Error | null];
  if (refused !== null) throw refused;
  const carry = ways[mode];
  srf.invite((request, response) => {
    const transport = request.protocol === 'tcp' ? ';transport=tcp' : '';
    void carry(srf, request, response, `sip:callee@127.0.0.1:${calleePort}${transport}`).catch(failed);
  });
}

const channel = new BroadcastChannel(threadsChannel);
let lastId = 0;

/** Has every thread do something, and adds up their heaps. */
function inAllThreads(what: { readonly kind: 'heap' } | { readonly kind: 'profile'; readonly dir: string | undefined }): Promise<number> {
  const id = (lastId += 1);
  const expected = running.edge === undefined ? 1 : 2;
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`the threads of the subject did not answer within ${patienceMs} ms`));
    }, patienceMs);
    let heapBytes = 0;
    let answers = 0;
    channel.onmessage = (event: unknown) => {
      const message = (event as { readonly data: ToThread | FromThread }).data;
      if (message.kind !== 'done' || message.id !== id) return;
      heapBytes += message.heapBytes;
      answers += 1;
      if (answers < expected) return;
      clearTimeout(late);
      resolve(heapBytes);
    };
    const ask: ToThread = { ...what, id };
    channel.postMessage(ask);
  });
}

async function inside(): Promise<void> {
  const heapBytes = await inAllThreads({ kind: 'heap' });
  const { transactions, dialogs } = (await running.edge?.stats()) ?? { transactions: 0, dialogs: 0 };
  tell({ kind: 'inside', inside: { transactions, dialogs, ...trouble, heapBytes } });
}

async function heed(message: ToSubject): Promise<void> {
  switch (message.kind) {
    case 'open':
      await open(message.setup);
      tell({ kind: 'ready' });
      break;
    case 'inside':
      await inside();
      break;
    case 'profile':
      await inAllThreads({ kind: 'profile', dir: message.dir });
      tell({ kind: 'profiled' });
      break;
  }
}

process.on('message', (message: ToSubject) => {
  heed(message).catch((error: unknown) => tell({ kind: 'failed', message: String(error) }));
});
// Ctrl-C reaches the whole group of processes: the bench is the one to end this one.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
