import t, { type Test } from 'tap';
import type { EdgeOptions } from './edge-options.js';
import { connectApp, failureOf, later, next, openParty, quick, sdp, until, type Party, type SrfDialog, type SrfMessage, type SrfRequest } from './party.fixture.js';
import { isResponse, openRawUdp, rawCall, toOf } from './raw-peer.fixture.js';
import { openAuthenticated } from './raw-app.fixture.js';

interface Recorded extends Party {
  /** Every record so far: `event source detail METHOD-or-status`. */
  readonly records: readonly string[];
  /** Waits for as many records as there are names, and compares. */
  hold(t: Test, ...expected: string[]): Promise<void>;
}

const what = (message: SrfMessage): string => message.raw.startsWith('SIP/2.0') ? message.raw.slice(8, 11) : message.raw.slice(0, message.raw.indexOf(' '));

/** A party whose application asks for all call records. */
async function openRecorded(t: Test, options: Partial<EdgeOptions> = { cdrs: true }): Promise<Recorded> {
  const party = await openParty(t, quick, options);
  const records: string[] = [];
  const { srf } = party;
  srf.on('cdr:attempt', (source: string, _time: string, message: SrfMessage) => records.push(`attempt ${source} ${what(message)}`));
  for (const event of ['start', 'stop']) {
    srf.on(`cdr:${event}`, (source: string, time: string, detail: string, message: SrfMessage) => {
      t.match(time, /^\d\d:\d\d:\d\d\.\d{6}$/u);
      records.push(`${event} ${source} ${detail} ${what(message)}`);
    });
  }
  return {
    ...party,
    records,
    hold: async (t, ...expected) => {
      await until(`${expected.length} records, of which there are: ${records.join(', ')}`, () => records.length >= expected.length);
      t.strictSame(records, expected);
    },
  };
}

const answers = (party: Party): Promise<SrfDialog> => {
  const { value, settle } = later<SrfDialog>();
  party.srf.invite((request, response) => void party.srf.createUAS(request, response, { localSdp: sdp('y') }).then(settle));
  return value;
};

t.test('records of a call that an application answered, and of one it made; whoever ends it', async (t) => {
  const [us, them] = await Promise.all([openRecorded(t), openRecorded(t)]);
  const answered = answers(them);
  const dialog = await us.srf.createUAC(them.uri(), { localSdp: sdp('x') });
  await next(await answered, 'ack');
  await dialog.destroy();
  await us.hold(t, 'attempt application INVITE', 'start network uac 200', 'stop application normal-release BYE');
  await them.hold(t, 'attempt network INVITE', 'start application uas 200', 'stop network normal-release BYE');
});

t.test('the one that answered hangs up', async (t) => {
  const [us, them] = await Promise.all([openRecorded(t), openRecorded(t)]);
  const answered = answers(them);
  await us.srf.createUAC(them.uri(), { localSdp: sdp('x') });
  await (await answered).destroy();
  await us.hold(t, 'attempt application INVITE', 'start network uac 200', 'stop network normal-release BYE');
  await them.hold(t, 'attempt network INVITE', 'start application uas 200', 'stop application normal-release BYE');
});

t.test('a re-INVITE is no call of its own', async (t) => {
  const [us, them] = await Promise.all([openRecorded(t), openRecorded(t)]);
  void answers(them);
  const dialog = await us.srf.createUAC(them.uri(), { localSdp: sdp('x') });
  await dialog.modify(sdp('z'));
  await dialog.destroy();
  await us.hold(t, 'attempt application INVITE', 'start network uac 200', 'stop application normal-release BYE');
  await them.hold(t, 'attempt network INVITE', 'start application uas 200', 'stop network normal-release BYE');
});

t.test('a call rejected, and one cancelled', async (t) => {
  const [us, them] = await Promise.all([openRecorded(t), openRecorded(t)]);
  const ringing = later<SrfRequest>();
  them.srf.invite((request, response) => {
    if (request.uri.includes('busy')) response.send(486);
    else response.send(180, {}, () => ringing.settle(request));
  });
  t.equal(await failureOf(us.srf.createUAC(them.uri('udp', 'busy'), { localSdp: sdp('x') })), 486);
  const sent = later<SrfRequest>();
  const call = failureOf(us.srf.createUAC(them.uri(), { localSdp: sdp('x') }, { cbRequest: (_error: unknown, request: SrfRequest) => sent.settle(request) }));
  await ringing.value;
  (await sent.value).cancel();
  t.equal(await call, 487);
  await us.hold(t, 'attempt application INVITE', 'stop network call-rejected 486', 'attempt application INVITE', 'stop network call-canceled 487');
  await them.hold(t, 'attempt network INVITE', 'stop application call-rejected 486', 'attempt network INVITE', 'stop network call-canceled INVITE');
});

t.test('a call that nobody takes is an attempt that was rejected', async (t) => {
  const [us, peer] = await Promise.all([openRecorded(t), openRawUdp(t)]);
  peer.send(rawCall(peer.port, us.uri()).request('INVITE', { body: sdp('x') }), us.port());
  await peer.take('503', isResponse(503));
  await us.hold(t, 'attempt network INVITE', 'stop application call-rejected 503');
});

t.test('a back-to-back call is recorded for each of its legs', async (t) => {
  const [caller, b2b, callee] = await Promise.all([openParty(t, quick), openRecorded(t), openParty(t, quick)]);
  void answers(callee);
  b2b.srf.invite((request, response) => void b2b.srf.createB2BUA(request, response, callee.uri(), { localSdpB: request.body }).then(({ uas, uac }) => {
    uas.on('destroy', () => void uac.destroy());
  }));
  const dialog = await caller.srf.createUAC(b2b.uri(), { localSdp: sdp('x') });
  await dialog.destroy();
  await b2b.hold(
    t, 'attempt network INVITE', 'attempt application INVITE', 'start network uac 200', 'start application uas 200',
    'stop network normal-release BYE', 'stop application normal-release BYE',
  );
});

t.test('a proxied call is recorded toward both sides, and its BYE as long as it comes through here', async (t) => {
  const [caller, proxy, callee] = await Promise.all([openParty(t, quick), openRecorded(t), openParty(t, quick)]);
  void answers(callee);
  proxy.srf.invite((request) => void proxy.srf.proxyRequest(request, [callee.uri()], { recordRoute: true }));
  const dialog = await caller.srf.createUAC(proxy.uri(), { localSdp: sdp('x') });
  await dialog.destroy();
  await proxy.hold(
    t, 'attempt network INVITE', 'attempt application INVITE', 'start network proxy-uac 200', 'start application proxy-uas 200',
    'stop network normal-release BYE', 'stop application normal-release BYE',
  );
});

t.test('a proxied call that a target rejects, one that is cancelled, one that goes nowhere', async (t) => {
  const [proxy, callee, peer] = await Promise.all([openRecorded(t), openParty(t, quick), openRawUdp(t)]);
  callee.srf.invite((request, response) => response.send(request.uri.includes('busy') ? 486 : 180));
  proxy.srf.invite((request) => {
    const [, user = ''] = /^sip:(\w+)@/u.exec(request.uri) ?? [];
    void proxy.srf.proxyRequest(request, user === 'nowhere' ? 'sip:x@host.invalid' : callee.uri('udp', user)).catch(() => undefined);
  });
  const expected: string[] = [];
  const busy = rawCall(peer.port, proxy.uri('udp', 'busy'));
  peer.send(busy.request('INVITE'), proxy.port());
  await peer.take('486', isResponse(486));
  expected.push('attempt network INVITE', 'attempt application INVITE', 'stop network call-rejected 486', 'stop application call-rejected 486');
  await proxy.hold(t, ...expected);
  const cancelled = rawCall(peer.port, proxy.uri('udp', 'rings'));
  peer.send(cancelled.request('INVITE'), proxy.port());
  await peer.take('180', isResponse(180));
  peer.send(cancelled.request('CANCEL'), proxy.port());
  await peer.take('487', isResponse(487));
  expected.push('attempt network INVITE', 'attempt application INVITE', 'stop application call-canceled 487', 'stop network call-canceled 487');
  await proxy.hold(t, ...expected);
  peer.send(rawCall(peer.port, proxy.uri('udp', 'nowhere')).request('INVITE'), proxy.port());
  await peer.take('500', isResponse(500));
  expected.push('attempt network INVITE', 'stop application call-rejected 500');
  await proxy.hold(t, ...expected);
});

t.test('a call that the edge ends by itself says so', async (t) => {
  const [us, peer] = await Promise.all([openRecorded(t), openRawUdp(t)]);
  const answered = answers(us);
  const call = rawCall(peer.port, us.uri());
  peer.send(call.request('INVITE', { body: sdp('x') }), us.port());
  const to = toOf(await peer.take('200', isResponse(200)));
  t.ok(to);
  await next(await answered, 'destroy');
  await us.hold(t, 'attempt network INVITE', 'start application uas 200', 'stop application system-initiated-termination BYE');
});

t.test('records come after the message they belong to, each to one application in turn, and only if the edge is to keep them', async (t) => {
  const [party, quiet] = await Promise.all([openParty(t, quick, { cdrs: true }), openRecorded(t, {})]);
  const [caller, second] = await Promise.all([openParty(t, quick), connectApp(t, party.edge)]);
  const seen = [0, 0];
  [party.srf, second].forEach((srf, index) => srf.on('cdr:attempt', () => {
    seen[index] = (seen[index] ?? 0) + 1;
  }));
  const app = await openAuthenticated(t, party.edge, ['invite', 'cdr:start']);
  for (let i = 0; i < 4; i += 1) {
    const calling = failureOf(caller.srf.createUAC(party.uri(), { localSdp: sdp('x') }));
    const { tokens } = await app.take('sip', 'network');
    app.send(`m${i}|sip|${tokens[8] ?? ''}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp('y')}`);
    await app.take('response', `m${i}`, 'OK');
    const start = await app.take('cdr:start', 'application');
    t.match(start.tokens, [/-/u, 'cdr:start', 'application', /^\d\d:\d\d:\d\d\.\d{6}$/u, 'uas']);
    t.match(start.text, /^SIP\/2\.0 200 OK\r\n/u);
    t.equal(await calling, 0);
    t.match((await app.take('sip', 'network')).text, /^ACK /u);
    t.strictSame(app.order.slice(-4), ['sip', 'response', 'cdr:start', 'sip']);
  }
  await until('both have been told', () => seen[0] === 2 && seen[1] === 2);
  quiet.srf.invite((_request, response) => response.send(486));
  t.equal(await failureOf(caller.srf.createUAC(quiet.uri(), { localSdp: sdp('x') })), 486);
  t.strictSame(quiet.records, []);
});
