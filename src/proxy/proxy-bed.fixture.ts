/**
 * For tests: a proxy between real SIP user agents, with a real relay and a recorder that only answers.
 *
 * The user agents are opened once for a test file, each with its edge; every bed has a proxy of its own, and says
 * what the others do while it is there.
 */
import assert from 'node:assert/strict';
import t, { type Test } from 'tap';
import { openRelay, type SwitchSettings } from '../anchor/index.js';
import type { CallEnd, NewCall } from '../ledger/index.js';
import { createLog, createMetrics } from '../ops/index.js';
import { policySettings } from '../policy/index.js';
import { connectSip, readBody, readSdp, type SipConnection, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import { freePort } from '../udp/free-port.fixture.js';
import { openProxy, type Proxy } from './index.js';
import { recordingSettings } from './recording-settings.js';
import { failoverSettings, healthSettings } from './trunk-settings.js';

/** One port number for both transports: an edge sends nothing to a host and port of its own, whichever the transport. */
async function openSip(): Promise<SipConnection> {
  const port = await freePort();
  const listen = (['udp', 'tcp'] as const).map((transport) => ({ transport, host: '127.0.0.1', port }));
  return connectSip({ settings: { listen }, onCrash: () => undefined, onTrouble: () => undefined });
}

export const addressOf = (sip: SipConnection, transport = 'udp'): string =>
  sip.contacts.find((contact) => contact.startsWith(transport))?.replace(/^\w+:/, '') ?? '';

export const sdp = (port: number, more = 'a=sendrecv'): string =>
  ['v=0', 'o=- 7 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', `m=audio ${port} RTP/AVP 8 101`, 'a=rtpmap:8 PCMA/8000', 'a=rtpmap:101 telephone-event/8000', more, ''].join('\r\n');

type OnInvite = (request: SipRequest, response: SipResponse) => void;

const nobody: OnInvite = (_request, response) => response.send(480);

/** One who is called: what it does with an INVITE is said by each bed. */
interface Called {
  readonly sip: SipConnection;
  onInvite: OnInvite;
}

async function openCalled(): Promise<Called> {
  const called: Called = { sip: await openSip(), onInvite: nobody };
  called.sip.srf.invite((request, response) => called.onInvite(request, response));
  return called;
}

interface Parties {
  readonly caller: SipConnection;
  readonly callee: Called;
  readonly recorder: Called;
}

let opened: Promise<Parties> | undefined;

function openParties(): Promise<Parties> {
  opened ??= Promise.all([openSip(), openCalled(), openCalled()]).then(([caller, callee, recorder]) => ({ caller, callee, recorder }));
  return opened;
}

t.teardown(async () => {
  if (opened === undefined) return;
  const { caller, callee, recorder } = await opened;
  await Promise.all([caller, callee.sip, recorder.sip].map((sip) => sip.close()));
});

interface LedgerEntry {
  readonly began: NewCall;
  answered: boolean;
  end?: CallEnd;
}

export interface Bed {
  readonly caller: SipConnection;
  readonly callee: SipConnection;
  readonly proxy: Proxy;
  /** What the recorder was offered, INVITE and re-INVITEs. */
  readonly offers: string[];
  readonly ledger: LedgerEntry[];
  /** What the callee does with an INVITE from now on. */
  onInvite(handler: OnInvite): void;
  /** Resolves when the recorder has had so many offers. */
  offered(count: number): Promise<void>;
  /** Resolves when the ledger has the end of its first call. */
  ended(): Promise<CallEnd>;
  /** The caller's INVITE, through the proxy. */
  call(options?: { localSdp?: string; headers?: Record<string, string>; noAck?: boolean }, progress?: object): Promise<SipDialog>;
}

export interface BedOptions {
  readonly ports?: [number, number];
  readonly policy?: object;
  readonly limits?: { readonly calls?: number; readonly callsPerSecond?: number };
  readonly sources?: string[];
  readonly recordingControl?: ('caller' | 'callee')[];
  readonly retention?: Record<string, { days?: number }>;
  /** URIs of recorders that are tried before the one that answers. */
  readonly recordersBefore?: string[];
  readonly logTo?: (line: string) => void;
  readonly recorder?: OnInvite;
  readonly mediaTimeoutSeconds?: number;
  /** The switch forks by itself: what is configured of it. */
  readonly none?: SwitchSettings;
  /** Of the relay, which is reached at 127.0.0.2 there: by the trunk, and by its next hop. */
  readonly networks?: { readonly trunk?: 'second'; readonly nextHop?: 'second' };
  /** The caller is one of its own, for a test that ends it. */
  readonly ownCaller?: boolean;
}

export async function openBed(t: Test, options: BedOptions = {}): Promise<Bed> {
  const [{ caller: sharedCaller, callee, recorder }, sip] = await Promise.all([openParties(), openSip()]);
  const caller = options.ownCaller === true ? await openSip() : sharedCaller;
  const offers: string[] = [];
  let waiting: { count: number; tell: () => void } | undefined;
  const offered = (body: string): void => {
    offers.push(body);
    if (waiting !== undefined && offers.length >= waiting.count) waiting.tell();
  };
  callee.onInvite = nobody;
  recorder.onInvite =
    options.recorder ??
    ((request, response) => {
      offered(request.body);
      void recorder.sip.srf.createUAS(request, response, { localSdp: answerTo(request) }).then((dialog) => {
        dialog.on('modify', (again, answer) => {
          offered(again.body);
          answer.send(200, { body: answerTo(again) });
        });
      });
    });
  const nextHop = `sip:${addressOf(callee.sip)}`;
  const { networks } = options;
  const hops = networks === undefined ? { nextHop } : { network: networks.trunk, nextHops: [{ uri: nextHop, priority: 1, weight: 1, health: false, network: networks.nextHop }] };
  const firstPort = 50_000 + 2 * Math.floor(Math.random() * 4_000);
  const ports = options.ports ?? [firstPort, firstPort + 200];
  const anchor = await openRelay({ settings: { address: '127.0.0.1', ports, networks: [{ name: 'second', address: '127.0.0.2', ports }], accelerator: 'auto', threads: 1, mediaTimeoutSeconds: options.mediaTimeoutSeconds }, onCrash: assert.ifError });
  const ledger: LedgerEntry[] = [];
  let tellEnd: (end: CallEnd) => void = () => undefined;
  const ended = new Promise<CallEnd>((resolve) => (tellEnd = resolve));
  const proxy = openProxy({
    announcements: new Map(),
    settings: {
      sip: { listen: [], natDetection: true, strangersPerSecond: 20 },
      trunks: [{ name: 'one', sources: options.sources ?? ['127.0.0.1'], ...hops, limits: options.limits ?? {}, recordingControl: options.recordingControl ?? [] }],
      strangers: 'refuse',
      routes: [],
      failover: failoverSettings.parse({}),
      health: healthSettings.parse({}),
      policy: policySettings.parse(options.policy ?? {}),
      anchor: options.none !== undefined ? { none: options.none } : { relay: { address: '127.0.0.1', ports: [50_000, 60_000], accelerator: 'auto', mediaTimeoutSeconds: options.mediaTimeoutSeconds } },
      recording: recordingSettings.parse({
        recorders: { default: { uris: [...(options.recordersBefore ?? []), `sip:rec@${addressOf(recorder.sip, 'tcp')};transport=tcp`] } },
        answerTimeoutMs: options.recordersBefore === undefined ? 4_000 : 300,
        // Recorders that refused are not waited for.
        afterCallMs: 0,
        // Who is there is told by calls alone.
        pool: { checks: false },
      }),
      retention: options.retention ?? {},
    },
    sip,
    anchor,
    ledger: {
      callBegan: (began) => Promise.resolve(void ledger.push({ began, answered: false })),
      callAnswered: (callId) => {
        for (const entry of ledger) if (entry.began.callId === callId) entry.answered = true;
        return Promise.resolve();
      },
      callEnded: (callId, end) => {
        for (const entry of ledger) if (entry.began.callId === callId) entry.end = end;
        tellEnd(end);
        return Promise.resolve();
      },
    },
    log: options.logTo === undefined ? createLog({ level: 'silent', name: 'test' }) : createLog({ level: 'debug', name: 'test', to: { write: options.logTo } }),
    metrics: createMetrics(),
    node: 'test',
  });
  t.teardown(async () => {
    await proxy.close();
    await anchor.close();
    await sip.close();
    if (caller !== sharedCaller) await caller.close();
  });
  return {
    caller,
    callee: callee.sip,
    proxy,
    offers,
    ledger,
    onInvite: (handler) => {
      callee.onInvite = handler;
    },
    offered: (count) =>
      new Promise((tell) => {
        if (offers.length >= count) tell();
        else waiting = { count, tell };
      }),
    ended: () => ended,
    call: (call = {}, progress = {}) =>
      caller.srf.createUAC(`sip:+4420@${addressOf(sip)};user=phone`, { localSdp: sdp(40_000), ...call, headers: { From: '"Ann" <sip:ann@caller.example>', ...call.headers } }, progress),
  };
}

function answerTo(request: SipRequest): string {
  const parts = readBody(request.get('content-type'), request.body);
  const text = typeof parts === 'string' ? '' : (parts[0]?.content ?? '');
  return text.replaceAll('a=sendonly', 'a=recvonly').replace(/^m=audio \d+/gm, 'm=audio 9');
}

/** The callee answers its first call so; gives the INVITE and the dialog. */
export const answers = (bed: Bed, body = sdp(41_000), headers: Record<string, string> = {}): Promise<{ invite: SipRequest; dialog: SipDialog }> =>
  new Promise((resolve, reject) => {
    bed.onInvite((invite, response) => {
      bed.callee.srf.createUAS(invite, response, { localSdp: body, headers }).then((dialog) => resolve({ invite, dialog }), reject);
    });
  });

export const portIn = (text: string): number => {
  const read = readSdp(text);
  return typeof read === 'string' ? 0 : (read.media[0]?.port ?? 0);
};
