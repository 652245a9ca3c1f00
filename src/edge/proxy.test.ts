import t from 'tap';
import { headerOf, headersOf } from './message/sip-message.js';
import { isRequest, isResponse, openRawTcp, openRawUdp, rawCall, rawResponse, toOf, type RawPeer } from './raw-peer.fixture.js';
import {
  dialogsGone, failureOf, later, next, openParty, quick, sdp, until, type Party, type ProxyResult, type SrfDialog, type SrfRequest, type SrfResponse,
} from './party.fixture.js';

/** Proxies every call of a party to targets; the promise is for the first result. */
function proxying(middle: Party, targets: string | readonly string[], options: object = {}): Promise<ProxyResult> {
  const result = later<ProxyResult>();
  middle.srf.invite((request) => void middle.srf.proxyRequest(request, targets, options).then(result.settle));
  return result.value;
}

const target = (peer: RawPeer): string => `sip:raw@127.0.0.1:${peer.port}`;

for (const [inward, outward] of [['udp', 'udp'], ['tcp', 'tcp'], ['udp', 'tcp'], ['tcp', 'udp']] as const) {
  t.test(`a call proxied with Record-Route from ${inward} to ${outward}: everything of the dialog runs through`, async (t) => {
    const [caller, middle, callee] = await Promise.all([openParty(t), openParty(t), openParty(t)]);
    const result = proxying(middle, callee.uri(outward), { recordRoute: true });
    const answered = later<SrfDialog>();
    callee.srf.invite((request, response) => {
      t.equal(request.getParsedHeader('from').uri, 'sip:alice@example.com');
      response.send(180);
      void callee.srf.createUAS(request, response, { localSdp: sdp('callee') }).then(answered.settle);
    });
    const dialog = await caller.srf.createUAC(middle.uri(inward), { localSdp: sdp('caller'), headers: { From: 'sip:alice@example.com' } });
    const far = await answered.value;
    t.match(await result, { connected: true, finalStatus: 200 });
    far.on('modify', (_request: SrfRequest, response: SrfResponse) => response.send(200, { body: sdp('callee-2') }));
    t.equal(await dialog.modify(sdp('caller-2')), sdp('callee-2'));
    dialog.on('info', (_request: SrfRequest, response: SrfResponse) => response.send(200));
    const before = (await middle.edge.stats()).received;
    t.equal((await far.request({ method: 'INFO', body: 'x', headers: { 'Content-Type': 'text/plain' } })).status, 200);
    t.ok((await middle.edge.stats()).received >= before + 2, 'the request and its answer passed the proxy');
    const ended = next(dialog, 'destroy');
    await far.destroy();
    await ended;
    await Promise.all([dialogsGone(caller.edge), dialogsGone(callee.edge)]);
  });
}

t.test('without Record-Route the dialog goes past the proxy', async (t) => {
  const [caller, middle, callee] = await Promise.all([openParty(t), openParty(t), openParty(t)]);
  void proxying(middle, callee.uri());
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('callee') }));
  const dialog = await caller.srf.createUAC(middle.uri(), { localSdp: sdp('caller') });
  const before = (await middle.edge.stats()).received;
  await dialog.destroy();
  t.equal((await middle.edge.stats()).received, before);
});

t.test('headers in a Request-URI are forwarded neither as such nor as headers (RFC 4475 §3.1.2.11)', async (t) => {
  const [middle, peer, caller] = await Promise.all([openParty(t), openRawUdp(t), openRawUdp(t)]);
  void proxying(middle, target(peer));
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE', { uri: 'sip:a?b@example.com?Route=%3Csip:example.com%3E' }), middle.port());
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  t.match(invite, { uri: 'sip:a?b@example.com' });
  t.equal(headerOf(invite, 'route'), undefined);
  peer.send(rawResponse(invite, 404, 'Not Found', { tag: 'x' }), middle.port());
  await caller.take('404', isResponse(404));
});

t.test('a failure is forwarded with its headers, and reported', async (t) => {
  const [middle, peer, caller] = await Promise.all([openParty(t), openRawUdp(t), openRawUdp(t)]);
  const result = proxying(middle, target(peer));
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE', { headers: 'X-Way: in' }), middle.port());
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  t.equal(headerOf(invite, 'max-forwards'), '69');
  t.equal(headerOf(invite, 'x-way'), 'in');
  t.equal(headersOf(invite, 'via').length, 2);
  t.equal(headersOf(invite, 'record-route').length, 0);
  peer.send(rawResponse(invite, 404, 'Gone Fishing', { tag: 'x', headers: 'X-Way: back' }), middle.port());
  await peer.take('ACK', isRequest('ACK'));
  const refused = await caller.take('404', isResponse(404));
  t.equal(headerOf(refused, 'x-way'), 'back');
  t.equal(headersOf(refused, 'via').length, 1);
  t.match(refused, { reason: 'Gone Fishing' });
  caller.send(call.request('ACK', { to: toOf(refused) }), middle.port());
  t.match(await result, { connected: false, finalStatus: 404, responses: [{ msgs: [{ status: 404 }] }] });
});

t.test('the next serial target is tried after a refusal, and after one that says nothing in time', async (t) => {
  const [caller, middle, callee] = await Promise.all([openParty(t), openParty(t), openParty(t)]);
  const [refusing, silent] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const result = proxying(middle, [target(refusing), target(silent), callee.uri()], { recordRoute: true, provisionalTimeout: '60ms' });
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('third') }));
  const calling = caller.srf.createUAC(middle.uri(), { localSdp: sdp('caller') });
  const first = await refusing.take('INVITE', isRequest('INVITE'));
  refusing.send(rawResponse(first, 486, 'Busy Here', { tag: 'r' }), middle.port());
  await silent.take('INVITE', isRequest('INVITE'));
  const dialog = await calling;
  t.equal(dialog.remote.sdp, sdp('third'));
  t.match(await result, { connected: true, finalStatus: 200 });
  await dialog.destroy();
});

t.test('simultaneous forking: the first 2xx wins and the others are cancelled', async (t) => {
  const [caller, middle] = await Promise.all([openParty(t), openParty(t)]);
  const [slow, fast] = await Promise.all([openRawUdp(t), openRawUdp(t)]);
  const result = proxying(middle, [target(slow), target(fast)], { forking: 'simultaneous' });
  const calling = caller.srf.createUAC(middle.uri(), { localSdp: sdp('caller') });
  const [slowInvite, fastInvite] = await Promise.all([slow.take('INVITE', isRequest('INVITE')), fast.take('INVITE', isRequest('INVITE'))]);
  slow.send(rawResponse(slowInvite, 180, 'Ringing', { tag: 's' }), middle.port());
  fast.send(rawResponse(fastInvite, 180, 'Ringing', { tag: 'f' }), middle.port());
  fast.send(rawResponse(fastInvite, 200, 'OK', { tag: 'f', headers: `Contact: <${target(fast)}>`, body: sdp('fast') }), middle.port());
  const cancel = await slow.take('CANCEL', isRequest('CANCEL'));
  slow.send(rawResponse(cancel, 200, 'OK'), middle.port());
  slow.send(rawResponse(slowInvite, 487, 'Request Terminated', { tag: 's' }), middle.port());
  await slow.take('ACK', isRequest('ACK'));
  const dialog = await calling;
  t.equal(dialog.remote.sdp, sdp('fast'));
  await fast.take('ACK', isRequest('ACK'));
  t.match(await result, { connected: true, finalStatus: 200 });
  void dialog.destroy();
  const bye = await fast.take('BYE', isRequest('BYE'));
  fast.send(rawResponse(bye, 200, 'OK'), caller.port());
});

t.test('of several failures the most telling one is forwarded (RFC 3261 §16.7)', async (t) => {
  const [caller, middle] = await Promise.all([openParty(t), openParty(t)]);
  const peers = await Promise.all([openRawUdp(t), openRawUdp(t), openRawUdp(t)]);
  const result = proxying(middle, peers.map(target), { forking: 'simultaneous' });
  const calling = failureOf(caller.srf.createUAC(middle.uri(), { localSdp: sdp('caller') }));
  for (const [peer, status] of [[peers[0], 503], [peers[1], 486], [peers[2], 302]] as const) {
    const invite = await peer.take('INVITE', isRequest('INVITE'));
    peer.send(rawResponse(invite, status, 'No', { tag: 'n' }), middle.port());
  }
  t.equal(await calling, 486);
  t.equal((await result).connected, false);
});

t.test('a redirect is followed when asked', async (t) => {
  const [caller, middle, callee] = await Promise.all([openParty(t), openParty(t), openParty(t)]);
  const redirecting = await openRawUdp(t);
  void proxying(middle, target(redirecting), { followRedirects: true });
  callee.srf.invite((request, response) => {
    t.equal(request.uri, callee.uri());
    response.send(603);
  });
  const calling = failureOf(caller.srf.createUAC(middle.uri(), { localSdp: sdp('caller') }));
  const invite = await redirecting.take('INVITE', isRequest('INVITE'));
  redirecting.send(rawResponse(invite, 302, 'Moved', { tag: 'm', headers: `Contact: <${callee.uri()}>` }), middle.port());
  t.equal(await calling, 603);
});

t.test('a CANCEL of the caller is answered at once and passed on when it can be', async (t) => {
  const [middle, peer, caller] = await Promise.all([openParty(t), openRawUdp(t), openRawUdp(t)]);
  const result = proxying(middle, target(peer));
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE'), middle.port());
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  caller.send(call.request('CANCEL'), middle.port());
  await caller.take('200 to CANCEL', isResponse(200, 'CANCEL'));
  const refused = await caller.take('487', isResponse(487));
  caller.send(call.request('ACK', { to: toOf(refused) }), middle.port());
  peer.send(rawResponse(invite, 180, 'Ringing', { tag: 'c' }), middle.port());
  const cancel = await peer.take('CANCEL', isRequest('CANCEL'));
  t.equal(cancel.via.branch, invite.via.branch);
  peer.send(rawResponse(cancel, 200, 'OK'), middle.port());
  peer.send(rawResponse(invite, 487, 'Request Terminated', { tag: 'c' }), middle.port());
  await peer.take('ACK', isRequest('ACK'));
  t.match(await result, { connected: false, finalStatus: 487 });
});

t.test('a target that answers a cancelled call is acknowledged and hung up on', async (t) => {
  const [middle, peer, caller] = await Promise.all([openParty(t), openRawUdp(t), openRawUdp(t)]);
  void proxying(middle, target(peer));
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE'), middle.port());
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  caller.send(call.request('CANCEL'), middle.port());
  await caller.take('487', isResponse(487));
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'c', headers: `Contact: <${target(peer)}>`, body: sdp('late') }), middle.port());
  await peer.take('ACK', isRequest('ACK'));
  const bye = await peer.take('BYE', isRequest('BYE'));
  peer.send(rawResponse(bye, 200, 'OK'), middle.port());
});

t.test('nobody answering ends in 408, after the time that finalTimeout allows', async (t) => {
  const [middle, peer, caller] = await Promise.all([openParty(t, quick), openRawUdp(t), openRawUdp(t)]);
  const result = proxying(middle, target(peer), { finalTimeout: '100ms' });
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE'), middle.port());
  await peer.take('INVITE', isRequest('INVITE'));
  const refused = await caller.take('408', isResponse(408));
  caller.send(call.request('ACK', { to: toOf(refused) }), middle.port());
  t.match(await result, { connected: false, responses: [] });
});

t.test('a request without hops left is refused with 483', async (t) => {
  const [middle, caller] = await Promise.all([openParty(t), openRawUdp(t)]);
  const failed = later<unknown>();
  middle.srf.invite((request) => void middle.srf.proxyRequest(request, 'sip:127.0.0.1:9').catch(failed.settle));
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE').replace('Max-Forwards: 70', 'Max-Forwards: 0'), middle.port());
  const refused = await caller.take('483', isResponse(483));
  caller.send(call.request('ACK', { to: toOf(refused) }), middle.port());
  t.match(await failed.value, /483/u);
});

t.test('the headers an application adds are in what is forwarded, and a target of no address is an error', async (t) => {
  const [middle, peer, caller] = await Promise.all([openParty(t), openRawUdp(t), openRawUdp(t)]);
  const failed = later<unknown>();
  middle.srf.use('options', (request: SrfRequest) => void middle.srf.proxyRequest(request, target(peer), { headers: { 'X-Added': 'yes' } }));
  middle.srf.use('message', (request: SrfRequest) => void middle.srf.proxyRequest(request, 'sip:nowhere.invalid').catch(failed.settle));
  caller.send(rawCall(caller.port, middle.uri()).request('OPTIONS'), middle.port());
  const options = await peer.take('OPTIONS', isRequest('OPTIONS'));
  t.equal(headerOf(options, 'x-added'), 'yes');
  t.equal(options.kind === 'request' && options.uri, target(peer), 'a Request-URI that names the proxy is replaced');
  peer.send(rawResponse(options, 200, 'OK', { tag: 'o' }), middle.port());
  await caller.take('200', isResponse(200, 'OPTIONS'));
  caller.send(rawCall(caller.port, middle.uri()).request('MESSAGE'), middle.port());
  await caller.take('500', isResponse(500));
  t.match(await failed.value, /error proxying request/u);
});

t.test('a TCP caller that listens nowhere gets the BYE of the callee on its own connection', async (t) => {
  const [middle, callee] = await Promise.all([openParty(t), openParty(t)]);
  void proxying(middle, callee.uri(), { recordRoute: true });
  const answered = later<SrfDialog>();
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('callee') }).then(answered.settle));
  const caller = await openRawTcp(t, middle.port('tcp'));
  const call = rawCall(caller.port, middle.uri('tcp'), 'TCP');
  caller.send(call.request('INVITE', { body: sdp('caller') }));
  const ok = await caller.take('200', isResponse(200));
  const routes = headersOf(ok, 'record-route').reverse().map((value) => `Route: ${value}`).join('\r\n');
  caller.send(call.request('ACK', { to: toOf(ok), branch: 'z9hG4bKack', headers: routes, uri: headerOf(ok, 'contact')?.slice(1, -1) ?? '' }));
  const dialog = await answered.value;
  await next(dialog, 'ack');
  void dialog.destroy();
  const bye = await caller.take('BYE', isRequest('BYE'));
  caller.send(rawResponse(bye, 200, 'OK'));
  await until('the callee has its answer', async () => (await callee.edge.stats()).dialogs === 0);
});
