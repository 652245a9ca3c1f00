import { once } from 'node:events';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { headerOf, type SipMessage } from './message/sip-message.js';
import type { EdgeEnvironment } from './open-edge.js';
import {
  dialogsGone, failureOf, finalResponse, later, next, openParty, sdp, until, type Party, type ProxyResult, type SrfDialog, type SrfRequest,
} from './party.fixture.js';
import { isRequest, isResponse, openRawTcp, openRawUdp, rawCall, rawResponse, toOf, type RawPeer } from './raw-peer.fixture.js';
import { srvRecord, tableLookUps } from './transport/table-look-ups.fixture.js';

/** Timers so short that a timeout is worth waiting for: B and F are 320 ms. */
const hasty = { t1Ms: 5, t2Ms: 20, t4Ms: 20 };

/** The DNS of a cluster: its servers at these ports of this machine, in this order. */
const cluster = (ports: readonly number[], protocol: 'udp' | 'tcp' = 'udp') => tableLookUps({
  srv: { [`_sip._${protocol}.cluster.test`]: ports.map((port, i) => srvRecord(i, 0, port, 'host.test')) },
  addresses: { 'host.test': ['127.0.0.1'] },
});

/** A party that finds these peers under the name of cluster.test. */
const openBefore = (t: Test, peers: readonly { readonly port: number }[], environment: EdgeEnvironment = {}): Promise<Party> =>
  openParty(t, { lookUps: cluster(peers.map((peer) => peer.port)), ...environment });

const URI = 'sip:x@cluster.test';

/** A call that the first peer leaves or refuses and the second answers; its INVITEs and the dialog. */
async function answeredBySecond(party: Party, first: RawPeer, second: RawPeer, leave: (invite: SipMessage) => void): Promise<{ invites: SipMessage[]; dialog: SrfDialog }> {
  const calling = party.srf.createUAC(URI, { localSdp: sdp('x') });
  const one = await first.take('INVITE', isRequest('INVITE'));
  leave(one);
  const two = await second.take('INVITE', isRequest('INVITE'));
  second.send(rawResponse(two, 200, 'OK', { tag: 'two', headers: `Contact: <sip:two@127.0.0.1:${second.port}>`, body: sdp('y') }), party.port());
  const dialog = await calling;
  await second.take('ACK', isRequest('ACK'));
  return { invites: [one, two], dialog };
}

async function hangUp(party: Party, dialog: SrfDialog, peer: RawPeer): Promise<void> {
  void dialog.destroy();
  peer.send(rawResponse(await peer.take('BYE', isRequest('BYE')), 200, 'OK'), party.port());
  await dialogsGone(party.edge);
}

t.test('a 503 is acknowledged and the next server asked, with a branch and nothing else of its own (RFC 3263 §4.3)', async (t) => {
  const [first, second] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const party = await openBefore(t, [first, second]);
  const { invites, dialog } = await answeredBySecond(party, first, second, (invite) => {
    first.send(rawResponse(invite, 503, 'Service Unavailable', { tag: 'f' }), party.port());
  });
  await first.take('ACK', isRequest('ACK'));
  const [one, two] = invites;
  t.not(one?.via.branch, two?.via.branch);
  for (const key of ['call-id', 'from', 'to', 'cseq', 'contact', 'max-forwards']) t.equal(headerOf(two!, key), headerOf(one!, key), key);
  await hangUp(party, dialog, second);
});

t.test('a server that says nothing in 64 T1 is left for the next, and for 30 s not waited for again', async (t) => {
  const [first, second] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const party = await openBefore(t, [first, second], { timing: hasty });
  const { dialog } = await answeredBySecond(party, first, second, () => undefined);
  await hangUp(party, dialog, second);
  const before = first.texts.length;
  void party.srf.request(URI, { method: 'OPTIONS' });
  second.send(rawResponse(await second.take('OPTIONS', isRequest('OPTIONS')), 200, 'OK', { tag: 'o' }), party.port());
  t.equal(first.texts.length, before);
});

t.test('a server that cannot be reached is left for the next at once', async (t) => {
  const gone = createServer();
  gone.listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const at = gone.address();
  const port = typeof at === 'object' && at !== null ? at.port : 0;
  await new Promise((resolve) => gone.close(resolve));
  const callee = await openParty(t);
  const party = await openParty(t, { lookUps: cluster([port, callee.port('tcp')], 'tcp') });
  callee.srf.invite((_request, response) => response.send(486));
  t.equal(await failureOf(party.srf.createUAC(`${URI};transport=tcp`, { localSdp: sdp('x') })), 486);
});

t.test('when all have failed the application is told once: by the last 503, or 408 when the last kept silent', async (t) => {
  const [first, second] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const party = await openBefore(t, [first, second], { timing: hasty });
  const refused = failureOf(party.srf.createUAC(URI, { localSdp: sdp('x') }));
  for (const peer of [first, second]) peer.send(rawResponse(await peer.take('INVITE', isRequest('INVITE')), 503, 'No', { tag: 'n' }), party.port());
  t.equal(await refused, 503);
  const request: SrfRequest = await party.srf.request(URI, { method: 'OPTIONS' });
  t.equal((await finalResponse(request)).status, 408);
  for (const peer of [first, second]) t.ok(peer.left.some(isRequest('OPTIONS')));
});

t.test('what is no failure of the server goes to the application: a 503 after ringing, a 500, a 486', async (t) => {
  const [first, second] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const party = await openBefore(t, [first, second]);
  for (const [status, ringing] of [[503, true], [500, false], [486, false]] as const) {
    const refused = failureOf(party.srf.createUAC(URI, { localSdp: sdp('x') }));
    const invite = await first.take('INVITE', isRequest('INVITE'));
    if (ringing) first.send(rawResponse(invite, 180, 'Ringing', { tag: 'r' }), party.port());
    first.send(rawResponse(invite, status, 'No', { tag: 'r' }), party.port());
    t.equal(await refused, status);
  }
  t.equal(second.texts.length, 0);
});

t.test('a 503 with Retry-After keeps its sender out of the next requests', async (t) => {
  const [first, second] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const party = await openBefore(t, [first, second]);
  void party.srf.request(URI, { method: 'OPTIONS' });
  first.send(rawResponse(await first.take('OPTIONS', isRequest('OPTIONS')), 503, 'Later', { tag: 'f', headers: 'Retry-After: 20 (maintenance);duration=3' }), party.port());
  second.send(rawResponse(await second.take('OPTIONS', isRequest('OPTIONS')), 200, 'OK', { tag: 's' }), party.port());
  void party.srf.request(URI, { method: 'OPTIONS' });
  await second.take('OPTIONS', isRequest('OPTIONS'));
  t.equal(first.left.length, 0);
});

t.test('a CANCEL ends the search', async (t) => {
  const [first, second] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const party = await openBefore(t, [first, second]);
  const sent = later<SrfRequest>();
  const refused = failureOf(party.srf.createUAC(URI, { localSdp: sdp('x') }, { cbRequest: (_error: unknown, request: SrfRequest) => sent.settle(request) }));
  const invite = await first.take('INVITE', isRequest('INVITE'));
  first.send(rawResponse(invite, 100, 'Trying'), party.port());
  (await sent.value).cancel();
  const cancel = await first.take('CANCEL', isRequest('CANCEL'));
  t.equal(cancel.via.branch, invite.via.branch);
  first.send(rawResponse(cancel, 200, 'OK', { tag: 'c' }), party.port());
  first.send(rawResponse(invite, 503, 'No', { tag: 'c' }), party.port());
  t.equal(await refused, 503);
  t.equal(second.texts.length, 0);
});

t.test('a CANCEL after the search has moved on goes to where the call is', async (t) => {
  const [first, second] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const party = await openBefore(t, [first, second]);
  const sent = later<SrfRequest>();
  const refused = failureOf(party.srf.createUAC(URI, { localSdp: sdp('x') }, { cbRequest: (_error: unknown, request: SrfRequest) => sent.settle(request) }));
  first.send(rawResponse(await first.take('INVITE', isRequest('INVITE')), 503, 'No', { tag: 'f' }), party.port());
  const invite = await second.take('INVITE', isRequest('INVITE'));
  second.send(rawResponse(invite, 180, 'Ringing', { tag: 's' }), party.port());
  (await sent.value).cancel();
  const cancel = await second.take('CANCEL', isRequest('CANCEL'));
  t.equal(cancel.via.branch, invite.via.branch);
  second.send(rawResponse(cancel, 200, 'OK', { tag: 's' }), party.port());
  second.send(rawResponse(invite, 487, 'Terminated', { tag: 's' }), party.port());
  t.equal(await refused, 487);
});

t.test('each target of a proxy is searched by the same rules, and the next target comes after its last server', async (t) => {
  const [first, second, other, caller] = await Promise.all([openRawUdp(t), openRawUdp(t), openRawUdp(t), openRawUdp(t)]);
  const middle = await openBefore(t, [first, second]);
  const result = later<ProxyResult>();
  middle.srf.invite((request) => void middle.srf.proxyRequest(request, [URI, `sip:x@127.0.0.1:${other.port}`], { recordRoute: true }).then(result.settle));
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE', { body: sdp('x') }), middle.port());
  const one = await first.take('INVITE', isRequest('INVITE'));
  first.send(rawResponse(one, 503, 'No', { tag: 'f' }), middle.port());
  await first.take('ACK', isRequest('ACK'));
  const two = await second.take('INVITE', isRequest('INVITE'));
  t.not(two.via.branch, one.via.branch);
  second.send(rawResponse(two, 486, 'Busy', { tag: 's' }), middle.port());
  const three = await other.take('INVITE', isRequest('INVITE'));
  other.send(rawResponse(three, 200, 'OK', { tag: 'o', headers: `Contact: <sip:x@127.0.0.1:${other.port}>`, body: sdp('y') }), middle.port());
  const ok = await caller.take('200', isResponse(200));
  t.equal(ok.toTag, 'o');
  t.match(await result.value, { finalStatus: 200 });
});

t.test('a caller that cancels what is proxied ends the search', async (t) => {
  const [first, second, caller] = await Promise.all([openRawUdp(t), openRawUdp(t), openRawUdp(t)]);
  const middle = await openBefore(t, [first, second], { timing: hasty });
  const result = later<ProxyResult>();
  middle.srf.invite((request) => void middle.srf.proxyRequest(request, URI).then(result.settle));
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE', { body: sdp('x') }), middle.port());
  await first.take('INVITE', isRequest('INVITE'));
  caller.send(call.request('CANCEL'), middle.port());
  const refused = await caller.take('487', isResponse(487));
  caller.send(call.request('ACK', { to: toOf(refused) }), middle.port());
  await result.value;
  t.equal(second.texts.length, 0);
});

/** A body that makes any request larger than 1,300 bytes. */
const large = `${sdp('large')}a=x:${'x'.repeat(1_300)}\r\n`;

t.test('a request too large for UDP goes by TCP, with Via and Contact of TCP (RFC 3261 §18.1.1)', async (t) => {
  const [party, callee, small] = await Promise.all([openParty(t), listensOnBoth(t), openRawUdp(t)]);
  callee.srf.invite((request, response) => {
    t.equal(request.protocol, 'tcp');
    t.match(request.get('Via'), /^SIP\/2\.0\/TCP /u);
    t.match(request.get('Contact'), ';transport=tcp');
    void callee.srf.createUAS(request, response, { localSdp: sdp('y') });
  });
  const dialog = await party.srf.createUAC(callee.uri(), { localSdp: large });
  await dialog.destroy();
  void party.srf.request(`sip:x@127.0.0.1:${small.port}`, { method: 'OPTIONS' });
  await small.take('OPTIONS', isRequest('OPTIONS'));
});

/** A party whose UDP and TCP have the same port, as real ones have. */
async function listensOnBoth(t: Test): Promise<Party> {
  for (let tries = 0; ; tries += 1) {
    const peer = await openRawUdp(t);
    const port = peer.port + 1;
    const listen = [{ transport: 'udp', host: '127.0.0.1', port }, { transport: 'tcp', host: '127.0.0.1', port }] as const;
    const party = await openParty(t, {}, { listen }).catch((thrown: unknown) => {
      if (tries > 20) throw thrown;
    });
    if (party !== undefined) return party;
  }
}

t.test('where nobody takes a TCP connection it goes by UDP after all, and TCP is not tried again for a while', async (t) => {
  const [party, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const uri = `sip:x@127.0.0.1:${peer.port}`;
  for (let i = 0; i < 2; i += 1) {
    const refused = failureOf(party.srf.createUAC(uri, { localSdp: large }));
    const invite = await peer.take('INVITE', isRequest('INVITE'));
    t.match(headerOf(invite, 'via'), /^SIP\/2\.0\/UDP /u);
    t.notMatch(headerOf(invite, 'contact'), 'transport=tcp');
    peer.send(rawResponse(invite, 486, 'Busy', { tag: 'b' }), party.port());
    t.equal(await refused, 486);
    if (i > 0) continue;
    // From now on somebody would take the connection.
    const late = createServer(() => t.fail('TCP was tried again'));
    late.listen(peer.port, '127.0.0.1');
    await once(late, 'listening');
    t.teardown(() => late.close());
  }
});

t.test('a transport that is named is kept, however large the request', async (t) => {
  const [party, callee] = await Promise.all([openParty(t), listensOnBoth(t)]);
  callee.srf.invite((request, response) => {
    t.equal(request.protocol, 'udp');
    response.send(486);
  });
  t.equal(await failureOf(party.srf.createUAC(`${callee.uri()};transport=udp`, { localSdp: large })), 486);
});

t.test('a large request that is proxied goes by TCP, and its Record-Route names both places (RFC 5658)', async (t) => {
  const [caller, middle, callee] = await Promise.all([openParty(t), openParty(t), listensOnBoth(t)]);
  middle.srf.invite((request) => void middle.srf.proxyRequest(request, callee.uri(), { recordRoute: true }));
  const answered = later<SrfDialog>();
  callee.srf.invite((request, response) => {
    t.equal(request.protocol, 'tcp');
    t.match(request.get('Record-Route'), `<sip:127.0.0.1:${middle.port('tcp')};transport=tcp;lr>`);
    void callee.srf.createUAS(request, response, { localSdp: sdp('y') }).then(answered.settle);
  });
  const dialog = await caller.srf.createUAC(`${middle.uri()};transport=udp`, { localSdp: large });
  const far = await answered.value;
  const ended = next(dialog, 'destroy');
  await far.destroy();
  await ended;
  await Promise.all([dialogsGone(caller.edge), dialogsGone(callee.edge)]);
});

/** A TCP server at an address of this machine, and what it is told. */
async function openListening(t: Test, host: string): Promise<{ readonly port: number; readonly told: string[] }> {
  const told: string[] = [];
  const server = createServer((socket) => {
    socket.on('data', (chunk: Buffer) => told.push(chunk.toString()));
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const at = server.address();
  return { port: typeof at === 'object' && at !== null ? at.port : 0, told };
}

for (const [how, via, host] of [['to the port of the Via', '127.0.0.1', '127.0.0.1'], ['to where the name in the Via leads', 'peer.test', '127.0.0.2']] as const) {
  t.test(`a response whose connection is gone takes a new one ${how} (RFC 3261 §18.2.2, RFC 3263 §5)`, async (t) => {
    const listening = await openListening(t, host);
    const party = await openParty(t, { lookUps: tableLookUps({ addresses: { 'peer.test': ['127.0.0.2'] } }) });
    const pending = later<() => void>();
    party.srf.use('options', (_request, response) => pending.settle(() => response.send(200)));
    const peer = await openRawTcp(t, party.port('tcp'));
    peer.send(rawCall(listening.port, party.uri('tcp'), 'TCP').request('OPTIONS').replace(`TCP 127.0.0.1:`, `TCP ${via}:`));
    const answer = await pending.value;
    peer.end();
    await peer.closed;
    answer();
    await until('the answer has come', () => listening.told.length > 0);
    t.match(listening.told[0], /^SIP\/2\.0 200 /u);
  });
}
