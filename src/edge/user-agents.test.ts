import { createHash } from 'node:crypto';
import t from 'tap';
import { headerOf } from './message/sip-message.js';
import { isRequest, isResponse, openRawTcp, openRawUdp, rawCall, rawResponse, toOf } from './raw-peer.fixture.js';
import {
  dialogsGone, failureOf, finalResponse, later, next, openParty, quick, sdp, until, type SrfDialog, type SrfMessage, type SrfRequest, type SrfResponse,
} from './party.fixture.js';
import { standingClock } from './standing-edge.fixture.js';

t.test('what an application leaves out of an INVITE is filled in, and standard names are capitalised', async (t) => {
  const [caller, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const sent = later<SrfRequest>();
  void failureOf(caller.srf.createUAC(`sip:raw@127.0.0.1:${peer.port}`, { callingNumber: '1234', localSdp: sdp('x'), headers: { subject: 's', 'x-own': '1', 'p-other': '2' } }, {
    cbRequest: (_error: unknown, request: SrfRequest) => sent.settle(request),
  }));
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  const place = `127.0.0.1:${caller.port()}`;
  t.match(headerOf(invite, 'from'), new RegExp(`^<sip:1234@${place}>;tag=.+`, 'u'));
  t.equal(headerOf(invite, 'contact'), `<sip:1234@${place}>`);
  t.equal(headerOf(invite, 'to'), `<sip:raw@127.0.0.1:${peer.port}>`);
  t.equal(headerOf(invite, 'content-type'), 'application/sdp');
  t.equal(headerOf(invite, 'max-forwards'), '70');
  t.match(invite.headers.map((each) => each.name), ['Via', 'Max-Forwards', 'From', 'To', 'Call-ID', 'CSeq']);
  for (const name of ['Subject', 'x-own', 'P-Other']) t.ok(invite.headers.some((each) => each.name === name), name);
  t.equal((await sent.value).get('Call-ID'), invite.callId, 'the echo is the message as sent');
  peer.send(rawResponse(invite, 480, 'No', { tag: 'n' }), caller.port());
});

t.test('a failure is acknowledged by the edge, on the branch of the INVITE', async (t) => {
  const [caller, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const calling = failureOf(caller.srf.createUAC(`sip:raw@127.0.0.1:${peer.port}`, { localSdp: sdp('x') }));
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  peer.send(rawResponse(invite, 603, 'Decline', { tag: 'n' }), caller.port());
  const ack = await peer.take('ACK', isRequest('ACK'));
  t.equal(ack.via.branch, invite.via.branch);
  t.equal(ack.toTag, 'n');
  t.equal(await calling, 603);
});

t.test('a repeated 2xx is answered with the ACK once more', async (t) => {
  const [caller, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const calling = caller.srf.createUAC(`sip:raw@127.0.0.1:${peer.port}`, { localSdp: sdp('x') });
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  const ok = rawResponse(invite, 200, 'OK', { tag: 'k', headers: `Contact: <sip:raw@127.0.0.1:${peer.port}>`, body: sdp('y') });
  peer.send(ok, caller.port());
  const first = await peer.take('ACK', isRequest('ACK'));
  peer.send(ok, caller.port());
  const second = await peer.take('ACK again', isRequest('ACK'));
  t.equal(second.via.branch, first.via.branch);
  await calling;
});

t.test('a second 2xx of another branch is acknowledged and hung up on (RFC 3261 §13.2.2.4)', async (t) => {
  const [caller, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const calling = caller.srf.createUAC(`sip:raw@127.0.0.1:${peer.port}`, { localSdp: sdp('x') });
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  const answer = { headers: `Contact: <sip:raw@127.0.0.1:${peer.port}>`, body: sdp('y') };
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'one', ...answer }), caller.port());
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'two', ...answer }), caller.port());
  t.equal((await calling).sip.remoteTag, 'one');
  const bye = await peer.take('BYE', isRequest('BYE'));
  t.equal(bye.toTag, 'two');
  peer.send(rawResponse(bye, 200, 'OK'), caller.port());
});

t.test('a challenge with 401 is answered by drachtio-srf and accepted', async (t) => {
  const [caller, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const uri = `sip:raw@127.0.0.1:${peer.port}`;
  const calling = caller.srf.createUAC(uri, { localSdp: sdp('x'), auth: { username: 'foo', password: 'bar' } });
  const first = await peer.take('INVITE', isRequest('INVITE'));
  peer.send(rawResponse(first, 401, 'Unauthorized', { tag: 'a', headers: 'WWW-Authenticate: Digest realm="here", nonce="n1"' }), caller.port());
  await peer.take('ACK', isRequest('ACK'));
  const second = await peer.take('INVITE again', isRequest('INVITE'));
  t.equal(second.callId, first.callId);
  t.equal(second.fromTag, first.fromTag);
  t.equal(second.cseq.number, first.cseq.number + 1);
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  t.match(headerOf(second, 'authorization'), md5(`${md5('foo:here:bar')}:n1:${md5(`INVITE:${uri}`)}`));
  peer.send(rawResponse(second, 200, 'OK', { tag: 'b', headers: `Contact: <${uri}>`, body: sdp('y') }), caller.port());
  const ack = await peer.take('ACK', isRequest('ACK'));
  t.ok(headerOf(ack, 'authorization'), 'the ACK repeats the credentials');
  await calling;
});

t.test('OPTIONS, MESSAGE, REGISTER and INFO outside a dialog are delivered by verb and answered', async (t) => {
  const [one, other] = await Promise.all([openParty(t), openParty(t)]);
  for (const method of ['OPTIONS', 'MESSAGE', 'REGISTER', 'INFO', 'PUBLISH']) {
    other.srf.use(method.toLowerCase(), (request, response) => {
      t.equal(request.method, method);
      response.send(200, { headers: { 'X-Got': request.body } });
    });
    await until(`${method} is registered`, async () => {
      const request = await one.srf.request(other.uri(), { method, body: 'salve', headers: { 'Content-Type': 'text/plain' } });
      const response = await finalResponse(request);
      return response.status === 200 && response.get('X-Got') === 'salve';
    });
  }
});

t.test('a request that no application takes is answered 503, an unknown method 405, a BYE outside a dialog 481', async (t) => {
  const [party, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  for (const [method, status] of [['OPTIONS', 503], ['INVITE', 503], ['FROBNICATE', 405], ['BYE', 481], ['UPDATE', 481], ['CANCEL', 481]] as const) {
    peer.send(rawCall(peer.port, party.uri()).request(method), party.port());
    await peer.take(`${status} to ${method}`, isResponse(status, method));
  }
  peer.send(rawCall(peer.port, party.uri()).request('INVITE', { to: `To: <${party.uri()}>;tag=gone` }), party.port());
  await peer.take('481 to an INVITE of a lost dialog', isResponse(481, 'INVITE'));
});

t.test('SUBSCRIBE makes a dialog in which NOTIFY goes, until it says terminated', async (t) => {
  const [watcher, notifier] = await Promise.all([openParty(t), openParty(t)]);
  const accepted = later<SrfDialog>();
  notifier.srf.use('subscribe', (request, response) => void notifier.srf.createUAS(request, response, {}).then(accepted.settle));
  const watching = await watcher.srf.createUAC(notifier.uri(), { method: 'SUBSCRIBE', headers: { Event: 'presence' } });
  const source = await accepted.value;
  const states: string[] = [];
  watching.on('notify', (request: SrfRequest, response: SrfResponse) => {
    states.push(request.get('Subscription-State'));
    response.send(200);
  });
  const active = await source.request({ method: 'NOTIFY', headers: { Event: 'presence', 'Subscription-State': 'active' } });
  t.equal(active.status, 200);
  t.equal((await notifier.edge.stats()).dialogs, 1);
  await source.request({ method: 'NOTIFY', headers: { Event: 'presence', 'Subscription-State': 'terminated' } });
  t.strictSame(states, ['active', 'terminated']);
  await Promise.all([dialogsGone(watcher.edge), dialogsGone(notifier.edge)]);
});

t.test('a NOTIFY that overtakes the answer to its SUBSCRIBE finds the dialog (RFC 6665 §4.4.1)', async (t) => {
  const [watcher, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const uri = `sip:raw@127.0.0.1:${peer.port}`;
  watcher.srf.use('notify', (_request, response) => response.send(202));
  const subscribing = watcher.srf.createUAC(uri, { method: 'SUBSCRIBE', headers: { Event: 'presence', Expires: '60' } });
  const subscribe = await peer.take('SUBSCRIBE', isRequest('SUBSCRIBE'));
  const call = rawCall(peer.port, watcher.uri());
  const notify = call.request('NOTIFY', { headers: 'Event: presence\r\nSubscription-State: active' })
    .replace(/Call-ID: .*/u, `Call-ID: ${subscribe.callId}`)
    .replace(/To: .*/u, `To: ${headerOf(subscribe, 'from') ?? ''}`)
    .replace(/From: .*/u, `From: <${uri}>;tag=early`);
  peer.send(notify, watcher.port());
  await peer.take('202 to NOTIFY', isResponse(202, 'NOTIFY'));
  peer.send(rawResponse(subscribe, 200, 'OK', { tag: 'early', headers: `Contact: <${uri}>` }), watcher.port());
  const dialog = await subscribing;
  t.equal(dialog.sip.remoteTag, 'early');
  t.equal((await watcher.edge.stats()).dialogs, 1);
});

t.test('REFER, UPDATE, MESSAGE and NOTIFY go inside a call, in both directions', async (t) => {
  const [caller, callee] = await Promise.all([openParty(t), openParty(t)]);
  const answered = later<SrfDialog>();
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('y') }).then(answered.settle));
  const near = await caller.srf.createUAC(callee.uri(), { localSdp: sdp('x') });
  const far = await answered.value;
  for (const [from, to] of [[near, far], [far, near]] as const) {
    for (const method of ['REFER', 'UPDATE', 'MESSAGE', 'NOTIFY', 'OPTIONS'] as const) {
      to.once(method.toLowerCase(), (request: SrfRequest, response: SrfResponse) => {
        t.equal(request.stackDialogId, to.id);
        response.send(202);
      });
      const answer = await from.request({ method, headers: { 'Refer-To': 'sip:else@127.0.0.1' } });
      t.equal(answer.status, 202, method);
    }
  }
  await near.destroy();
  await t.rejects(near.request({ method: 'INFO', body: '' }), { code: 'ENODIALOG' });
});

t.test('a 2xx that is not acknowledged is repeated, then the call is ended and its application told', async (t) => {
  const [callee, peer] = await Promise.all([openParty(t, { timing: { t1Ms: 20, t2Ms: 80 } }), openRawUdp(t)]);
  const ended = later<unknown>();
  callee.srf.invite((request, response) => {
    void callee.srf.createUAS(request, response, { localSdp: sdp('y') }).then((dialog) => {
      dialog.on('destroy', (_message: SrfMessage, reason: string) => ended.settle(reason));
    });
  });
  const call = rawCall(peer.port, callee.uri());
  peer.send(call.request('INVITE', { body: sdp('x') }), callee.port());
  for (let i = 0; i < 4; i += 1) await peer.take('200', isResponse(200));
  const bye = await peer.take('BYE', isRequest('BYE'), 10_000);
  t.match(headerOf(bye, 'reason'), /ACK timeout/u);
  peer.send(rawResponse(bye, 200, 'OK'), callee.port());
  t.equal(await ended.value, 'ACK timeout');
  await dialogsGone(callee.edge);
});

t.test('a BYE that comes instead of the ACK ends the call and the repetition of the 2xx', async (t) => {
  const [callee, peer] = await Promise.all([openParty(t, quick), openRawUdp(t)]);
  const answered = later<SrfDialog>();
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('y') }).then(answered.settle));
  const call = rawCall(peer.port, callee.uri());
  peer.send(call.request('INVITE', { body: sdp('x') }), callee.port());
  const ok = await peer.take('200', isResponse(200));
  const ended = next(await answered.value, 'destroy');
  peer.send(call.request('BYE', { cseq: 2, to: toOf(ok), branch: 'z9hG4bKbye' }), callee.port());
  await peer.take('200 to BYE', isResponse(200, 'BYE'));
  await ended;
  const repeated = isResponse(200, 'INVITE');
  while (peer.left.some(repeated)) await peer.take('200 from before the BYE', repeated);
  await t.rejects(peer.take('200 again', repeated, 300), 'several intervals pass without one');
});

t.test('a CANCEL that comes after the 200 ends the call', async (t) => {
  const [callee, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const ended = later<unknown>();
  callee.srf.invite((request, response) => {
    void callee.srf.createUAS(request, response, { localSdp: sdp('y') }).then((dialog) => {
      dialog.on('destroy', (_message: SrfMessage, reason: string) => ended.settle(reason));
    });
  });
  const call = rawCall(peer.port, callee.uri());
  peer.send(call.request('INVITE', { body: sdp('x') }), callee.port());
  await peer.take('200', isResponse(200));
  peer.send(call.request('CANCEL'), callee.port());
  await peer.take('481', isResponse(481, 'CANCEL'));
  await peer.take('BYE', isRequest('BYE'));
  t.equal(await ended.value, 'CANCEL after 200 OK');
});

t.test('an INVITE that an application abandons or never answers is answered for it', async (t) => {
  const [abandoning, silent, peer] = await Promise.all([
    openParty(t), openParty(t, { timing: { unansweredMs: 80 } }), openRawUdp(t),
  ]);
  abandoning.srf.invite(() => abandoning.srf.disconnect());
  silent.srf.invite(() => undefined);
  for (const [party, status] of [[abandoning, 503], [silent, 480]] as const) {
    const call = rawCall(peer.port, party.uri());
    peer.send(call.request('INVITE', { body: sdp('x') }), party.port());
    const refused = await peer.take(`${status}`, isResponse(status));
    peer.send(call.request('ACK', { to: toOf(refused) }), party.port());
  }
});

t.test('an INVITE that is repeated while the application thinks is swallowed', async (t) => {
  const [party, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  let invites = 0;
  const answer = later<SrfResponse>();
  party.srf.invite((_request, response) => {
    invites += 1;
    answer.settle(response);
  });
  const invite = rawCall(peer.port, party.uri()).request('INVITE', { body: sdp('x') });
  for (let i = 0; i < 3; i += 1) peer.send(invite, party.port());
  (await answer.value).send(486);
  await peer.take('486', isResponse(486));
  t.equal(invites, 1);
});

t.test('a reliable provisional is repeated until its PRACK, which the application sees (RFC 3262)', async (t) => {
  const [callee, peer] = await Promise.all([openParty(t, quick), openRawUdp(t)]);
  const pracked = later<SrfRequest>();
  callee.srf.invite((_request, response) => {
    (response.send as (...all: unknown[]) => void)(183, { headers: { Require: '100rel' }, body: sdp('early') }, () => undefined, (prack: SrfRequest) => {
      pracked.settle(prack);
      response.send(486);
    });
  });
  const call = rawCall(peer.port, callee.uri());
  peer.send(call.request('INVITE', { body: sdp('x'), headers: 'Supported: 100rel' }), callee.port());
  const early = await peer.take('183', isResponse(183));
  const again = await peer.take('183 again', isResponse(183));
  t.equal(headerOf(again, 'rseq'), headerOf(early, 'rseq'));
  peer.send(call.request('PRACK', {
    cseq: 2, to: toOf(early), branch: `${call.branch}p`, headers: `RAck: ${headerOf(early, 'rseq') ?? ''} 1 INVITE`,
  }), callee.port());
  await peer.take('200 to PRACK', isResponse(200, 'PRACK'));
  t.match((await pracked.value).get('RAck'), / 1 INVITE$/u);
  await peer.take('486', isResponse(486));
});

t.test('the caller acknowledges a reliable provisional with PRACK', async (t) => {
  const [caller, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const calling = failureOf(caller.srf.createUAC(`sip:raw@127.0.0.1:${peer.port}`, { localSdp: sdp('x') }));
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  peer.send(rawResponse(invite, 180, 'Ringing', { tag: 'r', headers: `Require: 100rel\r\nRSeq: 7\r\nContact: <sip:raw@127.0.0.1:${peer.port}>` }), caller.port());
  const prack = await peer.take('PRACK', isRequest('PRACK'));
  t.equal(headerOf(prack, 'rack'), `7 ${invite.cseq.number} INVITE`);
  t.equal(prack.cseq.number, invite.cseq.number + 1);
  peer.send(rawResponse(prack, 200, 'OK'), caller.port());
  peer.send(rawResponse(invite, 486, 'Busy', { tag: 'r' }), caller.port());
  t.equal(await calling, 486);
});

t.test('in-dialog requests follow the route set, loose and strict (RFC 3261 §12.2.1.1)', async (t) => {
  const [caller, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const here = `127.0.0.1:${peer.port}`;
  for (const [routes, uri, route] of [
    [`<sip:far@${here};lr>, <sip:near@${here};lr>`, 'sip:target@192.0.2.1', [`<sip:near@${here};lr>`, `<sip:far@${here};lr>`]],
    [`<sip:far@${here};lr>, <sip:strict@${here}>`, `sip:strict@${here}`, [`<sip:far@${here};lr>`, '<sip:target@192.0.2.1>']],
  ] as const) {
    const calling = caller.srf.createUAC(`sip:raw@${here}`, { localSdp: sdp('x') });
    const invite = await peer.take('INVITE', isRequest('INVITE'));
    peer.send(rawResponse(invite, 200, 'OK', { tag: 'k', headers: `Record-Route: ${routes}\r\nContact: <sip:target@192.0.2.1>`, body: sdp('y') }), caller.port());
    const ack = await peer.take('ACK', isRequest('ACK'));
    t.equal(ack.kind === 'request' && ack.uri, uri);
    t.strictSame(ack.headers.filter((each) => each.key === 'route').map((each) => each.value), route);
    const dialog = await calling;
    void dialog.destroy();
    const bye = await peer.take('BYE', isRequest('BYE'));
    peer.send(rawResponse(bye, 200, 'OK'), caller.port());
  }
});

t.test('a TCP caller that listens nowhere is reached on its connection', async (t) => {
  const callee = await openParty(t);
  const answered = later<SrfDialog>();
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('y') }).then(answered.settle));
  const peer = await openRawTcp(t, callee.port('tcp'));
  const call = rawCall(peer.port, callee.uri('tcp'), 'TCP');
  const invite = call.request('INVITE', { body: sdp('x') });
  peer.send(`\r\n\r\n${invite.slice(0, 200)}`);
  peer.send(invite.slice(200));
  const ok = await peer.take('200', isResponse(200));
  peer.send(call.request('ACK', { to: toOf(ok), branch: 'z9hG4bKa' }));
  const dialog = await answered.value;
  const ended = dialog.destroy();
  const bye = await peer.take('BYE', isRequest('BYE'));
  peer.send(rawResponse(bye, 200, 'OK'));
  await ended;
});

t.test('an overlapping re-INVITE is refused: 491 against ours, 500 against theirs', async (t) => {
  const [callee, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  const answered = later<SrfDialog>();
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('y') }).then(answered.settle));
  const call = rawCall(peer.port, callee.uri());
  peer.send(call.request('INVITE', { body: sdp('x') }), callee.port());
  const ok = await peer.take('200', isResponse(200));
  peer.send(call.request('ACK', { to: toOf(ok), branch: 'z9hG4bKa' }), callee.port());
  const dialog = await answered.value;
  await next(dialog, 'ack');
  const modifying = dialog.modify(sdp('mine'));
  const ours = await peer.take('re-INVITE', isRequest('INVITE'));
  peer.send(call.request('INVITE', { cseq: 2, to: toOf(ok), branch: 'z9hG4bKb', body: sdp('theirs') }), callee.port());
  await peer.take('491', isResponse(491));
  peer.send(rawResponse(ours, 200, 'OK', { headers: `Contact: <sip:raw@127.0.0.1:${peer.port}>`, body: sdp('agreed') }), callee.port());
  t.equal(await modifying, sdp('agreed'));
  dialog.on('modify', () => undefined);
  peer.send(call.request('INVITE', { cseq: 3, to: toOf(ok), branch: 'z9hG4bKc', body: sdp('one') }), callee.port());
  peer.send(call.request('INVITE', { cseq: 4, to: toOf(ok), branch: 'z9hG4bKd', body: sdp('two') }), callee.port());
  const refused = await peer.take('500', isResponse(500));
  t.equal(refused.cseq.number, 4);
});

t.test('drachtio-srf hears of a session that was not refreshed as the end of the dialog, with the reason (RFC 4028)', async (t) => {
  const clock = standingClock();
  const [callee, peer] = await Promise.all([openParty(t, { clock }), openRawUdp(t)]);
  const answered = later<SrfDialog>();
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('y') }).then(answered.settle));
  const call = rawCall(peer.port, callee.uri());
  peer.send(call.request('INVITE', { body: sdp('x'), headers: 'Supported: timer\r\nSession-Expires: 120;refresher=uac' }), callee.port());
  const ok = await peer.take('200', isResponse(200));
  t.equal(headerOf(ok, 'session-expires'), '120;refresher=uac');
  peer.send(call.request('ACK', { to: toOf(ok), branch: 'z9hG4bKa' }), callee.port());
  const dialog = await answered.value;
  await next(dialog, 'ack');
  const ended = new Promise((resolve) => {
    dialog.on('destroy', (_message: SrfMessage, reason: string) => resolve(reason));
  });
  clock.advance(120_000);
  await peer.take('BYE', isRequest('BYE'));
  t.equal(await ended, 'Session timer expired');
});

t.test('drachtio-srf is given the UPDATE of a call that it has not answered yet, and answers it (RFC 3311)', async (t) => {
  const [callee, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
  callee.srf.invite((request, response) => {
    request.on('update', (update: SrfRequest, answer: SrfResponse) => answer.send(200, { body: update.body }));
    response.send(183, { body: sdp('early') });
  });
  const call = rawCall(peer.port, callee.uri());
  peer.send(call.request('INVITE', { body: sdp('x') }), callee.port());
  const early = await peer.take('183', isResponse(183));
  peer.send(call.request('UPDATE', { cseq: 2, to: toOf(early), branch: `${call.branch}u`, body: sdp('second') }), callee.port());
  t.equal((await peer.take('200 to UPDATE', isResponse(200, 'UPDATE'))).body, sdp('second'));
  peer.send(call.request('CANCEL'), callee.port());
  await peer.take('487', isResponse(487));
});
