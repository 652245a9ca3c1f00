/** RFC 4028 as drachtio-server keeps it: who refreshes, when, and what ends a call. */
import t, { type Test } from 'tap';
import { headerOf, type SipMessage } from './message/sip-message.js';
import { rawResponse, toOf } from './raw-peer.fixture.js';
import { acceptedCall, answeredCall, openStage, type StandingCall } from './standing-call.fixture.js';
import { sdp } from './party.fixture.js';

const TIMER = 'Supported: timer';

/** A call in either role whose timer runs for `seconds`, refreshed by this side or the other. */
function timedCall(t: Test, role: 'uac' | 'uas', ours: boolean, seconds = 1_800): StandingCall {
  const stage = openStage(t);
  // `uac` in the header is who sent the INVITE.
  const refresher = (role === 'uac') === ours ? 'uac' : 'uas';
  const value = `Session-Expires: ${seconds};refresher=${refresher}`;
  return role === 'uac' ? acceptedCall(stage, { answer: value }) : answeredCall(stage, { invite: `${TIMER}\r\n${value}` });
}

const contact = 'Contact: <sip:raw@127.0.0.1:7000>';
const accept = (call: StandingCall, invite: SipMessage, headers = 'Session-Expires: 1800;refresher=uac'): void =>
  call.peer.send(rawResponse(invite, 200, 'OK', { headers: `${contact}\r\n${headers}`, body: sdp('peer') }));

/** Plays the call's end: a BYE of the edge's own, told to the application. */
function endedBy(t: Test, call: StandingCall): void {
  const bye = call.peer.request('BYE');
  t.equal(headerOf(bye, 'reason'), 'SIP ;cause=200 ;text="Session timer expired"');
  const told = call.app.told('BYE', 'application');
  t.match(told, { transactionId: 'unsolicited', dialogId: call.dialogId });
  call.peer.send(rawResponse(bye, 200, 'OK'));
  t.equal(call.edge.core.stats().dialogs, 0);
}

for (const role of ['uac', 'uas'] as const) {
  t.test(`as ${role} and refresher the edge repeats its session description half way through, and again after each 2xx (RFC 4028 §7.2)`, (t) => {
    const call = timedCall(t, role, true);
    const { edge, peer, app } = call;
    for (let i = 0; i < 3; i += 1) {
      edge.clock.advance(899_999);
      t.strictSame(peer.left, []);
      edge.clock.advance(1);
      const invite = peer.request('INVITE');
      t.equal(headerOf(invite, 'session-expires'), '1800;refresher=uac', 'whoever sends it is its uac');
      t.equal(headerOf(invite, 'min-se'), '90');
      t.equal(headerOf(invite, 'content-type'), 'application/sdp');
      t.equal(invite.body, sdp('edge'));
      t.ok(headerOf(invite, 'contact'));
      accept(call, invite);
      const ack = peer.request('ACK');
      t.equal(ack.cseq.number, invite.cseq.number);
      accept(call, invite);
      t.equal(peer.request('ACK').via.branch, ack.via.branch, 'a repeated 2xx is acknowledged again');
    }
    t.strictSame(app.left, [], 'the application hears nothing of it');
    t.end();
  });

  t.test(`as ${role} whose peer is to refresh, the edge ends the call at expiry and tells its application`, (t) => {
    const call = timedCall(t, role, false, 600);
    call.edge.clock.advance(599_999);
    t.strictSame(call.peer.left, []);
    call.edge.clock.advance(1);
    endedBy(t, call);
    t.end();
  });

  t.test(`as ${role}, a re-INVITE or UPDATE of the peer begins the time anew, and its 2xx says so`, (t) => {
    const call = timedCall(t, role, false, 600);
    for (const method of ['INVITE', 'UPDATE'] as const) {
      call.edge.clock.advance(500_000);
      call.peer.send(call.say(method, { headers: `${TIMER}\r\nSession-Expires: 600;refresher=uac`, body: sdp('peer') }));
      call.app.answer(call.app.told(method).transactionId, 200, { body: sdp('edge') });
      const ok = call.peer.response(200, method);
      t.equal(headerOf(ok, 'session-expires'), '600;refresher=uac');
      t.equal(headerOf(ok, 'require'), 'timer', 'whoever is told to refresh must understand it (RFC 4028 §9)');
      if (method === 'INVITE') call.peer.send(call.say('ACK', { cseq: ok.cseq.number, to: toOf(ok) }));
    }
    call.edge.clock.advance(599_000);
    t.notOk(call.peer.left.includes('BYE'));
    call.edge.clock.advance(1_000);
    endedBy(t, call);
    t.end();
  });

  t.test(`as ${role}, a re-INVITE of the application with Session-Expires begins the time anew`, (t) => {
    const call = timedCall(t, role, true);
    call.edge.clock.advance(890_000);
    call.app.ask('INVITE', { dialogId: call.dialogId, headers: 'Session-Expires: 1800;refresher=uac', body: sdp('second') });
    accept(call, call.peer.request('INVITE'));
    call.app.ask('ACK', { dialogId: call.dialogId });
    call.peer.request('ACK');
    call.edge.clock.advance(899_999);
    t.strictSame(call.peer.left, []);
    call.edge.clock.advance(1);
    t.equal(call.peer.request('INVITE').body, sdp('second'), 'the last description is repeated');
    t.end();
  });

  for (const [status, name] of [[408, 'timed out'], [481, 'without a dialog']] as const) {
    t.test(`as ${role}, a refresh refused as ${name} ends the call (RFC 4028 §10)`, (t) => {
      const call = timedCall(t, role, true);
      call.edge.clock.advance(900_000);
      call.peer.send(rawResponse(call.peer.request('INVITE'), status, 'No'));
      call.peer.request('ACK');
      endedBy(t, call);
      t.end();
    });
  }
}

t.test('a refresh that nobody answers ends the call when the transaction does', (t) => {
  const call = timedCall(t, 'uac', true);
  call.edge.clock.advance(900_000 + 31_999);
  t.notOk(call.peer.left.includes('BYE'));
  call.edge.clock.advance(1);
  endedBy(t, call);
  t.end();
});

t.test('a refresh that gets no more than a provisional response is cancelled, and ends the call', (t) => {
  const call = timedCall(t, 'uac', true);
  const { edge, peer } = call;
  edge.clock.advance(900_000);
  peer.send(rawResponse(peer.request('INVITE'), 180, 'Ringing'));
  edge.clock.advance(32_000);
  peer.request('CANCEL');
  edge.clock.advance(32_000);
  endedBy(t, call);
  edge.clock.advance(32_000);
  t.strictSame([edge.core.transactions, edge.core.pending], [0, 0]);
  t.end();
});

t.test('a refresh refused for another reason leaves the call to end at expiry', (t) => {
  const call = timedCall(t, 'uac', true);
  call.edge.clock.advance(900_000);
  call.peer.send(rawResponse(call.peer.request('INVITE'), 488, 'No'));
  call.peer.request('ACK');
  call.edge.clock.advance(899_999);
  t.strictSame(call.peer.left, []);
  call.edge.clock.advance(1);
  endedBy(t, call);
  t.end();
});

t.test('422 to a refresh: it is sent again with what the peer wants, once (RFC 4028 §7.3)', (t) => {
  const call = timedCall(t, 'uac', true, 200);
  call.edge.clock.advance(100_000);
  call.peer.send(rawResponse(call.peer.request('INVITE'), 422, 'Too small', { headers: 'Min-SE: 300' }));
  call.peer.request('ACK');
  const again = call.peer.request('INVITE');
  t.equal(headerOf(again, 'session-expires'), '300;refresher=uac');
  t.equal(headerOf(again, 'min-se'), '300');
  call.peer.send(rawResponse(again, 422, 'Too small', { headers: 'Min-SE: 400' }));
  call.peer.request('ACK');
  t.strictSame(call.peer.left, [], 'not a third time');
  call.edge.clock.advance(100_000);
  endedBy(t, call);
  t.end();
});

for (const [role, wait] of [['uac', 3_050], ['uas', 1_000]] as const) {
  t.test(`491 to a refresh: as ${role} it is tried again after a while (RFC 3261 §14.1)`, (t) => {
    const call = timedCall(t, role, true);
    call.edge.clock.advance(900_000);
    call.peer.send(rawResponse(call.peer.request('INVITE'), 491, 'Pending'));
    call.peer.request('ACK');
    call.edge.clock.advance(wait - 1);
    t.strictSame(call.peer.left, []);
    call.edge.clock.advance(1);
    accept(call, call.peer.request('INVITE'));
    call.peer.request('ACK');
    call.edge.clock.advance(899_999);
    t.strictSame(call.peer.left, []);
    t.end();
  });
}

t.test('a refresh that falls due while a re-INVITE of the application is under way waits for it', (t) => {
  const call = timedCall(t, 'uac', true);
  call.edge.clock.advance(899_000);
  call.app.ask('INVITE', { dialogId: call.dialogId, body: sdp('second') });
  const theirs = call.peer.request('INVITE');
  call.peer.send(rawResponse(theirs, 180, 'Thinking'));
  call.edge.clock.advance(5_000);
  t.strictSame(call.peer.left, []);
  accept(call, theirs, TIMER);
  call.app.ask('ACK', { dialogId: call.dialogId });
  call.peer.request('ACK');
  call.edge.clock.advance(3_050);
  t.equal(call.peer.request('INVITE').body, sdp('second'));
  t.end();
});

t.test('a re-INVITE of the application that falls into a refresh is sent when that is over', (t) => {
  const call = timedCall(t, 'uac', true);
  call.edge.clock.advance(900_000);
  const refresh = call.peer.request('INVITE');
  call.app.send(`own|sip||${call.dialogId}\r\nINVITE sip:placeholder SIP/2.0\r\n\r\n${sdp('second')}`);
  t.strictSame(call.peer.left, []);
  t.strictSame(call.app.answers('own'), []);
  accept(call, refresh);
  call.peer.request('ACK');
  const theirs = call.peer.request('INVITE');
  t.equal(theirs.body, sdp('second'));
  t.equal(theirs.cseq.number, refresh.cseq.number + 1);
  t.equal(call.app.answers('own')[0]?.[0], 'OK');
  t.end();
});

t.test('what the application says in an UPDATE that is no session description is not what is repeated', (t) => {
  const call = timedCall(t, 'uas', true);
  call.app.ask('UPDATE', { dialogId: call.dialogId, headers: 'Content-Type: application/rs-metadata-request', body: '<requestsnapshot/>' });
  call.peer.send(rawResponse(call.peer.request('UPDATE'), 200, 'OK', { headers: contact }));
  call.edge.clock.advance(900_000);
  const refresh = call.peer.request('INVITE');
  t.equal(refresh.body, sdp('edge'));
  t.equal(headerOf(refresh, 'content-type'), 'application/sdp');
  t.end();
});

t.test("a re-INVITE of the peer that crosses our refresh is refused with 491, and both sides' next ones work", (t) => {
  const call = timedCall(t, 'uas', true);
  call.edge.clock.advance(900_000);
  const refresh = call.peer.request('INVITE');
  for (const body of [sdp('crossing'), '']) {
    call.peer.send(call.say('INVITE', { body }));
    call.peer.response(491, 'INVITE');
  }
  call.peer.send(rawResponse(refresh, 491, 'Pending'));
  call.peer.request('ACK');
  call.peer.send(call.say('INVITE', { body: sdp('second') }));
  call.app.told('INVITE');
  t.end();
});

t.test('a BYE of either side stops the timer, and a dialog that has ended has none', (t) => {
  for (const who of ['app', 'peer', 'gone'] as const) {
    const call = timedCall(t, 'uac', true);
    if (who === 'app') {
      call.app.ask('BYE', { dialogId: call.dialogId });
      call.peer.send(rawResponse(call.peer.request('BYE'), 200, 'OK'));
    } else if (who === 'peer') {
      call.peer.send(call.say('BYE'));
      call.app.answer(call.app.told('BYE').transactionId, 200);
    } else {
      call.app.leave();
      call.edge.clock.advance(120_000);
      call.peer.send(rawResponse(call.peer.request('BYE'), 200, 'OK'));
    }
    call.edge.clock.advance(64_000);
    t.equal(call.edge.clock.armed, 0, `${who}: no timer is left`);
    call.peer.clear();
    call.edge.clock.advance(3_600_000);
    t.strictSame(call.peer.left, []);
  }
  t.end();
});

t.test('once the application has said BYE nothing is refreshed, answered or not', (t) => {
  const call = timedCall(t, 'uac', true);
  call.edge.clock.advance(899_000);
  call.app.ask('BYE', { dialogId: call.dialogId });
  call.edge.clock.advance(10_000);
  t.notOk(call.peer.left.includes('INVITE'));
  t.end();
});

t.test('a BYE of the application while our refresh is under way: the late 2xx is acknowledged, nothing more', (t) => {
  const call = timedCall(t, 'uac', true);
  call.edge.clock.advance(900_000);
  const refresh = call.peer.request('INVITE');
  call.app.ask('BYE', { dialogId: call.dialogId });
  call.peer.send(rawResponse(call.peer.request('BYE'), 200, 'OK'));
  accept(call, refresh);
  call.peer.request('ACK');
  call.edge.clock.advance(3_600_000);
  t.strictSame(call.peer.left, []);
  t.end();
});

t.test('the shortest session is 90 seconds: less is raised in the 200 to an INVITE, and refused with 422 in a dialog', (t) => {
  const call = answeredCall(openStage(t), { invite: `${TIMER}\r\nSession-Expires: 30;refresher=uac` });
  t.equal(headerOf(call.ok, 'session-expires'), '90;refresher=uac');
  for (const method of ['INVITE', 'UPDATE'] as const) {
    call.peer.send(call.say(method, { headers: 'Session-Expires: 89' }));
    t.equal(headerOf(call.peer.response(422, method), 'min-se'), '90');
  }
  t.strictSame(call.app.left, []);
  call.edge.clock.advance(90_000);
  endedBy(t, call);
  t.end();
});

t.test('an offer that names no refresher begins no timer; what the application answers does', (t) => {
  const none = answeredCall(openStage(t), { invite: 'Session-Expires: 1800' });
  t.equal(headerOf(none.ok, 'session-expires'), undefined);
  none.edge.clock.advance(64_000);
  t.equal(none.edge.clock.armed, 0);
  const own = answeredCall(openStage(t), { answer: 'Session-Expires: 1800;refresher=uas' });
  own.edge.clock.advance(900_000);
  own.peer.request('INVITE');
  t.end();
});

t.test('a 2xx of the peer without Session-Expires to our re-INVITE ends its duty to refresh (RFC 4028 §7.2)', (t) => {
  const call = timedCall(t, 'uac', false, 600);
  call.app.ask('INVITE', { dialogId: call.dialogId, body: sdp('second') });
  accept(call, call.peer.request('INVITE'), TIMER);
  call.app.ask('ACK', { dialogId: call.dialogId });
  call.peer.request('ACK');
  call.edge.clock.advance(3_600_000);
  t.strictSame(call.peer.left, []);
  t.end();
});

t.test('refreshes of many calls are spread over ten seconds', (t) => {
  for (const [chance, at] of [[0, 895_000], [0.999_999, 905_000]] as const) {
    const call = acceptedCall(openStage(t, { chance }), { answer: 'Session-Expires: 1800;refresher=uac' });
    call.edge.clock.advance(at - 1);
    t.strictSame(call.peer.left, []);
    call.edge.clock.advance(1);
    call.peer.request('INVITE');
  }
  t.end();
});
