/** The proxy with a policy service that answers, hangs, or is asked in vain; calls are decided and none is recorded. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { openRelay } from '../anchor/index.js';
import type { CallEnd, NewCall } from '../ledger/index.js';
import { createLog, createMetrics } from '../ops/index.js';
import { Policy, policySettings } from '../policy/index.js';
import { openPolicyService, policyServiceSettings } from '../policy-service/index.js';
import { connectSip, type SipConnection, type SipRequest } from '../sip/index.js';
import { freePort } from '../udp/free-port.fixture.js';
import { recordingSettings } from './recording-settings.js';
import { failoverSettings, healthSettings } from './trunk-settings.js';
import { openProxy, type Proxy } from './index.js';

const openSip = async (): Promise<SipConnection> =>
  connectSip({ settings: { listen: [{ transport: 'udp', host: '127.0.0.1', port: await freePort() }] }, onCrash: () => undefined, onTrouble: () => undefined });
const addressOf = (sip: SipConnection): string => sip.contacts[0]?.replace(/^\w+:/, '') ?? '';

interface Bed {
  readonly proxy: Proxy;
  readonly ledger: { readonly began: NewCall; end?: CallEnd }[];
  /** How many calls the callee has seen; it answers each 486. */
  rang(): number;
  /** How many questions the service has seen. */
  questions(): number;
  /** Resolves when the ledger has the end of its first call. */
  ended(): Promise<CallEnd>;
  /** The final status that the caller gets. */
  call(progress?: object): Promise<number>;
}

async function openBed(t: Test, { settings = {}, limits = {}, answer }: { settings?: object; limits?: { calls?: number }; answer: (response: ServerResponse) => void }): Promise<Bed> {
  let questions = 0;
  const server = createServer((request, response) => {
    request.resume();
    questions += 1;
    answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  const [caller, callee, sip] = [await openSip(), await openSip(), await openSip()];
  let rang = 0;
  callee.srf.invite((_invite, response) => {
    rang += 1;
    response.send(486);
  });
  const anchor = await openRelay({ settings: { address: '127.0.0.1', ports: [59_000, 59_100], accelerator: 'auto', threads: 1 }, onCrash: assert.ifError });
  const [log, metrics, policy] = [createLog({ level: 'silent', name: 'test' }), createMetrics(), policySettings.parse({ otherwise: { record: 'never' } })];
  const policyService = await openPolicyService(policyServiceSettings.parse({ url, ...settings }), { local: new Policy(policy), log, metrics, now: () => performance.now(), random: Math.random });
  const ledger: Bed['ledger'] = [];
  let tellEnd: (end: CallEnd) => void = () => undefined;
  const ended = new Promise<CallEnd>((resolve) => (tellEnd = resolve));
  const proxy = openProxy({
    announcements: new Map(),
    settings: {
      sip: { listen: [], natDetection: true, strangersPerSecond: 20 },
      trunks: [{ name: 'one', sources: ['127.0.0.1'], nextHop: `sip:${addressOf(callee)}`, limits, recordingControl: [] }],
      strangers: 'refuse',
      routes: [],
      failover: failoverSettings.parse({}),
      health: healthSettings.parse({}),
      policy,
      anchor: { relay: { address: '127.0.0.1', ports: [59_000, 59_100], accelerator: 'auto' } },
      recording: recordingSettings.parse({ recorder: 'sip:nobody@127.0.0.1', afterCallMs: 0 }),
      retention: {},
    },
    sip,
    anchor,
    ledger: {
      callBegan: (began) => Promise.resolve(void ledger.push({ began })),
      callAnswered: () => Promise.resolve(),
      callEnded: (callId, end) => {
        for (const entry of ledger) if (entry.began.callId === callId) entry.end = end;
        tellEnd(end);
        return Promise.resolve();
      },
    },
    policyService,
    log,
    metrics,
    node: 'test',
  });
  t.teardown(async () => {
    await proxy.close();
    policyService.close();
    await anchor.close();
    await Promise.all([caller, callee, sip].map((one) => one.close()));
    server.close();
    server.closeAllConnections();
  });
  return {
    proxy,
    ledger,
    rang: () => rang,
    questions: () => questions,
    ended: () => ended,
    call: (progress = {}) =>
      caller.srf.createUAC(`sip:+4420@${addressOf(sip)}`, { localSdp: 'v=0\r\n' }, progress).then(
        () => 200,
        (error: unknown) => (error as { status: number }).status,
      ),
  };
}

t.test('a policy service decides before the rules do, and the ledger says so', async (t) => {
  const bed = await openBed(t, { settings: { timeoutMs: 2_000 }, answer: (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"version": 1, "record": "never"}') });
  t.equal(await bed.call(), 486);
  t.match(await bed.ended(), { outcome: 'rejected', sipStatus: 486, recording: 'excluded', reason: 'not to be recorded: policy service' });
});

t.test('fifty calls go on while the policy service hangs: the rules decide, and once it has been given up nobody waits', async (t) => {
  const bed = await openBed(t, { settings: { timeoutMs: 150, inFlight: 4, breaker: { minBackOffMs: 600_000, maxBackOffMs: 600_000 } }, answer: () => undefined });
  const statuses = await Promise.all(Array.from({ length: 50 }, () => bed.call()));
  t.strictSame(statuses, Array.from({ length: 50 }, () => 486), 'the callee has answered each');
  t.ok(bed.questions() <= 4 + 4, `${bed.questions()} questions: four at once until five have failed`);
  while (bed.proxy.calls > 0) await new Promise((resolve) => setImmediate(resolve));
  t.equal(bed.ledger.length, 50);
  for (const reason of new Set(bed.ledger.map(({ end }) => end?.reason))) t.match(reason, /^not to be recorded: no rule \(policy service: (?:timeout|not asked, .*)\)$/u);
});

t.test('a caller who gives up while the policy service is asked: no callee hears of it, the ledger does, its place on the trunk is free', async (t) => {
  // The question may be there before the caller knows that its INVITE has gone out.
  let toldSent: (request: SipRequest | undefined) => void = () => undefined;
  let sent = new Promise<SipRequest | undefined>((resolve) => (toldSent = resolve));
  const bed = await openBed(t, { limits: { calls: 1 }, settings: { timeoutMs: 2_000, breaker: { failures: 1 } }, answer: () => void sent.then((request) => request?.cancel(() => undefined)) });
  t.equal(await bed.call({ cbRequest: (_error: unknown, request: SipRequest) => toldSent(request) }), 487);
  t.match(await bed.ended(), { outcome: 'cancelled', sipStatus: 487, recording: 'excluded', reason: 'never answered: the caller gave up' });
  t.equal(bed.rang(), 0);
  sent = Promise.resolve(undefined);
  t.equal(await bed.call(), 486);
});

t.test('a proxy that drains lets a call go on that waits for the policy service', async (t) => {
  let hold: (response: ServerResponse) => void = () => undefined;
  const held = new Promise<ServerResponse>((resolve) => (hold = resolve));
  const bed = await openBed(t, { settings: { timeoutMs: 2_000 }, answer: (response) => hold(response) });
  const status = bed.call();
  const response = await held;
  let drained = false;
  const draining = bed.proxy.drain().then(() => (drained = true));
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(drained, 'it waits for the call that is not decided yet');
  response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"version": 1, "record": "never"}');
  t.equal(await status, 486);
  await draining;
  t.match(bed.ledger[0]?.end, { outcome: 'rejected', sipStatus: 486 }, 'and for its end');
});

t.test('a proxy that closes while the policy service is asked answers 503, and does not wait for it', async (t) => {
  let asked: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => (asked = resolve));
  const bed = await openBed(t, { settings: { timeoutMs: 2_000 }, answer: () => asked() });
  const status = bed.call();
  await arrived;
  const startedAt = performance.now();
  await bed.proxy.close();
  t.ok(performance.now() - startedAt < 1_500, 'less than the service may take');
  t.equal(await status, 503);
  t.match(await bed.ended(), { outcome: 'interrupted', sipStatus: 503, recording: 'excluded' });
  t.equal(bed.rang(), 0);
});
