/** What crosses, comes late, comes twice or comes too early, in a call of one user agent. */
import t from 'tap';
import { headerOf } from './message/sip-message.js';
import { rawResponse, toOf } from './raw-peer.fixture.js';
import { acceptedCall, answeredCall, incomingInvite, openStage, placedInvite, speaker } from './standing-call.fixture.js';
import { sdp } from './party.fixture.js';

t.test('our CANCEL before any provisional waits for one (RFC 3261 §9.1)', (t) => {
  const placed = placedInvite(openStage(t));
  const cancelled = placed.app.ask('CANCEL', { transactionId: placed.transactionId, headers: 'Reason: Q.850;cause=16' });
  t.ok(cancelled);
  t.strictSame(placed.peer.left, []);
  placed.respond(100);
  const cancel = placed.peer.request('CANCEL');
  t.equal(cancel.via.branch, placed.invite.via.branch);
  t.equal(cancel.uri, placed.invite.uri);
  t.equal(headerOf(cancel, 'reason'), 'Q.850;cause=16');
  placed.peer.send(rawResponse(cancel, 200, 'OK'));
  placed.respond(180);
  t.strictSame(placed.peer.left, [], 'one CANCEL is enough');
  placed.respond(487);
  placed.peer.request('ACK');
  t.equal(placed.app.told(487).transactionId, placed.transactionId);
  t.end();
});

t.test('our CANCEL of an INVITE that gets no answer at all ends with the transaction, as 408', (t) => {
  const placed = placedInvite(openStage(t));
  placed.app.ask('CANCEL', { transactionId: placed.transactionId });
  placed.edge.clock.advance(32_000);
  t.notOk(placed.peer.left.includes('CANCEL'));
  placed.app.told(408);
  t.end();
});

t.test('our CANCEL that is answered but whose INVITE is not: after 64 T1 it counts as cancelled (RFC 3261 §9.1)', (t) => {
  const placed = placedInvite(openStage(t));
  placed.respond(180);
  placed.app.ask('CANCEL', { transactionId: placed.transactionId });
  placed.peer.send(rawResponse(placed.peer.request('CANCEL'), 200, 'OK'));
  placed.edge.clock.advance(31_999);
  t.strictSame(placed.app.left, ['180 to INVITE']);
  placed.edge.clock.advance(1);
  placed.app.told(487);
  t.equal(placed.edge.core.stats().dialogs, 0);
  t.end();
});

t.test('our CANCEL crosses the 200: the call is acknowledged, then ended, and the application told', (t) => {
  for (const rings of [true, false]) {
    const placed = placedInvite(openStage(t));
    if (rings) placed.respond(180);
    placed.app.ask('CANCEL', { transactionId: placed.transactionId });
    placed.respond(200, { body: sdp('peer') });
    placed.app.told(200);
    placed.app.ask('ACK', { dialogId: placed.dialogId });
    placed.peer.request('ACK');
    t.match(headerOf(placed.peer.request('BYE'), 'reason'), /ACK-BYE due to cancel race condition/u);
    placed.app.told('BYE', 'application');
  }
  t.end();
});

t.test('our CANCEL after the final response is an error of the application', (t) => {
  const placed = placedInvite(openStage(t));
  placed.respond(486);
  t.equal(placed.app.ask('CANCEL', { transactionId: placed.transactionId }), '');
  t.equal(placed.app.refusal(), `unable to cancel unknown transaction id: ${placed.transactionId}`);
  t.end();
});

t.test("the peer's CANCEL crosses our 200: 481, and a BYE (drachtio-server); after the ACK it is 481 alone", (t) => {
  const crossing = answeredCall(openStage(t), { acknowledged: false });
  crossing.peer.send(crossing.call.request('CANCEL'));
  crossing.peer.response(481, 'CANCEL');
  t.equal(headerOf(crossing.peer.request('BYE'), 'reason'), 'SIP ;cause=200 ;text="CANCEL after 200 OK"');
  crossing.app.told('BYE', 'application');
  const late = answeredCall(openStage(t));
  late.peer.send(late.call.request('CANCEL'));
  late.peer.response(481, 'CANCEL');
  t.strictSame(late.peer.left, []);
  t.equal(late.edge.core.stats().dialogs, 1);
  t.end();
});

t.test("the peer's CANCEL of an INVITE that was refused is answered 200 and does nothing (RFC 3261 §9.2)", (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage);
  stage.app.answer(transactionId, 486);
  stage.peer.response(486);
  stage.peer.send(call.request('CANCEL'));
  stage.peer.response(200, 'CANCEL');
  t.strictSame(stage.peer.left, []);
  t.strictSame(stage.app.left, []);
  t.end();
});

t.test('an answer of the application after the CANCEL is not sent: one final response', (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage);
  stage.app.answer(transactionId, 180);
  stage.peer.send(call.request('CANCEL'));
  stage.peer.response(487);
  stage.app.told('CANCEL');
  stage.app.answer(transactionId, 200, { body: sdp('edge') });
  t.equal(stage.app.refusal(), 'Response not sent due to unknown transaction');
  t.notOk(stage.peer.left.includes('200 to INVITE'));
  t.equal(stage.edge.core.stats().dialogs, 0);
  t.end();
});

t.test('a CANCEL of a re-INVITE, from either side, leaves the call as it is', (t) => {
  const theirs = answeredCall(openStage(t));
  const reinvite = theirs.say('INVITE', { branch: 'z9hG4bKre', body: sdp('second') });
  theirs.peer.send(reinvite);
  const { transactionId } = theirs.app.told('INVITE');
  theirs.peer.send(reinvite.replaceAll('INVITE', 'CANCEL'));
  theirs.peer.response(200, 'CANCEL');
  const refused = theirs.peer.response(487, 'INVITE');
  t.equal(theirs.app.told('CANCEL').transactionId, transactionId);
  theirs.peer.send(theirs.call.request('ACK', { to: toOf(refused), branch: 'z9hG4bKre', cseq: 2 }));
  t.equal(theirs.edge.core.stats().dialogs, 1);
  theirs.peer.send(theirs.say('INFO'));
  theirs.app.told('INFO');

  const ours = acceptedCall(openStage(t));
  const reinviting = ours.app.ask('INVITE', { dialogId: ours.dialogId, body: sdp('second') });
  const sent = ours.peer.request('INVITE');
  ours.peer.send(rawResponse(sent, 100, 'Trying'));
  ours.app.ask('CANCEL', { transactionId: reinviting });
  ours.peer.send(rawResponse(ours.peer.request('CANCEL'), 200, 'OK'));
  ours.peer.send(rawResponse(sent, 487, 'Terminated'));
  t.equal(ours.app.told(487).transactionId, reinviting);
  t.equal(ours.edge.core.stats().dialogs, 1);
  t.end();
});

t.test('a BYE of the caller in an early dialog: 487 to the INVITE, and the application answers the BYE (RFC 3261 §15.1.2)', (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage);
  stage.app.answer(transactionId, 180);
  const say = speaker(call, toOf(stage.peer.response(180)));
  stage.peer.send(say('BYE'));
  stage.peer.response(487, 'INVITE');
  stage.app.answer(stage.app.told('BYE').transactionId, 200);
  stage.peer.response(200, 'BYE');
  t.equal(stage.edge.core.stats().dialogs, 0);
  t.end();
});

t.test('a BYE of ours in an early dialog that the peer answers all the same: acknowledged, ended, told as 487', (t) => {
  const placed = placedInvite(openStage(t));
  placed.respond(180);
  placed.app.told(180);
  placed.app.ask('BYE', { dialogId: placed.dialogId });
  placed.peer.send(rawResponse(placed.peer.request('BYE'), 200, 'OK'));
  placed.app.told(200);
  placed.respond(200, { body: sdp('peer') });
  placed.peer.request('ACK');
  placed.peer.send(rawResponse(placed.peer.request('BYE'), 200, 'OK'));
  t.equal(placed.app.told(487).transactionId, placed.transactionId);
  placed.edge.clock.advance(64_000);
  t.equal(placed.edge.clock.armed, 0);
  t.end();
});

t.test('BYE crosses BYE: both are answered, and the dialog is gone', (t) => {
  const call = acceptedCall(openStage(t));
  const transactionId = call.app.ask('BYE', { dialogId: call.dialogId });
  const ours = call.peer.request('BYE');
  call.peer.send(call.say('BYE'));
  call.app.answer(call.app.told('BYE').transactionId, 200);
  call.peer.response(200, 'BYE');
  call.peer.send(rawResponse(ours, 481, 'Gone'));
  t.equal(call.app.told(481).transactionId, transactionId);
  t.equal(call.edge.core.stats().dialogs, 0);
  t.end();
});

t.test('a BYE of ours while our re-INVITE is under way cancels that first', (t) => {
  const call = acceptedCall(openStage(t));
  call.app.ask('INVITE', { dialogId: call.dialogId, body: sdp('second') });
  const reinvite = call.peer.request('INVITE');
  call.peer.send(rawResponse(reinvite, 100, 'Trying'));
  call.app.ask('BYE', { dialogId: call.dialogId });
  t.strictSame(call.peer.left, ['CANCEL', 'BYE']);
  call.peer.send(rawResponse(call.peer.request('CANCEL'), 200, 'OK'));
  call.peer.send(rawResponse(reinvite, 487, 'Terminated'));
  call.peer.request('ACK');
  call.peer.send(rawResponse(call.peer.request('BYE'), 200, 'OK'));
  t.equal(call.edge.core.stats().dialogs, 0);
  t.end();
});

t.test('a BYE of the peer while our re-INVITE is under way, accepted or not: what was accepted is acknowledged', (t) => {
  for (const status of [200, 487] as const) {
    const call = acceptedCall(openStage(t));
    const reinviting = call.app.ask('INVITE', { dialogId: call.dialogId, body: sdp('second') });
    const reinvite = call.peer.request('INVITE');
    call.peer.send(call.say('BYE'));
    call.app.answer(call.app.told('BYE').transactionId, 200);
    call.peer.response(200, 'BYE');
    call.peer.send(rawResponse(reinvite, status, 'Said', { headers: 'Contact: <sip:peer@127.0.0.1:7000>', body: status === 200 ? sdp('peer') : '' }));
    call.peer.request('ACK');
    t.equal(call.app.told(status).transactionId, reinviting);
    call.edge.clock.advance(64_000);
    t.strictSame(call.peer.left, [], `${status}: nothing more is said`);
    t.equal(call.edge.clock.armed, 0);
  }
  t.end();
});

t.test("a BYE of the peer while its own re-INVITE is unanswered: that gets 487, and the application's answer to it nothing", (t) => {
  const call = answeredCall(openStage(t));
  call.peer.send(call.say('INVITE', { body: sdp('second') }));
  const { transactionId } = call.app.told('INVITE');
  call.peer.send(call.say('BYE'));
  call.peer.response(487, 'INVITE');
  call.app.answer(transactionId, 200, { body: sdp('edge') });
  t.match(call.app.refusal(), /unknown transaction/u);
  call.app.answer(call.app.told('BYE').transactionId, 200);
  call.peer.response(200, 'BYE');
  t.end();
});

t.test('a lost ACK: the 200 comes again from T1 on up to T2, and after 64 T1 the call is ended (RFC 3261 §13.3.1.4)', (t) => {
  const call = answeredCall(openStage(t), { acknowledged: false });
  const gaps = [500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000];
  for (const ms of gaps) {
    call.edge.clock.advance(ms - 1);
    t.strictSame(call.peer.left, []);
    call.edge.clock.advance(1);
    call.peer.response(200, 'INVITE');
  }
  call.edge.clock.advance(32_000 - gaps.reduce((sum, ms) => sum + ms, 0));
  t.match(headerOf(call.peer.request('BYE'), 'reason'), /ACK timeout/u);
  call.app.told('BYE', 'application');
  t.end();
});

t.test('an INVITE that is repeated after its 200 is swallowed: the 200 has its own time (RFC 6026 §7.1)', (t) => {
  const call = answeredCall(openStage(t), { acknowledged: false });
  for (let i = 0; i < 3; i += 1) call.peer.send(call.invite);
  t.strictSame(call.peer.left, []);
  t.strictSame(call.app.left, []);
  t.end();
});

t.test('provisionals and failures after the 2xx are not passed on', (t) => {
  const placed = placedInvite(openStage(t));
  placed.respond(200, { body: sdp('peer') });
  placed.app.told(200);
  placed.respond(180);
  placed.respond(486);
  placed.respond(183, { tag: 'other' });
  t.strictSame(placed.app.left, []);
  t.equal(placed.edge.core.stats().dialogs, 1);
  t.end();
});

t.test('two branches answer: the first is the call, the second is acknowledged and ended, once (RFC 3261 §13.2.2.4)', (t) => {
  const placed = placedInvite(openStage(t));
  for (const tag of ['one', 'two']) placed.respond(180, { tag });
  t.equal(placed.edge.core.stats().dialogs, 2);
  placed.respond(200, { tag: 'two', body: sdp('two') });
  placed.app.told(200);
  t.equal(placed.edge.core.stats().dialogs, 1);
  for (let i = 0; i < 3; i += 1) placed.respond(200, { tag: 'one', body: sdp('one') });
  t.equal(placed.peer.request('ACK').toTag, 'one');
  t.equal(placed.peer.request('BYE').toTag, 'one');
  t.strictSame(placed.peer.left, []);
  placed.app.ask('ACK', { dialogId: placed.dialogId });
  t.equal(placed.peer.request('ACK').toTag, 'two');
  t.end();
});

t.test('one INVITE by two ways: the application may answer either, and the other one is refused with 480 (drachtio-server)', (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage);
  stage.app.answer(transactionId, 180);
  stage.peer.response(180);
  stage.peer.send(call.request('INVITE', { branch: 'z9hG4bKother', body: sdp('peer') }));
  const other = stage.app.told('INVITE').transactionId;
  stage.app.answer(other, 180);
  const ringing = stage.peer.response(180);
  const { dialogId } = stage.app.answer(transactionId, 200, { body: sdp('edge') });
  const ok = stage.peer.response(200);
  t.not(ok.toTag, ringing.toTag);
  stage.app.answer(other, 200, { body: sdp('edge') });
  t.equal(stage.app.refusal(), 'dialog already exists, rejecting this request');
  t.equal(stage.peer.response(480).toTag, ringing.toTag);
  stage.app.ask('BYE', { dialogId });
  t.equal(stage.peer.request('BYE').fromTag, ok.toTag);
  t.equal(stage.edge.core.stats().dialogs, 1);
  t.end();
});

t.test('a request in the dialog before the ACK is passed on', (t) => {
  const call = answeredCall(openStage(t), { acknowledged: false });
  call.peer.send(call.say('INFO'));
  const info = call.app.told('INFO');
  t.equal(info.dialogId, call.dialogId);
  call.app.answer(info.transactionId, 200);
  call.peer.response(200, 'INFO');
  call.peer.send(call.say('BYE'));
  call.app.answer(call.app.told('BYE').transactionId, 200);
  call.peer.response(200, 'BYE');
  call.edge.clock.advance(64_000);
  t.strictSame(call.peer.left, [], 'and nobody waits for the ACK');
  t.end();
});

t.test('glare: 491 to their re-INVITE while ours is under way, 500 with Retry-After to their second, their 491 to ours is passed on (RFC 3261 §14)', (t) => {
  const call = answeredCall(openStage(t));
  const transactionId = call.app.ask('INVITE', { dialogId: call.dialogId, body: sdp('ours') });
  const ours = call.peer.request('INVITE');
  call.peer.send(call.say('INVITE', { body: sdp('theirs') }));
  call.peer.response(491, 'INVITE');
  call.peer.send(rawResponse(ours, 491, 'Pending'));
  t.equal(call.app.told(491).transactionId, transactionId);
  call.peer.send(call.say('INVITE', { body: sdp('theirs') }));
  call.peer.send(call.say('INVITE', { body: sdp('again') }));
  t.equal(headerOf(call.peer.response(500, 'INVITE'), 'retry-after'), '5');
  t.equal(call.app.told('INVITE').message.body, sdp('theirs'));
  t.strictSame(call.app.left, []);
  t.end();
});

t.test('CSeq counts up: an older or equal one is refused with 500, a gap is not, ours count by one (RFC 3261 §12.2)', (t) => {
  const call = answeredCall(openStage(t));
  for (const [cseq, passed] of [[10, true], [9, false], [10, false], [100, true], [11, false]] as const) {
    call.peer.send(call.say('INFO', { cseq }));
    if (passed) call.app.answer(call.app.told('INFO').transactionId, 200);
    call.peer.response(passed ? 200 : 500, 'INFO');
  }
  t.strictSame(call.app.left, []);
  const numbers = ['INFO', 'MESSAGE', 'BYE'].map((method) => {
    call.app.ask(method, { dialogId: call.dialogId });
    return call.peer.request(method).cseq.number;
  });
  t.strictSame(numbers.map((number) => number - (numbers[0] ?? 0)), [0, 1, 2]);
  t.end();
});

t.test('a request that falls out of every dialog is answered 481, and an ACK nothing', (t) => {
  const call = answeredCall(openStage(t));
  call.peer.send(call.say('BYE'));
  call.app.answer(call.app.told('BYE').transactionId, 200);
  call.peer.clear();
  for (const method of ['INFO', 'BYE', 'UPDATE', 'PRACK', 'INVITE']) {
    call.peer.send(call.say(method));
    call.peer.response(481, method);
  }
  call.peer.clear();
  call.peer.send(call.say('ACK', { cseq: 9 }));
  t.strictSame(call.peer.left, []);
  t.end();
});

t.test('the 100 repeats the Timestamp of the INVITE, and has no tag; every other answer has one (RFC 3261 §8.2.6)', (t) => {
  const stage = openStage(t);
  stage.peer.send(incomingInvite(stage).call.request('INVITE', { branch: 'z9hG4bKts', headers: 'Timestamp: 54' }));
  const trying = stage.peer.response(100);
  t.equal(headerOf(trying, 'timestamp'), '54');
  t.equal(trying.toTag, '');
  const { transactionId } = stage.app.told('INVITE');
  stage.app.answer(transactionId, 404);
  t.not(stage.peer.response(404).toTag, '');
  t.end();
});
