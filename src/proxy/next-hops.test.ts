/** Routes and next hops between real user agents: failover in both ways of carrying a call, health, rewriting. */
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { tlsFiles } from '../edge/transport/tls-files.fixture.js';
import { client, edge as edgeCertificate, type TestCertificate } from '../edge/transport/test-certificates.fixture.js';
import { openRelay } from '../anchor/index.js';
import type { CallEnd, NewCall } from '../ledger/index.js';
import { createLog, createMetrics, type Metrics } from '../ops/index.js';
import { policySettings } from '../policy/index.js';
import { connectSip, hangUp, type SipConnection, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import { freePort } from '../udp/free-port.fixture.js';
import { openProxy } from './index.js';
import { recordingSettings } from './recording-settings.js';
import { failoverSettings, healthSettings, routes, trunkSettings } from './trunk-settings.js';

const quiet = { onCrash: () => undefined, onTrouble: () => undefined };

async function openSip(): Promise<SipConnection> {
  const port = await freePort();
  return connectSip({ settings: { listen: (['udp', 'tcp'] as const).map((transport) => ({ transport, host: '127.0.0.1', port })) }, ...quiet });
}

const placeOf = (sip: SipConnection): string => sip.contacts[0]?.replace(/^\w+:/u, '') ?? '';
const sdp = (port: number): string => ['v=0', 'o=- 7 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', `m=audio ${port} RTP/AVP 8`, 'a=rtpmap:8 PCMA/8000', ''].join('\r\n');

/** A next hop that is no user agent: it says what it is told to, or nothing. */
interface RawHop {
  readonly uri: string;
  /** Methods of what arrived, repeated requests once. */
  readonly heard: string[];
  /** What it says to a request: `503 Service Unavailable` and header lines, or nothing; one response after another, a blank line between. */
  says: (method: string) => string | undefined;
  /** Resolves when such a request has arrived. */
  hears(method: string): Promise<void>;
}

async function openRawHop(t: Test, says: RawHop['says'] = () => undefined): Promise<RawHop> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  const seen = new Set<string>();
  const hop: RawHop = {
    uri: `sip:127.0.0.1:${socket.address().port}`,
    heard: [],
    says,
    hears: async (method) => {
      while (!hop.heard.includes(method)) await once(socket, 'message');
    },
  };
  socket.prependListener('message', (bytes: Buffer, from: RemoteInfo) => {
    const lines = bytes.toString().split('\r\n');
    const [method = ''] = lines[0]?.split(' ') ?? [];
    const id = `${method} ${lines.find((line) => line.startsWith('Via:')) ?? ''}`;
    if (!seen.has(id)) hop.heard.push(method);
    seen.add(id);
    const said = method === 'ACK' ? undefined : hop.says(method);
    if (said === undefined) return;
    const kept = lines.filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/iu.test(line)).map((line) => (line.startsWith('To:') && !line.includes('tag=') ? `${line};tag=raw` : line));
    for (const response of said.split('\n\n')) {
      const [status = '', ...extra] = response.split('\n');
      socket.send([`SIP/2.0 ${status}`, ...kept, ...extra, 'Content-Length: 0', '', ''].join('\r\n'), from.port, from.address);
    }
  });
  return hop;
}

interface Parties {
  readonly caller: SipConnection;
  readonly callee: SipConnection;
}
let parties: Parties;
/** What the callee does with a call. */
let onInvite: (request: SipRequest, response: SipResponse) => void = () => undefined;

t.before(async () => {
  parties = { caller: await openSip(), callee: await openSip() };
  parties.callee.srf.invite((request, response) => onInvite(request, response));
});
t.teardown(async () => {
  await Promise.all([parties.caller.close(), parties.callee.close()]);
});

/** The callee answers its next call; gives the INVITE and the dialog. */
const answers = (): Promise<{ invite: SipRequest; dialog: SipDialog }> =>
  new Promise((resolve, reject) => {
    onInvite = (invite, response) => {
      parties.callee.srf.createUAS(invite, response, { localSdp: sdp(41_000) }).then((dialog) => resolve({ invite, dialog }), reject);
    };
  });

interface Bed {
  readonly metrics: Metrics;
  readonly log: string[];
  readonly began: NewCall[];
  /** The end of the call that ended last, once there is one. */
  ended(): Promise<CallEnd>;
  call(user?: string, progress?: object, headers?: Record<string, string>): Promise<SipDialog>;
}

interface BedOptions {
  /** The proxy's edge; one of its own when absent. */
  readonly sip?: SipConnection;
  readonly record?: 'always' | 'never';
  readonly trunks?: readonly object[];
  readonly nextHops?: readonly object[];
  readonly routes?: readonly object[];
  readonly failover?: object;
  readonly health?: { readonly intervalMs?: number; readonly timeoutMs?: number };
}

async function openBed(t: Test, options: BedOptions): Promise<Bed> {
  const sip = options.sip ?? (await openSip());
  const firstPort = 50_000 + 2 * Math.floor(Math.random() * 4_000);
  const anchor = await openRelay({ settings: { address: '127.0.0.1', ports: [firstPort, firstPort + 200], accelerator: 'auto', threads: 1 }, onCrash: assert.ifError });
  const metrics = createMetrics();
  const log: string[] = [];
  const began: NewCall[] = [];
  const ends: CallEnd[] = [];
  let tell: () => void = () => undefined;
  const trunks = options.trunks ?? [{ name: 'one', sources: ['127.0.0.1'], nextHops: options.nextHops }];
  const quietLog = createLog({ level: 'silent', name: 'test' });
  const noting = { ...quietLog, info: (_facts: object, text: string) => log.push(text), warn: (_facts: object, text: string) => log.push(text) };
  const proxy = openProxy({
    announcements: new Map(),
    settings: {
      sip: { listen: [], natDetection: true, strangersPerSecond: 20 },
      trunks: trunks.map((trunk) => trunkSettings.parse(trunk)),
      routes: routes.parse(options.routes ?? []),
      failover: failoverSettings.parse(options.failover ?? {}),
      health: { ...healthSettings.parse({}), ...options.health },
      strangers: 'refuse',
      policy: policySettings.parse({ otherwise: { record: options.record ?? 'always' } }),
      anchor: { relay: { address: '127.0.0.1', ports: [50_000, 60_000], accelerator: 'auto' } },
      recording: recordingSettings.parse({ recorder: 'sip:rec@127.0.0.1:9;transport=tcp', afterCallMs: 0 }),
      retention: {},
    },
    sip,
    anchor,
    ledger: {
      callBegan: (call) => Promise.resolve(void began.push(call)),
      callAnswered: () => Promise.resolve(),
      callEnded: (_callId, end) => {
        ends.push(end);
        tell();
        return Promise.resolve();
      },
    },
    log: noting as unknown as typeof quietLog,
    metrics,
    node: 'test',
  });
  t.teardown(async () => {
    await proxy.close();
    await anchor.close();
    await sip.close();
  });
  return {
    metrics,
    log,
    began,
    ended: async () => {
      if (ends.length === 0) await new Promise<void>((resolve) => (tell = resolve));
      return ends.at(-1) as CallEnd;
    },
    call: (user = '+4420', progress = {}, headers = {}) =>
      parties.caller.srf.createUAC(`sip:${user}@${placeOf(sip)}`, { localSdp: sdp(40_000), headers: { From: '<sip:4930123@caller.example>', ...headers } }, progress),
  };
}

const statusOf = (outcome: Promise<unknown>): Promise<number> => outcome.then(() => 200, (error: unknown) => (error as { status: number }).status);
const isUp = async (metrics: Metrics, hop: string): Promise<string | undefined> =>
  new RegExp(`^twintrack_next_hop_up\\{trunk="one",hop="${hop}"\\} (\\d)$`, 'mu').exec(await metrics.text())?.[1];
/** Resolves when the log has such a line. */
const logged = async (bed: Bed, line: RegExp): Promise<void> => {
  const until = performance.now() + 5_000;
  while (!bed.log.some((each) => line.test(each))) {
    if (performance.now() > until) throw new Error(`not logged: ${String(line)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};
const calleeUri = (): string => `sip:${placeOf(parties.callee)}`;
/** Health checks would only add to what hops hear. */
const unasked = (...uris: string[]) => uris.map((uri, n) => ({ uri, priority: n + 1, health: false }));

for (const record of ['always', 'never'] as const) {
  const way = record === 'always' ? 'back to back' : 'proxied';

  t.test(`${way}: a next hop that answers 503 is left for the next one, and out for the time of its Retry-After`, async (t) => {
    const busy = await openRawHop(t, () => '503 Service Unavailable\nRetry-After: 120');
    const bed = await openBed(t, { record, nextHops: unasked(busy.uri, calleeUri()) });
    t.equal(await isUp(bed.metrics, busy.uri), '1');
    for (let calls = 0; calls < 2; calls += 1) {
      const answered = answers();
      const ours = await bed.call();
      const { invite, dialog } = await answered;
      t.match(invite.uri, new RegExp(`^sip:\\+4420@${placeOf(parties.callee)}`, 'u'), 'the Request-URI is of the hop that is tried');
      const over = once(dialog, 'destroy');
      await hangUp(ours);
      await over;
    }
    t.match(await bed.ended(), { outcome: 'answered', sipStatus: 200 });
    t.strictSame(busy.heard, ['INVITE', 'ACK'], 'the second call went past it');
    t.equal(await isUp(bed.metrics, busy.uri), '0');
    t.equal(await isUp(bed.metrics, calleeUri()), '1');
  });

  t.test(`${way}: a next hop that says nothing is left for the next one after answerWithinMs`, async (t) => {
    const silent = await openRawHop(t);
    const bed = await openBed(t, { record, nextHops: unasked(silent.uri, calleeUri()), failover: { answerWithinMs: 300 } });
    const answered = answers();
    const ours = await bed.call();
    const { invite } = await answered;
    t.notOk(invite.has('x-twintrack-answer-within'), 'what the edge is asked for stays there');
    t.notOk(invite.has('x-twintrack-failover'));
    t.equal(silent.heard[0], 'INVITE');
    await hangUp(ours);
    t.match(await bed.ended(), { outcome: 'answered' });
  });

  t.test(`${way}: a next hop that takes no connection is left for the next one`, async (t) => {
    const bed = await openBed(t, { record, nextHops: unasked(`sip:127.0.0.1:${await freePort()};transport=tcp`, calleeUri()) });
    const answered = answers();
    const ours = await bed.call();
    await answered;
    await hangUp(ours);
    t.match(await bed.ended(), { outcome: 'answered' });
  });

  t.test(`${way}: a next hop that nothing can be sent to is left for the next one`, async (t) => {
    // An edge sends nothing to itself.
    const sip = await openSip();
    const bed = await openBed(t, { sip, record, nextHops: unasked(`sip:${placeOf(sip)}`, calleeUri()) });
    const answered = answers();
    const ours = await bed.call();
    await answered;
    await hangUp(ours);
    t.match(await bed.ended(), { outcome: 'answered' });
  });

  t.test(`${way}: a refusal is the callee's word: nobody else is asked`, async (t) => {
    for (const status of [486, 404, 603, 500]) {
      const refusing = await openRawHop(t, () => `${status} No`);
      const bed = await openBed(t, { record, nextHops: unasked(refusing.uri, calleeUri()) });
      onInvite = () => t.fail('the second next hop is asked');
      t.equal(await statusOf(bed.call()), status);
      t.match(await bed.ended(), { outcome: 'rejected', sipStatus: status });
    }
  });

  t.test(`${way}: when all fail, the caller hears the last one, with its headers`, async (t) => {
    const first = await openRawHop(t, () => '503 First');
    const last = await openRawHop(t, () => '503 Last\nX-Why: last');
    const bed = await openBed(t, { record, nextHops: unasked(first.uri, last.uri) });
    const failure = (await bed.call().catch((error: unknown) => error)) as { status: number; res: SipResponse };
    t.equal(failure.status, 503);
    t.equal(failure.res.get('x-why'), 'last');
    t.match(await bed.ended(), { outcome: 'rejected', sipStatus: 503 });
    t.strictSame(first.heard, ['INVITE', 'ACK']);
  });

  t.test(`${way}: no more next hops are tried than attempts allows`, async (t) => {
    const hops = await Promise.all([1, 2, 3].map(() => openRawHop(t, () => '503 No')));
    const bed = await openBed(t, { record, nextHops: unasked(...hops.map(({ uri }) => uri)), failover: { attempts: 2 } });
    t.equal(await statusOf(bed.call()), 503);
    t.strictSame(hops.map(({ heard }) => heard.length), [2, 2, 0]);
  });

  t.test(`${way}: 503 after the callee rang is the end of the call`, async (t) => {
    const ringing = await openRawHop(t, () => '180 Ringing\nContact: <sip:raw@127.0.0.1>\n\n503 Gone');
    const bed = await openBed(t, { record, nextHops: unasked(ringing.uri, calleeUri()) });
    onInvite = () => t.fail('the second next hop is asked');
    const heard: number[] = [];
    t.equal(await statusOf(bed.call('+4420', { cbProvisional: ({ status }: SipResponse) => heard.push(status) })), 503);
    t.strictSame(heard.filter((status) => status > 100), [180]);
    t.match(await bed.ended(), { outcome: 'rejected', sipStatus: 503 });
  });

  t.test(`${way}: a caller who gives up while the second next hop is asked stops it all`, async (t) => {
    const silent = await openRawHop(t);
    const bed = await openBed(t, { record, nextHops: unasked(silent.uri, calleeUri()), failover: { answerWithinMs: 200 } });
    const cancelled = new Promise<void>((resolve) => {
      onInvite = (invite, response) => {
        invite.on('cancel', () => resolve());
        response.send(180);
      };
    });
    let request: SipRequest | undefined;
    const outcome = statusOf(bed.call('+4420', {
      cbRequest: (_error: unknown, sent: SipRequest) => (request = sent),
      cbProvisional: (response: SipResponse) => {
        if (response.status === 180) request?.cancel(() => undefined);
      },
    }));
    await cancelled;
    t.equal(await outcome, 487);
    t.match(await bed.ended(), { outcome: 'cancelled', sipStatus: 487 });
  });

  t.test(`${way}: a caller who gives up while the first next hop is silent: the second is never asked`, async (t) => {
    const silent = await openRawHop(t);
    const bed = await openBed(t, { record, nextHops: unasked(silent.uri, calleeUri()), failover: { answerWithinMs: 500 } });
    onInvite = () => t.fail('the second next hop is asked');
    let request: SipRequest | undefined;
    const outcome = statusOf(bed.call('+4420', { cbRequest: (_error: unknown, sent: SipRequest) => (request = sent) }));
    await silent.hears('INVITE');
    request?.cancel(() => undefined);
    t.equal(await outcome, 487);
    t.match(await bed.ended(), { outcome: 'cancelled', sipStatus: 487 });
  });

  t.test(`${way}: numbers and headers go on as the trunk and the next hop want them, and the ledger keeps what was dialled`, async (t) => {
    const bed = await openBed(t, {
      record,
      trunks: [{
        name: 'one',
        sources: ['127.0.0.1'],
        nextHops: [{ uri: calleeUri(), rewrite: [{ of: 'callee', match: '004420!', strip: 6, prepend: '9' }], headers: { strip: ['X-Private'] } }],
        rewrite: [{ of: 'callee', match: '+!', strip: 1, prepend: '00' }, { of: 'caller', match: '49!', prepend: '+' }],
        headers: { add: { 'X-Site': 'Berlin', 'X-Kind': 'ours' } },
      }],
    });
    const answered = answers();
    const ours = await bed.call('+4420777', {}, { 'X-Private': 'secret', 'X-Kind': 'theirs', 'P-Asserted-Identity': '"Ann" <sip:4930123@caller.example>' });
    const { invite } = await answered;
    t.match(invite.uri, /^sip:9777@/u);
    t.strictSame([invite.get('x-site'), invite.get('x-kind'), invite.has('x-private')], ['Berlin', 'ours', false]);
    const back = record === 'always';
    t.match(invite.get('from'), back ? /^<sip:\+4930123@caller\.example>;tag=/u : /^<sip:4930123@/u);
    t.match(invite.get('to'), back ? /<sip:9777@/u : /\+4420777@/u);
    t.equal(invite.get('p-asserted-identity'), back ? '"Ann" <sip:+4930123@caller.example>' : '"Ann" <sip:4930123@caller.example>');
    t.match(bed.began, [{ from: 'sip:4930123@caller.example', to: /^sip:\+4420777@/u }]);
    await hangUp(ours);
    await bed.ended();
  });
}

t.test('routes: inbound numbers go to one switch, others to the other, and a number with no way is answered 404', async (t) => {
  const [a, b] = [await openRawHop(t, () => '486 A'), await openRawHop(t, () => '480 B')];
  const bed = await openBed(t, {
    trunks: [
      { name: 'carrier', sources: ['127.0.0.1'] },
      { name: 'pbx-a', sources: ['192.0.2.1'], gateways: [{ uri: a.uri }] },
      { name: 'pbx-b', sources: ['192.0.2.2'], gateways: [{ uri: b.uri }] },
    ],
    routes: [{ from: ['carrier'], callee: ['+49301!'], to: 'pbx-a' }, { from: ['carrier'], callee: ['+49!'], to: 'pbx-b' }],
  });
  t.equal(await statusOf(bed.call('+493017')), 486);
  t.equal(await statusOf(bed.call('+493027')), 480);
  t.equal(await statusOf(bed.call('+4420')), 404);
  t.strictSame([a.heard, b.heard], [['INVITE', 'ACK'], ['INVITE', 'ACK']]);
});

t.test('a trunk that is known by its certificate: calls of who proves to be it, and of nobody who says so', async (t) => {
  const openTls = async (certificate: TestCertificate, tellTlsIdentity: boolean): Promise<SipConnection> => {
    const { settings } = tlsFiles(t, certificate, { clientCertificate: 'request', verifyPeer: 'chain' });
    return connectSip({ settings: { listen: [{ transport: 'tls', host: '127.0.0.1', port: await freePort() }, { transport: 'udp', host: '127.0.0.1', port: await freePort() }], tls: settings }, tellTlsIdentity, ...quiet });
  };
  const [sip, named, other] = [await openTls(edgeCertificate, true), await openTls(client, false), await openTls(edgeCertificate, false)];
  const hop = await openRawHop(t, () => '486 Busy');
  await openBed(t, { sip, trunks: [{ name: 'one', sources: ['127.0.0.1'], transports: ['tls'], tlsIdentities: ['Trunk.example.test'], nextHop: hop.uri }] });
  t.teardown(() => Promise.all([named.close(), other.close()]));
  const call = (from: SipConnection, headers: Record<string, string> = {}): Promise<number> =>
    statusOf(from.srf.createUAC(`sip:1@${placeOf(sip)};transport=tls`, { localSdp: sdp(40_000), headers }));
  t.equal(await call(named), 486);
  t.equal(await call(other), 403);
  t.equal(await call(other, { 'X-Twintrack-TLS-Identity': 'trunk.example.test' }), 403);
  t.strictSame(hop.heard, ['INVITE', 'ACK']);
});

t.test('health: a next hop that answers OPTIONS no more goes down, calls go elsewhere first, and it comes up again', async (t) => {
  const first = await openRawHop(t);
  const bed = await openBed(t, { nextHops: [{ uri: first.uri, priority: 1 }, { uri: calleeUri(), priority: 2, health: false }], health: { intervalMs: 50, timeoutMs: 50 } });
  await logged(bed, /next hop is down/u);
  t.equal(await isUp(bed.metrics, first.uri), '0');
  const answered = answers();
  const ours = await bed.call();
  await answered;
  await hangUp(ours);
  await bed.ended();
  t.notOk(first.heard.includes('INVITE'), 'it is tried last');
  first.says = () => '404 Nobody, but somebody';
  await logged(bed, /next hop is up/u);
  t.equal(await isUp(bed.metrics, first.uri), '1');
});
