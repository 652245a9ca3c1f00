/** Weak points of drachtio-server that this edge does not share, each with the client that would meet it. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { MAX_FRAME_BYTES } from './app/frame-reader.js';
import { connectApp, failureOf, finalResponse, later, openParty, openQuietEdge, quick, sdp, until } from './party.fixture.js';
import { isRequest, isResponse, openRawTcp, openRawUdp, rawCall, rawResponse } from './raw-peer.fixture.js';
import { openAuthenticated, openRawApp } from './raw-app.fixture.js';

t.test('nothing is done for an application that has not authenticated (drachtio-server obeys it)', async (t) => {
  const edge = await openQuietEdge(t);
  const peer = await openRawUdp(t);
  for (const command of ['route|invite', `sip||\r\nOPTIONS sip:x@127.0.0.1:${peer.port} SIP/2.0\r\n\r\n`, 'remove_route|invite', 'proxy|x||||serial|||sip:a@b']) {
    const app = await openRawApp(t, edge);
    app.send(`m1|${command}`);
    await app.take('response', 'm1', 'NO', 'not authenticated');
    await app.ended;
  }
  t.equal(peer.texts.length, 0);
});

t.test('frames over 12,228 bytes get through, up to a bound (drachtio-server wedges); beyond it there is an error', async (t) => {
  const [party, callee] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  callee.srf.use('message', (request, response) => response.send(200, { body: request.body, headers: { 'Content-Type': 'text/plain' } }));
  const body = 'x'.repeat(60_000);
  const answer = await finalResponse(await party.srf.request(callee.uri('tcp'), { method: 'MESSAGE', body, headers: { 'Content-Type': 'text/plain' } }));
  t.equal(answer.body, body);
  const app = await openAuthenticated(t, party.edge);
  app.send(`m1|ping\r\n${'x'.repeat(MAX_FRAME_BYTES - 9)}`);
  await app.take('response', 'm1', 'OK');
  app.write(`${MAX_FRAME_BYTES + 1}#`);
  const { tokens } = await app.take('response', '', 'NO');
  t.equal(tokens[4], 'frame-too-large');
  await app.ended;
});

t.test('an INVITE that its application never answers is answered 480 in the end (drachtio-server forgets it)', async (t) => {
  const party = await openParty(t, { timing: { ...quick.timing, unansweredMs: 100, ringingMs: 200 } });
  const caller = await openParty(t, quick);
  party.srf.invite((request, response) => {
    if (request.uri.includes('rings')) response.send(180);
  });
  t.equal(await failureOf(caller.srf.createUAC(party.uri(), { localSdp: sdp('x') })), 480);
  t.equal(await failureOf(caller.srf.createUAC(party.uri('udp', 'rings'), { localSdp: sdp('x') })), 480);
});

t.test('an INVITE whose application disconnects is answered 503 (drachtio-server says nothing)', async (t) => {
  const edge = await openQuietEdge(t, quick);
  const [app, caller] = [await openAuthenticated(t, edge, ['invite']), await openParty(t, quick)];
  const calling = failureOf(caller.srf.createUAC(`sip:x@127.0.0.1:${edge.listening[0]?.port ?? 0}`, { localSdp: sdp('x') }));
  await app.take('sip', 'network');
  app.close();
  t.equal(await calling, 503);
});

t.test('remove_route takes back the verb it names (drachtio-server takes them all)', async (t) => {
  const [party, caller] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  for (const method of ['options', 'message']) party.srf.use(method, (_request, response) => response.send(200));
  const ask = async (method: string): Promise<number> => (await finalResponse(await caller.srf.request(party.uri(), { method }))).status;
  t.strictSame([await ask('OPTIONS'), await ask('MESSAGE')], [200, 200]);
  (party.srf as unknown as { unregisterForMessages(verb: string): void }).unregisterForMessages('options');
  await until('it is taken back', async () => (await ask('OPTIONS')) === 503);
  t.equal(await ask('MESSAGE'), 200);
});

t.test('a proxy command with more targets than there is room for is refused (drachtio-server overruns its memory)', async (t) => {
  const [party, caller] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  const failed = later<unknown>();
  party.srf.invite((request) => {
    const targets = Array.from({ length: 21 }, (_none, i) => `sip:x@127.0.0.1:${20_000 + i}`);
    party.srf.proxyRequest(request, targets).catch(failed.settle);
  });
  t.equal(await failureOf(caller.srf.createUAC(party.uri(), { localSdp: sdp('x') })), 500);
  t.match(String(await failed.value), /too-many-targets/u);
});

t.test('finalTimeout is honoured (drachtio-server ignores it): the target is cancelled, the next one tried', async (t) => {
  const [party, caller, next, ringing] = await Promise.all([openParty(t, quick), openParty(t, quick), openParty(t, quick), openRawUdp(t)]);
  next.srf.invite((_request, response) => response.send(486));
  party.srf.invite((request) => void party.srf.proxyRequest(request, [`sip:x@127.0.0.1:${ringing.port}`, next.uri()], { finalTimeout: '100ms' }));
  const calling = failureOf(caller.srf.createUAC(party.uri(), { localSdp: sdp('x') }));
  const invite = await ringing.take('INVITE', isRequest('INVITE'));
  ringing.send(rawResponse(invite, 180, 'Ringing', { tag: 'r' }), party.port());
  ringing.send(rawResponse(await ringing.take('CANCEL', isRequest('CANCEL')), 200, 'OK'), party.port());
  ringing.send(rawResponse(invite, 487, 'Request Terminated', { tag: 'r' }), party.port());
  t.equal(await calling, 486);
});

t.test('an application that does not read is cut off at a bound, and the others go on (drachtio-server grows)', async (t) => {
  const edge = await openQuietEdge(t, { ...quick, maxUnreadBytes: 100_000 });
  const [deaf, peer] = [await openAuthenticated(t, edge, ['message']), await openRawTcp(t, edge.listening[1]?.port ?? 0)];
  deaf.pause();
  const uri = `sip:x@127.0.0.1:${edge.listening[1]?.port ?? 0};transport=tcp`;
  const body = 'x'.repeat(30_000);
  // Once it is cut off, what it had is answered 503, and what comes is, too.
  await until('it is cut off', () => {
    for (let i = 0; i < 20; i += 1) peer.send(rawCall(peer.port, uri, 'TCP').request('MESSAGE', { body }));
    return peer.left.some(isResponse(503));
  }, 20_000);
  const [reading, caller] = [await connectApp(t, edge), await openParty(t, quick)];
  reading.use('options', (_request, response) => response.send(200));
  const answer = await finalResponse(await caller.srf.request(`sip:x@127.0.0.1:${edge.listening[0]?.port ?? 0}`, { method: 'OPTIONS' }));
  t.equal(answer.status, 200);
});

t.test('an edge closes at once, whatever is connected or under way', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const edge = await openQuietEdge(t, {}, { requestHandlers: [{ method: 'MESSAGE', url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` }, { method: 'INFO', url: `tcp://127.0.0.1:${(silent.address() as AddressInfo).port}` }] });
  const [app, idle, peer] = [await openAuthenticated(t, edge, ['invite']), await openRawApp(t, edge), await openRawUdp(t)];
  const port = edge.listening[0]?.port ?? 0;
  for (const method of ['INVITE', 'MESSAGE', 'INFO']) peer.send(rawCall(peer.port, `sip:x@127.0.0.1:${port}`).request(method), port);
  await app.take('sip', 'network');
  await edge.close();
  await Promise.all([app.ended, idle.ended]);
});
