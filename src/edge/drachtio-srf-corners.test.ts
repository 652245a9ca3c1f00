/** drachtio-srf's less trodden paths over the embedded edge. */
import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { connectApp, dialogsGone, failureOf, finalResponse, later, next, openParty, openQuietEdge, quick, sdp, until, type Party, type SrfDialog, type SrfRequest, type SrfResponse } from './party.fixture.js';
import { isRequest, openRawUdp, rawResponse } from './raw-peer.fixture.js';

const answers = (party: Party): Promise<SrfDialog> => {
  const { value, settle } = later<SrfDialog>();
  party.srf.invite((request, response) => void party.srf.createUAS(request, response, { localSdp: sdp('y') }).then(settle));
  return value;
};

t.test('srf.request carries method, headers and body there, and status, headers and body back', async (t) => {
  const [us, them] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  them.srf.use('publish', (request, response) => response.send(202, { headers: { 'X-Got': request.get('Event') }, body: request.body }));
  const request = await us.srf.request(them.uri(), { method: 'PUBLISH', headers: { Event: 'presence', 'Content-Type': 'text/plain' }, body: 'here' });
  const answer = await finalResponse(request);
  t.match(answer, { status: 202 });
  t.equal(answer.get('X-Got'), 'presence');
  t.equal(answer.body, 'here');
});

t.test('dialogs are found by id, and by Call-ID and From tag, on both sides', async (t) => {
  const [us, them] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  const answered = answers(them);
  const dialog = await us.srf.createUAC(them.uri(), { localSdp: sdp('x') });
  const uas = await answered;
  for (const [srf, each, tag] of [[us.srf, dialog, dialog.sip.localTag], [them.srf, uas, uas.sip.remoteTag]] as const) {
    t.equal(srf.findDialogById(each.id), each);
    t.equal(srf.findDialogByCallIDAndFromTag(each.sip.callId, tag), each);
  }
  await dialog.destroy();
  await dialogsGone(them.edge);
  t.equal(them.srf.findDialogById(uas.id), undefined);
});

t.test('on connecting an application is told where the edge can be reached, and its version', async (t) => {
  const edge = await openQuietEdge(t);
  const srf = await connectApp(t, edge);
  srf.disconnect();
  await next(srf, 'close');
  const told = later<unknown[]>();
  srf.on('connect', (...values: unknown[]) => told.settle(values));
  srf.connect({ host: '127.0.0.1', port: edge.admin.port, secret: 'cymru' });
  const [error, hostPorts, version, local] = await told.value;
  t.equal(error, null);
  t.equal(hostPorts, `udp/127.0.0.1:${edge.listening[0]?.port ?? 0},tcp/127.0.0.1:${edge.listening[1]?.port ?? 0}`);
  t.equal(local, hostPorts);
  t.match(version, /^v0\.9\./u);
});

t.test('a request says where it came in, and bears no session token', async (t) => {
  const [us, them] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  const asked = later<SrfRequest & { readonly receivedOn: string }>();
  them.srf.use('options', (request, response) => {
    asked.settle(request as SrfRequest & { receivedOn: string });
    response.send(200);
  });
  await finalResponse(await us.srf.request(them.uri(), { method: 'OPTIONS' }));
  const request = await asked.value;
  t.equal(request.receivedOn, `127.0.0.1:${them.port()}`);
  t.notOk(request.sessionToken);
  t.match(request.server.hostport, /udp\/127/u);
});

t.test('pings of an application that asks for them are answered', async (t) => {
  const edge = await openQuietEdge(t);
  const srf = await connectApp(t, edge, 'cymru', [], { enablePing: true, pingInterval: 5_000 });
  const { client } = (srf as unknown as { app: { client: { mapServer: Map<object, { pendingPingRequests: Set<string> }>; wp: { send(socket: object, text: string): string; mapTimerPing: Map<object, unknown> } } } }).app;
  const [[socket, state] = []] = [...client.mapServer];
  t.ok(socket !== undefined && client.wp.mapTimerPing.has(socket), 'the version is one that drachtio-srf pings');
  if (socket === undefined || state === undefined) return;
  // What its timer does, without waiting five seconds for it.
  state.pendingPingRequests.add(client.wp.send(socket, 'ping'));
  await until('the pong has come', () => state.pendingPingRequests.size === 0);
});

t.test('disconnect ends the connection cleanly', async (t) => {
  const edge = await openQuietEdge(t);
  const srf = await connectApp(t, edge);
  let reconnecting = false;
  srf.on('reconnecting', () => {
    reconnecting = true;
  });
  const closed = next(srf, 'close');
  srf.disconnect();
  await closed;
  t.equal(reconnecting, false);
});

const digest = (text: string): string => createHash('md5').update(text).digest('hex');

/** A registrar that lets in whoever knows the password, with that challenge. */
async function challenged(t: Test, method: string, status: 401 | 407): Promise<void> {
  const [us, them] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  const [ask, give] = status === 401 ? ['WWW-Authenticate', 'Authorization'] : ['Proxy-Authenticate', 'Proxy-Authorization'];
  const calls = new Set<string>();
  const sequence: number[] = [];
  them.srf.use(method.toLowerCase(), (request, response) => {
    calls.add(request.get('Call-ID'));
    sequence.push(parseInt(request.get('CSeq'), 10));
    const given = Object.fromEntries([...(request.has(give) ? request.get(give) : '').matchAll(/(\w+)="?([^",]+)"?/gu)].map(([, name = '', value = '']) => [name, value]));
    const expected = digest(`${digest('me:home:password')}:n1:${given['nc'] ?? ''}:${given['cnonce'] ?? ''}:auth:${digest(`${method}:${given['uri'] ?? ''}`)}`);
    if (given['response'] !== expected) response.send(status, { headers: { [ask]: 'Digest realm="home", nonce="n1", algorithm=MD5, qop="auth"' } });
    else if (method === 'INVITE') void them.srf.createUAS(request, response, { localSdp: sdp('y') });
    else response.send(200);
  });
  const auth = { username: 'me', password: 'password' };
  if (method === 'INVITE') {
    const dialog = await us.srf.createUAC(them.uri(), { localSdp: sdp('x'), auth });
    await dialog.destroy();
    t.equal(await failureOf(us.srf.createUAC(them.uri(), { localSdp: sdp('x'), auth: { ...auth, password: 'wrong' } })), status);
    t.equal(calls.size, 2);
  } else {
    const answered = later<SrfResponse>();
    const request = await us.srf.request(them.uri(), { method, auth });
    request.on('response', (response: SrfResponse) => answered.settle(response));
    t.equal((await answered.value).status, 200);
    t.equal(calls.size, 1, 'it is asked again under the same Call-ID (RFC 3261 §22.2)');
  }
  const [first = 0, second = 0] = sequence;
  t.equal(second, first + 1);
}

t.test('a 401 to REGISTER is answered with credentials', (t) => challenged(t, 'REGISTER', 401));
t.test('a 407 to INVITE is answered with credentials, and given up when they are wrong', (t) => challenged(t, 'INVITE', 407));

t.test('a challenge to a request in a dialog is answered, and the dialog stays one', async (t) => {
  const [us, peer] = await Promise.all([openParty(t, quick), openRawUdp(t)]);
  const calling = us.srf.createUAC(`sip:x@127.0.0.1:${peer.port}`, { localSdp: sdp('x'), auth: { username: 'me', password: 'password' } });
  const contact = `Contact: <sip:raw@127.0.0.1:${peer.port}>`;
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'one', headers: contact, body: sdp('y') }), us.port());
  const dialog = await calling;
  const bye = dialog.destroy();
  const first = await peer.take('BYE', isRequest('BYE'));
  peer.send(rawResponse(first, 407, 'Proxy Authentication Required', { headers: 'Proxy-Authenticate: Digest realm="home", nonce="n1", qop="auth"' }), us.port());
  const second = await peer.take('BYE with credentials', isRequest('BYE'));
  t.ok(second.headers.some((each) => each.key === 'proxy-authorization'));
  t.equal(second.toTag, 'one');
  t.equal(second.cseq.number, first.cseq.number + 1);
  peer.send(rawResponse(second, 200, 'OK'), us.port());
  await bye;
  await dialogsGone(us.edge);
});

t.test('req.proxy with all its options', async (t) => {
  const [proxy, caller, redirecting, target, silent] = await Promise.all([openParty(t, quick), openParty(t, quick), openParty(t, quick), openParty(t, quick), openRawUdp(t)]);
  redirecting.srf.invite((_request, response) => response.send(302, { headers: { Contact: `<${target.uri()}>` } }));
  const answered = answers(target);
  const done = later<{ connected: boolean; finalStatus?: number; responses: readonly { msgs: readonly { status: number }[] }[] }>();
  proxy.srf.invite((request) => {
    const proxying = request as SrfRequest & { proxy(options: object): Promise<Parameters<typeof done.settle>[0]> };
    void proxying.proxy({
      destination: [`sip:x@127.0.0.1:${silent.port}`, redirecting.uri()],
      remainInDialog: true, followRedirects: true, forking: 'sequential', provisionalTimeout: '100ms', finalTimeout: '2s',
      headers: { 'X-Added': 'yes' },
    }).then(done.settle);
  });
  const dialog = await caller.srf.createUAC(proxy.uri(), { localSdp: sdp('x') });
  const result = await done.value;
  t.match(result, { connected: true, finalStatus: 200 });
  t.strictSame(result.responses.flatMap((each) => each.msgs.map((message) => message.status)), [302, 200]);
  t.equal((await answered).req.get('X-Added'), 'yes');
  t.match((await answered).req.get('Record-Route'), /lr/u);
  await dialog.destroy();
  await dialogsGone(target.edge);
});

t.test('several instances in one process share an edge, each with its own calls', async (t) => {
  const [party, caller] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  const second = await connectApp(t, party.edge);
  const held: SrfDialog[][] = [[], []];
  [party.srf, second].forEach((srf, index) => srf.invite((request, response) => {
    void srf.createUAS(request, response, { localSdp: sdp(`${index}`) }).then((dialog) => held[index]?.push(dialog));
  }));
  const dialogs = [];
  for (let i = 0; i < 4; i += 1) dialogs.push(await caller.srf.createUAC(party.uri(), { localSdp: sdp('x') }));
  await until('each has two', () => held[0]?.length === 2 && held[1]?.length === 2);
  const third = await second.createUAC(caller.uri(), { localSdp: sdp('z') }).catch((error: unknown) => error);
  t.match(third, { status: 503 }, 'the caller’s edge has nobody who takes calls');
  for (const dialog of dialogs) t.equal((await dialog.request({ method: 'INFO' })).status, 200);
  await Promise.all(dialogs.map((dialog) => dialog.destroy()));
  await dialogsGone(party.edge);
});
