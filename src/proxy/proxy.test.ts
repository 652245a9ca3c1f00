/** The proxy between real SIP user agents, with a real relay and a recorder that only answers. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { openRelay } from '../anchor/index.js';
import type { CallEnd, NewCall } from '../ledger/index.js';
import { createLog, createMetrics } from '../ops/index.js';
import { policySettings } from '../policy/index.js';
import { connectSip, hangUp, readBody, readSdp, requestInDialog, type DialogResponse, type SipConnection, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import { freePort } from '../udp/free-port.fixture.js';
import { openProxy, type Proxy } from './index.js';
import { failoverSettings, healthSettings } from './trunk-settings.js';

/** One port number for both transports: an edge sends nothing to a host and port of its own, whichever the transport. */
async function openSip(): Promise<SipConnection> {
  const port = await freePort();
  const listen = (['udp', 'tcp'] as const).map((transport) => ({ transport, host: '127.0.0.1', port }));
  return connectSip({ settings: { listen }, ...quiet });
}
const quiet = { onCrash: () => undefined, onTrouble: () => undefined };
const addressOf = (sip: SipConnection, transport = 'udp'): string =>
  sip.contacts.find((contact) => contact.startsWith(transport))?.replace(/^\w+:/, '') ?? '';

const sdp = (port: number, more = 'a=sendrecv'): string =>
  ['v=0', 'o=- 7 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', `m=audio ${port} RTP/AVP 8 101`, 'a=rtpmap:8 PCMA/8000', 'a=rtpmap:101 telephone-event/8000', more, ''].join('\r\n');

interface LedgerEntry {
  readonly began: NewCall;
  answered: boolean;
  end?: CallEnd;
}

interface Bed {
  readonly caller: SipConnection;
  readonly callee: SipConnection;
  readonly recorder: SipConnection;
  readonly proxy: Proxy;
  /** What the recorder was offered, INVITE and re-INVITEs. */
  readonly offers: string[];
  readonly ledger: LedgerEntry[];
  /** Resolves when the recorder has had so many offers. */
  offered(count: number): Promise<void>;
  /** Resolves when the ledger has the end of its first call. */
  ended(): Promise<CallEnd>;
  /** The caller's INVITE, through the proxy. */
  call(options?: { localSdp?: string; headers?: Record<string, string>; noAck?: boolean }, progress?: object): Promise<SipDialog>;
}

async function openBed(t: Test, options: { ports?: [number, number]; policy?: object; limits?: { calls?: number; callsPerSecond?: number }; sources?: string[]; recordingControl?: ('caller' | 'callee')[]; retention?: Record<string, { days?: number }>; recordersBefore?: string[]; logTo?: (line: string) => void; recorder?: (request: SipRequest, response: SipResponse) => void } = {}): Promise<Bed> {
  const [caller, callee, recorder, sip] = [await openSip(), await openSip(), await openSip(), await openSip()];
  const offers: string[] = [];
  let waiting: { count: number; tell: () => void } | undefined;
  const offered = (body: string): void => {
    offers.push(body);
    if (waiting !== undefined && offers.length >= waiting.count) waiting.tell();
  };
  recorder.srf.invite(
    options.recorder ??
      ((request, response) => {
        offered(request.body);
        void recorder.srf.createUAS(request, response, { localSdp: answerTo(request) }).then((dialog) => {
          dialog.on('modify', (again, answer) => {
            offered(again.body);
            answer.send(200, { body: answerTo(again) });
          });
        });
      }),
  );
  const firstPort = 50_000 + 2 * Math.floor(Math.random() * 4_000);
  const anchor = openRelay({ settings: { address: '127.0.0.1', ports: options.ports ?? [firstPort, firstPort + 200] }, observer: { relayed: () => undefined, dropped: () => undefined } });
  const ledger: LedgerEntry[] = [];
  let tellEnd: (end: CallEnd) => void = () => undefined;
  const ended = new Promise<CallEnd>((resolve) => (tellEnd = resolve));
  const proxy = openProxy({
    announcements: new Map(),
    settings: {
      sip: { listen: [], natDetection: true, strangersPerSecond: 20 },
      trunks: [{ name: 'one', sources: options.sources ?? ['127.0.0.1'], nextHop: `sip:${addressOf(callee)}`, limits: options.limits ?? {}, recordingControl: options.recordingControl ?? [] }],
      strangers: 'refuse',
      routes: [],
      failover: failoverSettings.parse({}),
      health: healthSettings.parse({}),
      policy: policySettings.parse(options.policy ?? {}),
      anchor: { relay: { address: '127.0.0.1', ports: [50_000, 60_000] } },
      recording: {
        recorders: { default: { uris: [...(options.recordersBefore ?? []), `sip:rec@${addressOf(recorder, 'tcp')};transport=tcp`] } },
        answerTimeoutMs: options.recordersBefore === undefined ? 4_000 : 300,
        withinMs: 8_000,
        keysInClear: false,
      },
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
    await Promise.all([caller, callee, recorder, sip].map((one) => one.close()));
  });
  return {
    caller,
    callee,
    recorder,
    proxy,
    offers,
    ledger,
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
const answers = (bed: Bed, body = sdp(41_000), headers: Record<string, string> = {}): Promise<{ invite: SipRequest; dialog: SipDialog }> =>
  new Promise((resolve, reject) => {
    bed.callee.srf.invite((invite, response) => {
      bed.callee.srf.createUAS(invite, response, { localSdp: body, headers }).then((dialog) => resolve({ invite, dialog }), reject);
    });
  });

const portIn = (text: string): number => {
  const read = readSdp(text);
  return typeof read === 'string' ? 0 : (read.media[0]?.port ?? 0);
};

t.test('a call goes on to the next hop with its number, headers and parties, its media through the anchor', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed, undefined, { 'X-Answer': 'yes' });
  const ours = await bed.call({ headers: { 'X-Unknown': 'kept', 'P-Asserted-Identity': '<sip:+4410@caller.example>' } });
  const { invite, dialog } = await answered;
  t.equal(invite.uri.replace(/;.*/, ''), `sip:+4420@${addressOf(bed.callee)}`);
  t.match(invite.uri, /;user=phone/, 'parameters of the number stay');
  t.match(invite.get('from'), /^"Ann" <sip:ann@caller\.example>;tag=/);
  t.equal(invite.get('x-unknown'), 'kept');
  t.equal(invite.get('p-asserted-identity'), '<sip:+4410@caller.example>');
  t.match(invite.get('session-id'), /^[0-9a-f]{32};remote=0{32}$/, 'a session ID is made and sent on');
  t.not(portIn(invite.body), 40_000, "the callee is told the anchor's port");
  t.not(portIn(ours.remote.sdp), 41_000, "the caller is told the anchor's port");
  t.match(invite.body, 'a=rtpmap:101 telephone-event/8000');
  const hungUp = once(dialog, 'destroy');
  await hangUp(ours);
  await hungUp;
  const end = await bed.ended();
  t.match(end, { outcome: 'answered', sipStatus: 200 });
  t.equal(end.recording, undefined, 'the stitcher will say what became of the recording');
  t.match(bed.ledger[0], { began: { trunk: 'one', from: 'sip:ann@caller.example' }, answered: true });
  t.equal(bed.offers.length, 1);
  t.match(bed.offers[0], /m=audio \d+ RTP\/AVP 8 101[^]*a=label:1[^]*m=audio \d+ RTP\/AVP 8 101[^]*a=label:2/);
  t.match(bed.offers[0], /aor="sip:ann@caller\.example"/);
});

t.test('the callee hangs up: the caller is hung up with the same Reason', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog } = await answered;
  const bye = once(ours, 'destroy') as Promise<[SipRequest]>;
  await hangUp(dialog, { Reason: 'Q.850;cause=16' });
  t.equal((await bye)[0].get('reason'), 'Q.850;cause=16');
  t.match(await bed.ended(), { outcome: 'answered', reason: 'hung up by the callee' });
});

t.test('a refusal comes back as it is, and the ledger has it', async (t) => {
  const bed = await openBed(t);
  bed.callee.srf.invite((_invite, response) => response.send(486, { headers: { 'X-Why': 'talking' } }));
  const refused = await bed.call().then(
    () => undefined,
    (error: unknown) => error as { status: number; res: SipResponse },
  );
  t.equal(refused?.status, 486);
  t.equal(refused?.res.get('x-why'), 'talking');
  t.match(await bed.ended(), { outcome: 'rejected', sipStatus: 486, recording: 'excluded' });
  t.strictSame(bed.offers, [], 'nothing was to be recorded');
});

t.test('a caller who gives up: the callee is cancelled', async (t) => {
  const bed = await openBed(t);
  const cancelled = new Promise<void>((resolve) => {
    bed.callee.srf.invite((invite, response) => {
      invite.on('cancel', () => resolve());
      response.send(180);
    });
  });
  let request: SipRequest | undefined;
  const outcome = bed
    .call({}, { cbRequest: (_error: unknown, sent: SipRequest) => (request = sent), cbProvisional: () => request?.cancel(() => undefined) })
    .then(
      () => 0,
      (error: unknown) => (error as { status: number }).status,
    );
  await cancelled;
  t.equal(await outcome, 487);
  t.match(await bed.ended(), { outcome: 'cancelled', sipStatus: 487, recording: 'excluded' });
});

t.test('a caller who gives up at once: the call comes to an end, whether the callee has heard of it or not', async (t) => {
  const bed = await openBed(t);
  bed.callee.srf.invite((_invite, response) => response.send(180));
  const outcome = bed.call({}, { cbRequest: (_error: unknown, sent: SipRequest) => sent.cancel(() => undefined) }).then(
    () => 0,
    (error: unknown) => (error as { status: number }).status,
  );
  t.equal(await outcome, 487);
  t.match(await bed.ended(), { outcome: 'cancelled', sipStatus: 487 });
});

t.test('an attended transfer: the dialog that Replaces names is the one that its receiver has', async (t) => {
  const bed = await openBed(t);
  const theirs: SipDialog[] = [];
  bed.callee.srf.invite((invite, response) => void bed.callee.srf.createUAS(invite, response, { localSdp: sdp(41_000) }).then((dialog) => theirs.push(dialog)));
  const [first, second] = [await bed.call(), await bed.call()];
  const named = (dialog: SipDialog): string => `${dialog.sip.callId};to-tag=${dialog.sip.remoteTag};from-tag=${dialog.sip.localTag}`;
  const asked = new Promise<SipRequest>((resolve) => {
    theirs[0]?.on('refer', (refer, response) => {
      response.send(202);
      resolve(refer);
    });
  });
  const referTo = (replaces: string): string => `<sip:third@far.example?Replaces=${encodeURIComponent(replaces)}&X-Also=1>`;
  await requestInDialog(first, { method: 'REFER', headers: { 'Refer-To': referTo(`${named(second)};early-only`) } });
  const { callId, localTag, remoteTag } = theirs[1]?.sip ?? { callId: '', localTag: '', remoteTag: '' };
  t.equal((await asked).get('refer-to'), referTo(`${callId};to-tag=${localTag};from-tag=${remoteTag};early-only`), 'as the third party knows the second call');
  const replacing = new Promise<SipRequest>((resolve) => {
    theirs[0]?.on('message', (message, response) => {
      response.send(200);
      resolve(message);
    });
  });
  await requestInDialog(first, { method: 'MESSAGE', headers: { Replaces: named(second), 'Content-Type': 'text/plain' }, body: 'x' });
  t.equal((await replacing).get('replaces'), `${callId};to-tag=${localTag};from-tag=${remoteTag}`);
  await Promise.all([hangUp(first), hangUp(second)]);
});

t.test('hold and resume by either side cross the call, and the recorder is told', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  await bed.offered(1);
  for (const [who, from, to] of [
    ['caller', ours, theirs],
    ['callee', theirs, ours],
  ] as const) {
    const seen: string[] = [];
    to.on('modify', (request, response) => {
      seen.push(request.body);
      response.send(200, { body: request.body.includes('sendonly') ? sdp(41_002, 'a=recvonly') : sdp(41_002) });
    });
    const before = bed.offers.length;
    const held = await requestInDialog(from, { method: 'INVITE', body: sdp(40_002, 'a=sendonly') });
    t.equal(held.status, 200, `hold by the ${who}`);
    t.match(held.body, 'a=recvonly');
    t.match(seen[0], 'a=sendonly');
    t.notMatch(seen[0] ?? '', '40002', 'the anchor stays in between');
    await bed.offered(before + 1);
    const resumed = await requestInDialog(from, { method: 'INVITE', body: sdp(40_002) });
    await bed.offered(before + 2);
    t.match(resumed.body, 'a=sendrecv');
  }
  t.strictSame(
    bed.offers.map((offer) => (offer.match(/a=(sendonly|inactive)/g) ?? []).join(' ')),
    ['a=sendonly a=sendonly', 'a=sendonly a=inactive', 'a=sendonly a=sendonly', 'a=inactive a=sendonly', 'a=sendonly a=sendonly'],
  );
  await hangUp(ours);
});

t.test('a re-INVITE that the other side refuses is refused, and the call goes on', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  theirs.on('modify', (_request, response) => response.send(488));
  t.equal((await requestInDialog(ours, { method: 'INVITE', body: sdp(40_004) })).status, 488);
  t.equal(bed.proxy.calls, 1);
  await hangUp(ours);
});

t.test('after a re-INVITE that is refused, media goes on to where it went before', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const [here, there] = [createSocket('udp4'), createSocket('udp4')];
  t.teardown(() => [here, there].forEach((socket) => socket.close()));
  for (const socket of [here, there]) await once(socket.bind(0, '127.0.0.1'), 'listening');
  const ours = await bed.call({ localSdp: sdp(here.address().port) });
  const { invite, dialog: theirs } = await answered;
  theirs.on('modify', (_request, response) => response.send(488));
  t.equal((await requestInDialog(ours, { method: 'INVITE', body: sdp(40_998) })).status, 488);
  const heard = once(here, 'message') as Promise<[Buffer]>;
  there.send(Buffer.from([0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3]), portIn(invite.body), '127.0.0.1');
  t.equal((await heard)[0].length, 15);
  await hangUp(ours);
});

t.test('INFO, MESSAGE, OPTIONS, NOTIFY, UPDATE and REFER cross the call with their bodies and answers', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  for (const method of ['INFO', 'MESSAGE', 'OPTIONS', 'NOTIFY', 'REFER'] as const) {
    const got = new Promise<SipRequest>((resolve) => {
      theirs.on(method.toLowerCase() as 'info', (request, response) => {
        response.send(202, { headers: { 'X-Seen': method } });
        resolve(request);
      });
    });
    const headers = { 'Content-Type': 'text/plain', 'X-Sent': method, 'Refer-To': '<sip:else@where.example>', Event: 'refer', 'Subscription-State': 'active' };
    const answer = await requestInDialog(ours, { method, headers, body: `hello ${method}` });
    const request = await got;
    t.strictSame([request.body, request.get('x-sent'), answer.status, answer.message.get('x-seen')], [`hello ${method}`, method, 202, method]);
  }
  theirs.on('update', (request, response) => response.send(200, { body: sdp(41_008, request.body.includes('sendonly') ? 'a=recvonly' : 'a=sendrecv') }));
  const updated = await requestInDialog(ours, { method: 'UPDATE', body: sdp(40_008, 'a=sendonly') });
  t.equal(updated.status, 200);
  t.match(updated.body, 'a=recvonly');
  t.not(portIn(updated.body), 41_008);
  await hangUp(theirs);
});

t.test('early media: an SDP in 183 is anchored, and recording begins with it', async (t) => {
  const bed = await openBed(t);
  const early = new Promise<SipResponse>((resolve) => {
    bed.callee.srf.invite((invite, response) => {
      response.send(183, { body: sdp(41_006) });
      setTimeout(() => void bed.callee.srf.createUAS(invite, response, { localSdp: sdp(41_006) }), 150);
    });
    void bed.call({}, { cbProvisional: (response: SipResponse) => resolve(response) }).then((dialog) => hangUp(dialog));
  });
  const response = await early;
  t.equal(response.status, 183);
  t.not(portIn(response.body), 41_006);
  t.not(portIn(response.body), 0);
  await bed.ended();
  t.equal(bed.offers.length, 1);
});

t.test('delayed offer: the callee offers in its 200, the caller answers in its ACK, both through the anchor', async (t) => {
  const bed = await openBed(t);
  const answered = new Promise<{ dialog: SipDialog; ack: SipRequest; invite: SipRequest }>((resolve) => {
    bed.callee.srf.invite((invite, response) => {
      void bed.callee.srf.createUAS(invite, response, { localSdp: sdp(41_010) }).then((dialog) => {
        dialog.once('ack', (ack) => resolve({ dialog, ack: ack as unknown as SipRequest, invite }));
      });
    });
  });
  const { ack: acknowledge, sdp: offer } = (await bed.call({ localSdp: '', noAck: true })) as unknown as { sdp: string; ack: (sdp: string) => Promise<SipDialog> };
  t.not(portIn(offer), 41_010);
  const ours = await acknowledge(sdp(40_010));
  const { ack, invite } = await answered;
  t.equal(invite.body, '');
  t.not(portIn(ack.body), 40_010);
  t.not(portIn(ack.body), 0);
  await bed.offered(1);
  await hangUp(ours);
  t.match(await bed.ended(), { outcome: 'answered' });
});

t.test('a recorder that refuses costs the recording, not the call', async (t) => {
  const bed = await openBed(t, { recorder: (_request, response) => response.send(503) });
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  const info = once(theirs, 'info') as Promise<[SipRequest, SipResponse]>;
  const asked = requestInDialog(ours, { method: 'INFO' });
  (await info)[1].send(200);
  t.equal((await asked).status, 200, 'the call is alive');
  await hangUp(ours);
  t.match(await bed.ended(), { outcome: 'answered', recording: 'lost', reason: /refused with 503/ });
});

t.test('a call that a rule excludes is proxied with Record-Route, its media untouched, and the ledger names the rule', async (t) => {
  const policy = { rules: [{ name: 'other calls', when: { callee: ['+49!'] }, record: 'always' }, { name: 'private', when: { callee: ['+44!'] }, record: 'never' }] };
  const bed = await openBed(t, { policy });
  const answered = answers(bed, sdp(41_000, 'a=x-untouched'));
  const ours = await bed.call({ localSdp: sdp(40_000, 'a=x-offer') });
  const { invite, dialog: theirs } = await answered;
  t.equal(invite.body, sdp(40_000, 'a=x-offer'));
  t.equal(ours.remote.sdp, sdp(41_000, 'a=x-untouched'));
  t.ok(invite.has('record-route'));
  t.equal(invite.uri, `sip:+4420@${addressOf(bed.callee)};user=phone`, 'the number that was dialled goes on');
  t.match(invite.get('session-id'), /^[0-9a-f]{32};remote=0{32}$/u, 'the session ID is sent on all the same');
  t.strictSame([bed.proxy.calls, bed.ledger[0]?.answered, bed.ledger[0]?.end], [1, true, undefined], 'it runs until it is hung up');
  const hungUp = once(theirs, 'destroy');
  await hangUp(ours);
  await hungUp;
  t.match(await bed.ended(), { outcome: 'answered', recording: 'excluded', reason: 'not to be recorded: rule private' });
  t.strictSame(bed.offers, []);
});

t.test('where recording is mandatory, a call that cannot be recorded is refused as the rule says, and no callee hears of it', async (t) => {
  const bed = await openBed(t, { ports: [59_990, 59_993], policy: { rules: [{ name: 'trading', record: 'always', mandatory: true, refuseWith: 488 }] } });
  let rang = false;
  bed.callee.srf.invite((_request, response) => {
    rang = true;
    response.send(486);
  });
  t.match(await bed.call().catch((error: unknown) => error), { status: 488 });
  t.match(await bed.ended(), { outcome: 'refused', sipStatus: 488, recording: 'excluded', reason: /mandatory \(rule trading\).*no media port is free/ });
  t.notOk(rang);
});

t.test('where recording is mandatory, a call whose recorder refuses is ended on both sides, which learn no more than that', async (t) => {
  let watched: () => void = () => undefined;
  const watching = new Promise<void>((resolve) => (watched = resolve));
  const bed = await openBed(t, { recorder: (_request, response) => void watching.then(() => response.send(503)), policy: { otherwise: { record: 'always', mandatory: true } } });
  const answered = answers(bed);
  const ours = await bed.call();
  const ends = [once(ours, 'destroy'), once((await answered).dialog, 'destroy')] as Promise<[SipRequest]>[];
  watched();
  for (const end of ends) t.equal((await end)[0].get('reason'), 'SIP;cause=503;text="the call cannot be recorded"');
  t.match(await bed.ended(), { outcome: 'interrupted', recording: 'lost', reason: /refused with 503/ });
});

t.test('a trunk at its limit gets 503 with Retry-After, its calls go on, the ledger has the refused one too, and the next is taken', async (t) => {
  const bed = await openBed(t, { limits: { calls: 1 } });
  const answered = answers(bed);
  const first = await bed.call();
  const { dialog: theirs } = await answered;
  const refusal = (await bed.call().catch((error: unknown) => error)) as { status: number; res: SipResponse };
  t.equal(refusal.status, 503);
  t.match(refusal.res.get('retry-after'), /^[1-5]$/u);
  t.match(await bed.ended(), { outcome: 'refused', sipStatus: 503, recording: 'excluded', reason: /1 calls are in progress/ });
  t.equal(bed.ledger.length, 2);
  const over = once(theirs, 'destroy');
  await hangUp(first);
  await over;
  while (bed.proxy.calls > 0) await new Promise((resolve) => setImmediate(resolve));
  bed.callee.srf.removeAllListeners();
  const again = await bed.call().catch((error: unknown) => error);
  t.ok((again as { remote?: unknown }).remote !== undefined, 'there is room again');
});

t.test('a stranger is answered 403, and stands in the ledger as refused', async (t) => {
  const bed = await openBed(t, { sources: ['192.0.2.1'] });
  t.match(await bed.call().catch((error: unknown) => error), { status: 403 });
  t.match(await bed.ended(), { outcome: 'refused', sipStatus: 403, recording: 'excluded', reason: /belongs to no trunk/ });
  t.match(bed.ledger, [{ began: { trunk: '', from: 'sip:ann@caller.example' } }]);
});

t.test('an anchor without free ports costs the recording, not the call', async (t) => {
  const bed = await openBed(t, { ports: [59_990, 59_993] });
  const answered = answers(bed);
  const ours = await bed.call();
  const { invite, dialog: theirs } = await answered;
  t.equal(portIn(invite.body), 40_000, 'the media goes from end to end');
  const hungUp = once(theirs, 'destroy');
  await hangUp(ours);
  await hungUp;
  t.match(await bed.ended(), { outcome: 'answered', recording: 'lost', reason: /no media port is free/ });
});

t.test('a proxy that closes hangs up on both sides and says so in the ledger', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  const byes = Promise.all([once(ours, 'destroy'), once(theirs, 'destroy')]);
  await bed.proxy.close();
  await byes;
  t.match(await bed.ended(), { outcome: 'interrupted' });
  t.equal(bed.proxy.calls, 0);
});

t.test('a proxy that closes while a call rings answers 503 and cancels the callee', async (t) => {
  const bed = await openBed(t);
  const ringing = new Promise<SipRequest>((resolve) => {
    bed.callee.srf.invite((invite, response) => {
      response.send(180);
      resolve(invite);
    });
  });
  const outcome = bed.call().then(
    () => 200,
    (error: unknown) => (error as { status: number }).status,
  );
  const invite = await ringing;
  const cancelled = new Promise<void>((resolve) => invite.on('cancel', () => resolve()));
  await bed.proxy.close();
  await cancelled;
  t.equal(await outcome, 503);
  t.match(await bed.ended(), { outcome: 'interrupted', recording: 'excluded' });
});

t.test('a proxy that closes at the very moment of the answer ends the call on both sides', async (t) => {
  let close: () => void = () => undefined;
  // The recorder is asked while the answer is on its way to the caller.
  const closed = new Promise<void>((resolve) => (close = resolve));
  const bed = await openBed(t, {
    recorder: (_request, response) => {
      close();
      response.send(503);
    },
  });
  const answered = answers(bed);
  const outcome = bed.call().then(
    (dialog) => once(dialog, 'destroy').then(() => 'hung up'),
    (error: unknown) => String((error as { status: number }).status),
  );
  const theirs = answered.then(({ dialog }) => once(dialog, 'destroy'));
  await closed;
  await bed.proxy.close();
  t.match(await outcome, /hung up|503/);
  await theirs;
  t.match(await bed.ended(), { outcome: 'interrupted' });
});

t.test('a proxy that closes does not wait for a far end that is gone', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  await bed.call();
  await answered;
  await bed.caller.close();
  const startedAt = performance.now();
  await bed.proxy.close();
  t.ok(performance.now() - startedAt < 10_000, 'seconds, not the 32 that a BYE is repeated for');
  t.match(await bed.ended(), { outcome: 'interrupted' });
});

t.test('on demand: the wish and its change travel to the recorder; a party that is trusted says it in headers, which go no further', async (t) => {
  const bed = await openBed(t, { policy: { otherwise: { record: 'on-demand', pausable: true } }, recordingControl: ['caller'] });
  const answered = answers(bed);
  const ours = await bed.call({ headers: { 'X-Recording': 'pause' } });
  const { invite, dialog } = await answered;
  t.notOk(invite.has('x-recording'));
  await bed.offered(1);
  t.match(bed.offers[0], /a=inactive[^]*keep="false"[^]*<pause from=[^]*by="sip caller"/);
  const info = (headers: Record<string, string>, body = ''): Promise<DialogResponse> => requestInDialog(ours, { method: 'INFO', headers, body });
  t.match(await info({ 'X-Recording': 'start' }), { status: 200 });
  const resumed = await info({ 'X-Recording': 'resume' });
  t.equal(resumed.message.get('x-recording'), 'recording');
  t.match(await info({ 'X-Recording': 'louder' }), { status: 403 });
  await bed.offered(2);
  while (!/a=sendonly[^]*keep="true"/.test(bed.offers.at(-1) ?? '')) await bed.offered(bed.offers.length + 1);
  t.match(bed.proxy.running.list(), [{ recording: 'recording', trunk: 'one' }]);
  const [sessionId = ''] = bed.proxy.running.list().map((call) => call.sessionId);
  ours.on('info', (request, response) => response.send(request.has('x-recording') ? 400 : 202));
  t.equal((await requestInDialog(dialog, { method: 'INFO', headers: { 'X-Recording': 'stop' } })).status, 202, 'the callee is not trusted: its INFO goes on, without the header');
  t.match(bed.proxy.running.list(), [{ recording: 'recording' }]);
  t.match(bed.proxy.running.command(sessionId, { command: 'stop' }, 'api'), { state: 'stopped' });
  await hangUp(ours);
  await bed.ended();
});

for (const dtmfMasked of [false, true]) {
  t.test(`key sequences by INFO command the recording, the keys go on to the other side and stand nowhere${dtmfMasked ? ', masked' : ''}`, async (t) => {
    const lines: string[] = [];
    const bed = await openBed(t, { policy: { otherwise: { record: 'always', pausable: true, dtmfMasked }, dtmf: { pause: '*3', resume: '*4' } }, logTo: (line) => lines.push(line) });
    const answered = answers(bed);
    const ours = await bed.call();
    const { dialog } = await answered;
    const keys: string[] = [];
    dialog.on('info', (request, response) => {
      keys.push(request.body.replace(/[^]*Signal=(.).*[^]*/, '$1'));
      response.send(200);
    });
    for (const key of ['*', '3']) await requestInDialog(ours, { method: 'INFO', headers: { 'Content-Type': 'application/dtmf-relay' }, body: `Signal=${key}\r\nDuration=100\r\n` });
    t.match(bed.proxy.running.list(), [{ recording: 'paused' }]);
    for (const key of ['9', '9', '9', '9']) await requestInDialog(ours, { method: 'INFO', headers: { 'Content-Type': 'application/dtmf-relay' }, body: `Signal=${key}\r\nDuration=100\r\n` });
    t.strictSame(keys, ['*', '3', '9', '9', '9', '9']);
    while (!/by="dtmf caller"/u.test(bed.offers.at(-1) ?? '')) await bed.offered(bed.offers.length + 1);
    await hangUp(ours);
    await bed.ended();
    t.ok(lines.length > 0);
    for (const where of [lines.join(''), JSON.stringify(bed.ledger), bed.offers.join('')]) t.notMatch(where, /Signal|dtmf-relay|"[0-9*#]"/u);
    t.equal(/<control[^>]* dtmf="masked"/u.test(bed.offers[0] ?? ''), dtmfMasked);
  });
}

t.test('a call on demand that no recorder took and nobody asked for is not lost but excluded', async (t) => {
  const bed = await openBed(t, { policy: { otherwise: { record: 'on-demand' } }, recorder: (_request, response) => response.send(503) });
  const answered = answers(bed);
  const ours = await bed.call();
  await answered;
  await hangUp(ours);
  t.match(await bed.ended(), { outcome: 'answered', recording: 'excluded', reason: 'on demand: nobody asked' });
});

t.test('of a group of recorders one keeps silent and one is not there: the third has the call, and the caller has not waited', async (t) => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const lines: string[] = [];
  const bed = await openBed(t, { recordersBefore: [`sip:silent@127.0.0.1:${silent.address().port}`, `sip:gone@127.0.0.1:${await freePort()};transport=tcp`], logTo: (line) => lines.push(line) });
  const answered = answers(bed);
  const ours = await bed.call();
  await answered;
  await bed.offered(1);
  t.match(lines.join(''), /silent@127.0.0.1:\d+ did not answer in time[^]*gone@127.0.0.1:\d+;transport=tcp/u);
  await hangUp(ours);
  t.strictSame((await bed.ended()).recording, undefined, 'not lost: the stitcher will say');
});

t.test('for how long the recording is kept travels to ledger and recorder, and the ledger has the tags when the call ends', async (t) => {
  const bed = await openBed(t, { policy: { otherwise: { record: 'always', retention: 'long' } }, retention: { long: { days: 2 } } });
  const answered = answers(bed);
  const ours = await bed.call();
  await answered;
  await bed.offered(1);
  const { startedAtMs = 0, sessionId = '' } = bed.ledger[0]?.began ?? {};
  const untilMs = startedAtMs + 2 * 86_400_000;
  t.strictSame(bed.ledger[0]?.began.retention, { class: 'long', untilMs });
  t.match(bed.offers[0], `retention="long" until="${new Date(untilMs).toISOString()}"`);
  bed.proxy.running.command(sessionId, { command: 'tag', name: 'ticket', value: '7' }, 'api');
  await hangUp(ours);
  t.strictSame((await bed.ended()).tags, { ticket: '7' });
});

t.test('on demand the parties are told when somebody asks for the recording, and what came of it stands in the ledger', async (t) => {
  for (const asked of [true, false]) {
    const bed = await openBed(t, { policy: { otherwise: { record: 'on-demand', announcement: { name: 'none', to: 'caller' } } } });
    const answered = answers(bed);
    const dialog = await bed.call();
    await answered;
    await bed.offered(1);
    const [sessionId = ''] = bed.proxy.running.list().map((call) => call.sessionId);
    if (asked) bed.proxy.running.command(sessionId, { command: 'start' }, 'api');
    await hangUp(dialog);
    t.equal((await bed.ended()).announced, asked ? 'announcement none: not played (the configuration has none of that name)' : undefined);
  }
});
