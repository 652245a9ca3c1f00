import { createSocket } from 'node:dgram';
import t, { type Test } from 'tap';
import fc from 'fast-check';
import { Failure } from '../errors/index.js';
import { openEdge, spawnEdge } from './index.js';
import { isRequest, isResponse, openRawTcp, openRawUdp, rawCall, rawResponse, toOf } from './raw-peer.fixture.js';
import { headerOf, type SipMessage } from './message/sip-message.js';
import { connectApp, failureOf, later, openParty, sdp, until, type Party } from './party.fixture.js';

/** A call that an application answers, from a raw peer: the proof that an edge still works. */
async function callWorks(test: Test, party: Party): Promise<void> {
  const caller = await openParty(test);
  party.srf.invite((request, response) => void party.srf.createUAS(request, response, { localSdp: sdp('y') }));
  const dialog = await caller.srf.createUAC(party.uri(), { localSdp: sdp('x') });
  await dialog.destroy();
}

t.test('garbage in datagrams is counted, answered 400 where it can be, and a call right after works', async (t) => {
  const [party, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const samples = fc.sample(fc.uint8Array({ maxLength: 200 }), { numRuns: 300, seed: 7 });
  for (const bytes of samples) peer.send(Buffer.from(bytes).toString('latin1'), party.port());
  const call = rawCall(peer.port, party.uri());
  const invite = call.request('INVITE', { body: sdp('x') });
  for (let i = 0; i < invite.length; i += 7) peer.send(invite.slice(0, i), party.port());
  await until('all is counted', async () => Object.values((await party.edge.stats()).malformed).reduce((sum, count) => sum + count, 0) > 200);
  peer.send(call.request('OPTIONS').replace('CSeq: 1 OPTIONS', 'CSeq: 1 INFO'), party.port());
  await peer.take('400', isResponse(400));
  await callWorks(t, party);
  t.equal((await party.edge.stats()).transactions < 20, true);
});

t.test('garbage and half a message in streams close only their own connection', async (t) => {
  const party = await openParty(t);
  const [garbage, half, huge] = await Promise.all([openRawTcp(t, party.port('tcp')), openRawTcp(t, party.port('tcp')), openRawTcp(t, party.port('tcp'))]);
  half.send('INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP');
  garbage.send('GET / HTTP/1.1\r\nContent-Length: what\r\n\r\n');
  huge.send('x'.repeat(70_000));
  await Promise.all([garbage.closed, huge.closed]);
  await callWorks(t, party);
  t.equal((await party.edge.stats()).malformed['bad-framing'], 2);
});

t.test('sources outside the list are dropped without any answer', async (t) => {
  const [silent, open, peer] = await Promise.all([
    openParty(t, {}, { silentUnless: ['192.0.2.0/24', '2001:db8::/32'] }), openParty(t, {}, { silentUnless: ['127.0.0.0/8'] }), openRawUdp(t),
  ]);
  for (const party of [silent, open]) peer.send(rawCall(peer.port, party.uri()).request('INVITE'), party.port());
  await peer.take('503', isResponse(503));
  peer.send(rawCall(peer.port, silent.uri()).request('OPTIONS').replace('OPTIONS\r\n', 'X\r\n'), silent.port());
  await until('both are counted', async () => (await silent.edge.stats()).droppedSources === 2);
  t.equal(peer.left.filter((each) => each.kind === 'response' && each.status !== 100).length, 0);
  // What such an edge itself calls may answer, and speak in the dialog.
  const calling = silent.srf.createUAC(`sip:raw@127.0.0.1:${peer.port}`, { localSdp: sdp('x') });
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'k', headers: `Contact: <sip:raw@127.0.0.1:${peer.port}>`, body: sdp('y') }), silent.port());
  const dialog = await calling;
  const bye = rawCall(peer.port, silent.uri()).request('BYE')
    .replace(/Call-ID: .*/u, `Call-ID: ${invite.callId}`).replace(/From: .*/u, `From: <sip:raw@x>;tag=k`).replace(/To: .*/u, `To: <sip:y@x>;tag=${invite.fromTag}`);
  peer.send(bye, silent.port());
  await peer.take('200 to BYE', isResponse(200, 'BYE'));
  t.equal(dialog.connected, false);
});

t.test('beyond the bounds on transactions and dialogs requests are answered 503', async (t) => {
  const [few, one, peer] = await Promise.all([openParty(t, { maxTransactions: 2 }), openParty(t, { maxDialogs: 1 }), openRawUdp(t)]);
  few.srf.use('options', () => undefined);
  await until('two are kept and the third is refused', () => {
    peer.send(rawCall(peer.port, few.uri()).request('OPTIONS'), few.port());
    return peer.left.some(isResponse(503));
  });
  t.equal((await few.edge.stats()).transactions, 2);
  await t.rejects(few.srf.request(`sip:raw@127.0.0.1:${peer.port}`, { method: 'OPTIONS' }), /too many/u);
  one.srf.invite((request, response) => void one.srf.createUAS(request, response, { localSdp: sdp('y') }));
  peer.send(rawCall(peer.port, one.uri()).request('INVITE', { body: sdp('x') }), one.port());
  await peer.take('200', isResponse(200));
  const second = rawCall(peer.port, one.uri());
  peer.send(second.request('INVITE', { body: sdp('x') }), one.port());
  await peer.take('503', (message) => isResponse(503)(message) && message.callId === second.callId);
  await t.rejects(one.srf.createUAC(`sip:raw@127.0.0.1:${peer.port}`, { localSdp: sdp('z') }), /too many/u);
});

t.test('an edge with no time left answers new requests 503 with Retry-After, keeps nothing of them, and still ends a call', async (t) => {
  const load = { busy: 0, waitMs: 0, memory: 0 };
  const [party, peer] = await Promise.all([openParty(t, { load: () => load }), openRawUdp(t)]);
  party.srf.invite((request, response) => void party.srf.createUAS(request, response, { localSdp: sdp('y') }));
  const call = rawCall(peer.port, party.uri());
  peer.send(call.request('INVITE', { body: sdp('x') }), party.port());
  const answer = await peer.take('200', isResponse(200));
  load.memory = 1;
  let refused: SipMessage | undefined;
  await until('a new call is turned away', async () => {
    const next = rawCall(peer.port, party.uri());
    peer.send(next.request('INVITE', { body: sdp('x') }), party.port());
    const reply = await peer.take('an answer', (each) => each.kind === 'response' && each.callId === next.callId && each.status !== 100);
    if (isResponse(503)(reply)) refused = reply;
    return refused !== undefined;
  });
  t.match(headerOf(refused ?? answer, 'retry-after'), /^\d+$/u);
  const { transactions, turnedAway } = await party.edge.stats();
  t.ok(turnedAway.overload > 0);
  peer.send(call.request('ACK', { to: toOf(answer) }), party.port());
  peer.send(call.request('BYE', { to: toOf(answer), cseq: 2, branch: `${call.branch}b` }), party.port());
  await peer.take('200 to the BYE', isResponse(200, 'BYE'));
  t.ok((await party.edge.stats()).transactions <= transactions + 1);
});

t.test('a source that sends more than it may is told so, then ignored, and others are not touched', async (t) => {
  const limited = { sourceLimit: { perSecond: 0.001, burst: 2, except: ['127.0.0.2'] } };
  const [party, peer] = await Promise.all([openParty(t, {}, limited), openRawUdp(t)]);
  party.srf.use('options', (_request, response) => response.send(200));
  for (let i = 0; i < 6; i += 1) peer.send(rawCall(peer.port, party.uri()).request('OPTIONS'), party.port());
  await until('all are counted', async () => (await party.edge.stats()).turnedAway.sourceRate === 4);
  await peer.take('200', isResponse(200));
  await peer.take('200', isResponse(200));
  await peer.take('503', isResponse(503));
  await peer.take('503', isResponse(503));
  peer.send('OPTIONS sip:x SIP/2.0\r\nVia: what\r\n\r\n', party.port());
  await until('what can\'t be read is counted with the rest', async () => (await party.edge.stats()).received === 7);
  t.strictSame(peer.left.filter((each) => each.kind === 'response').length, 0);
});

t.test('an address in use and a list entry of no address are failures that say what to do', async (t) => {
  const taken = createSocket('udp4');
  taken.bind(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.teardown(() => taken.close());
  const base = { listen: [{ transport: 'udp' as const, host: '127.0.0.1', port: taken.address().port }], admin: { host: '127.0.0.1', port: 0 }, secret: 'x' };
  for (const open of [openEdge, spawnEdge]) {
    const failure = await open(base).then(() => undefined, (thrown: unknown) => thrown);
    t.ok(failure instanceof Failure);
    t.match(failure, { code: 'EDGE_LISTEN', message: new RegExp(`udp 127\\.0\\.0\\.1:${taken.address().port}: another process .*sip\\.listen`, 'u') });
  }
  const party = await openParty(t);
  await t.rejects(openEdge({ ...base, listen: [], admin: party.edge.admin }), { code: 'EDGE_LISTEN', message: /sip\.drachtio/u });
  await t.rejects(openEdge({ ...base, listen: [], silentUnless: ['10.0.0.0/33'] }), { code: 'CONFIG_INVALID' });
});

t.test('an edge in a thread of its own carries calls, counts them and closes', async (t) => {
  const edge = await spawnEdge({
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }], admin: { host: '127.0.0.1', port: 0 }, secret: 'cymru',
  });
  t.teardown(() => edge.close());
  const srf = await connectApp(t, edge);
  const caller = await openParty(t);
  srf.invite((_request, response) => response.send(486));
  t.equal(await failureOf(caller.srf.createUAC(`sip:x@127.0.0.1:${edge.listening[0]?.port ?? 0}`, { localSdp: sdp('x') })), 486);
  // The ACK to the 486 is the edge's own affair: it comes when it comes.
  await until('INVITE and ACK are counted', async () => (await edge.stats()).received === 2, 8_000);
});

t.test('whom an edge hears can be changed while it runs, and a change that makes no sense changes nothing', async (t) => {
  const base = { listen: [{ transport: 'udp' as const, host: '127.0.0.1', port: 0 }], admin: { host: '127.0.0.1', port: 0 }, secret: 'x' };
  const peer = await openRawUdp(t);
  for (const open of [openEdge, spawnEdge]) {
    const edge = await open({ ...base, silentUnless: ['192.0.2.1'] });
    t.teardown(() => edge.close());
    const port = edge.listening[0]?.port ?? 0;
    const ask = (): void => peer.send(rawCall(peer.port, `sip:x@127.0.0.1:${port}`).request('OPTIONS'), port);
    ask();
    await until('it is dropped', async () => (await edge.stats()).droppedSources === 1);
    await edge.setSources({ silentUnless: ['192.0.2.1', '127.0.0.1'] });
    await t.rejects(edge.setSources({ silentUnless: ['nowhere'] }), { code: 'CONFIG_INVALID' });
    ask();
    await peer.take('503, for no application is there', isResponse(503));
    await edge.setSources({ sourceLimit: { perSecond: 0.001, burst: 1, except: [] } });
    for (let i = 0; i < 3; i += 1) ask();
    await until('one is over the limit', async () => (await edge.stats()).turnedAway.sourceRate === 2);
    await peer.take('503', isResponse(503));
    await peer.take('503, over the limit', isResponse(503));
  }
});

t.test('an edge whose thread crashes is told of and comes back on the same ports', async (t) => {
  const crashed = later<Error>();
  const edge = await spawnEdge({
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }], admin: { host: '127.0.0.1', port: 0 }, secret: 'cymru',
  }, crashed.settle);
  t.teardown(() => edge.close());
  // There is no honest way to crash it from outside: its thread is ended under it.
  const { worker } = edge as unknown as { worker: { terminate(): Promise<number> } };
  await worker.terminate();
  t.match(await crashed.value, /ended with code/u);
  const peer = await openRawUdp(t);
  const port = edge.listening[0]?.port ?? 0;
  await until('it answers again', async () => {
    peer.send(rawCall(peer.port, `sip:x@127.0.0.1:${port}`).request('OPTIONS'), port);
    return peer.take('503', isResponse(503), 50).then(() => true, () => false);
  }, 8_000);
  await connectApp(t, edge);
});
