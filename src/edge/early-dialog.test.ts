/** Before the 200: reliable provisionals (RFC 3262) and UPDATE (RFC 3311). */
import t from 'tap';
import { headerOf } from './message/sip-message.js';
import { rawResponse, toOf } from './raw-peer.fixture.js';
import { acceptedCall, answeredCall, incomingInvite, openStage, placedInvite, speaker } from './standing-call.fixture.js';
import { sdp } from './party.fixture.js';

const RELIABLE = 'Require: 100rel';

t.test('a reliable provisional is repeated from T1 on, doubling, for 64 T1, then the INVITE is refused with 504 (RFC 3262 §3)', (t) => {
  const stage = openStage(t);
  const { transactionId } = incomingInvite(stage, 'Supported: 100rel');
  stage.app.answer(transactionId, 183, { headers: RELIABLE, body: sdp('early') });
  for (const ms of [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000]) {
    stage.edge.clock.advance(ms);
    stage.peer.response(183);
    t.strictSame(stage.peer.left, []);
  }
  stage.edge.clock.advance(500);
  stage.peer.response(504);
  t.equal(stage.edge.core.stats().dialogs, 0);
  stage.app.answer(transactionId, 200, { body: sdp('edge') });
  t.match(stage.app.refusal(), /unknown transaction/u);
  t.end();
});

t.test('a second reliable provisional is sent when the first has its PRACK, in order, numbered by one (RFC 3262 §3)', (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage, 'Require: 100rel');
  for (const status of [180, 183, 182]) stage.app.answer(transactionId, status, { headers: RELIABLE });
  const first = stage.peer.response(180);
  t.strictSame(stage.peer.left, []);
  const say = speaker(call, toOf(first));
  let rseq = Number(headerOf(first, 'rseq'));
  for (const status of [183, 182]) {
    stage.peer.send(say('PRACK', { headers: `RAck: ${rseq} 1 INVITE` }));
    const next = stage.peer.response(status);
    t.equal(Number(headerOf(next, 'rseq')), rseq + 1);
    rseq += 1;
    stage.app.answer(stage.app.told('PRACK').transactionId, 200);
    stage.peer.response(200, 'PRACK');
    t.strictSame(stage.peer.left, []);
  }
  t.end();
});

t.test('a 2xx waits for the PRACK of a provisional with a session description; without one it does not (RFC 3262 §3)', (t) => {
  const stage = openStage(t);
  const waiting = incomingInvite(stage, 'Supported: 100rel');
  stage.app.answer(waiting.transactionId, 183, { headers: RELIABLE, body: sdp('early') });
  const early = stage.peer.response(183);
  const { dialogId } = stage.app.answer(waiting.transactionId, 200, { body: sdp('edge') });
  t.equal(dialogId, `${waiting.call.callId};from-tag=${early.fromTag}`, 'the application is answered at once');
  t.strictSame(stage.peer.left, []);
  stage.app.answer(waiting.transactionId, 486);
  t.match(stage.app.refusal(), /unknown transaction/u, 'it has answered');
  stage.peer.send(speaker(waiting.call, toOf(early))('PRACK', { headers: `RAck: ${headerOf(early, 'rseq') ?? ''} 1 INVITE` }));
  stage.peer.response(200, 'INVITE');

  const plain = incomingInvite(stage, 'Supported: 100rel');
  stage.app.answer(plain.transactionId, 180, { headers: RELIABLE });
  stage.peer.response(180);
  stage.app.answer(plain.transactionId, 200, { body: sdp('edge') });
  stage.peer.response(200, 'INVITE');
  t.end();
});

t.test('a CANCEL while a 2xx waits for its PRACK: 487, and the application that has answered is told that the call is over', (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage, 'Supported: 100rel');
  stage.app.answer(transactionId, 183, { headers: RELIABLE, body: sdp('early') });
  stage.app.answer(transactionId, 200, { body: sdp('edge') });
  stage.peer.send(call.request('CANCEL'));
  stage.peer.response(200, 'CANCEL');
  stage.peer.response(487);
  t.equal(stage.app.told('BYE', 'application').transactionId, 'unsolicited');
  t.notOk(stage.peer.left.includes('200 to INVITE'));
  t.equal(stage.edge.core.stats().dialogs, 0);
  t.end();
});

t.test('RAck fits by response number, CSeq number and method; any other PRACK, and a late one, is answered 481 (RFC 3262 §3, §7.2)', (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage, 'Supported: 100rel');
  stage.app.answer(transactionId, 180, { headers: RELIABLE });
  const early = stage.peer.response(180);
  const rseq = Number(headerOf(early, 'rseq'));
  const say = speaker(call, toOf(early));
  for (const rack of [`${rseq + 1} 1 INVITE`, `${rseq} 2 INVITE`, `${rseq} 1 UPDATE`, `${rseq} 1`, `${rseq}`, '']) {
    stage.peer.send(say('PRACK', rack === '' ? {} : { headers: `RAck: ${rack}` }));
    stage.peer.response(481, 'PRACK');
  }
  const right = say('PRACK', { headers: `RAck:  ${rseq}  1\tINVITE ` });
  stage.peer.send(right);
  const told = stage.app.told('PRACK');
  stage.peer.send(right);
  t.strictSame(stage.app.left, [], 'a repeated PRACK is not a second one');
  stage.app.answer(told.transactionId, 200);
  stage.peer.response(200, 'PRACK');
  stage.peer.send(right);
  stage.peer.response(200, 'PRACK');
  stage.peer.send(say('PRACK', { headers: `RAck: ${rseq} 1 INVITE` }));
  stage.peer.response(481, 'PRACK');
  t.end();
});

t.test('reliable provisionals of the peer: a repeated one and one after a gap are not passed on (RFC 3262 §4)', (t) => {
  const placed = placedInvite(openStage(t));
  const ring = (rseq: number, tag = 'far'): void => placed.respond(180, { tag, headers: `${RELIABLE}\r\nRSeq: ${rseq}` });
  const heard = (): number => placed.app.left.filter((what) => what === '180 to INVITE').length;
  ring(7);
  ring(7);
  t.equal(heard(), 1);
  ring(9);
  t.equal(heard(), 1);
  ring(8);
  t.equal(heard(), 2);
  ring(9);
  t.equal(heard(), 3);
  ring(1, 'other');
  ring(2, 'other');
  t.equal(heard(), 5, 'another peer that forking found counts for itself');
  t.end();
});

t.test('where forking made several early dialogs, a PRACK goes to the one whose response it acknowledges', (t) => {
  const placed = placedInvite(openStage(t));
  const cseq = placed.invite.cseq.number;
  placed.respond(183, { tag: 'one', headers: `${RELIABLE}\r\nRSeq: 5` });
  placed.respond(183, { tag: 'two', headers: `${RELIABLE}\r\nRSeq: 8` });
  placed.respond(180, { tag: 'three' });
  for (const [rseq, tag] of [[8, 'two'], [5, 'one']] as const) {
    placed.app.ask('PRACK', { dialogId: placed.dialogId, headers: `RAck: ${rseq} ${cseq} INVITE` });
    t.equal(placed.peer.request('PRACK').toTag, tag);
  }
  placed.respond(200, { tag: 'three', body: sdp('peer') });
  placed.app.told(200);
  t.end();
});

t.test('the application acknowledges with PRACK inside the early dialog, and its failure is its own affair', (t) => {
  const placed = placedInvite(openStage(t));
  placed.respond(183, { headers: `${RELIABLE}\r\nRSeq: 1`, body: sdp('early') });
  t.equal(placed.app.told(183).dialogId, placed.dialogId);
  const transactionId = placed.app.ask('PRACK', { dialogId: placed.dialogId, headers: `RAck: 1 ${placed.invite.cseq.number} INVITE` });
  const prack = placed.peer.request('PRACK');
  t.equal(prack.toTag, 'far');
  t.equal(prack.cseq.number, placed.invite.cseq.number + 1);
  placed.peer.send(rawResponse(prack, 481, 'Late'));
  t.equal(placed.app.told(481).transactionId, transactionId);
  placed.respond(200, { body: sdp('peer') });
  placed.app.told(200);
  t.end();
});

t.test('UPDATE in early dialogs goes both ways, with an answer to the offer in early media (RFC 3311 §5)', (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage);
  stage.app.answer(transactionId, 183, { body: sdp('early') });
  const early = stage.peer.response(183);
  const say = speaker(call, toOf(early));
  stage.peer.send(say('UPDATE', { body: sdp('peer-2') }));
  const update = stage.app.told('UPDATE');
  stage.app.answer(update.transactionId, 200, { body: sdp('edge-2') });
  t.equal(stage.peer.response(200, 'UPDATE').body, sdp('edge-2'));
  stage.app.ask('UPDATE', { dialogId: update.dialogId, body: sdp('edge-3') });
  const own = stage.peer.request('UPDATE');
  t.ok(headerOf(own, 'contact'));
  stage.peer.send(rawResponse(own, 200, 'OK', { body: sdp('peer-3') }));
  stage.app.told(200);

  const placed = placedInvite(stage);
  placed.respond(183, { body: sdp('early') });
  placed.app.told(183);
  placed.peer.send(placed.say('UPDATE', { body: sdp('peer-2') }));
  placed.app.answer(placed.app.told('UPDATE').transactionId, 200, { body: sdp('edge-2') });
  placed.peer.response(200, 'UPDATE');
  t.end();
});

t.test('an UPDATE with an offer is refused while another offer is open: 500 when it is theirs, 491 when it is ours (RFC 3311 §5.2)', (t) => {
  const stage = openStage(t, { chance: 0.999 });
  const { call, transactionId } = incomingInvite(stage);
  stage.app.answer(transactionId, 180);
  const early = stage.peer.response(180);
  const say = speaker(call, toOf(early));
  stage.peer.send(say('UPDATE', { body: sdp('peer-2') }));
  t.equal(headerOf(stage.peer.response(500, 'UPDATE'), 'retry-after'), '10', 'at most ten seconds');
  stage.peer.send(say('UPDATE'));
  stage.app.answer(stage.app.told('UPDATE').transactionId, 200);
  stage.peer.response(200, 'UPDATE');

  const placed = placedInvite(stage);
  placed.respond(180);
  placed.peer.send(placed.say('UPDATE', { body: sdp('peer-2') }));
  placed.peer.response(491, 'UPDATE');

  const call2 = acceptedCall(openStage(t));
  call2.app.ask('UPDATE', { dialogId: call2.dialogId, body: sdp('edge-2') });
  const ours = call2.peer.request('UPDATE');
  call2.peer.send(call2.say('UPDATE', { body: sdp('peer-2') }));
  call2.peer.response(491, 'UPDATE');
  call2.peer.send(call2.say('INVITE', { body: sdp('peer-2') }));
  call2.peer.response(491, 'INVITE');
  call2.peer.send(rawResponse(ours, 200, 'OK', { body: sdp('peer-2') }));
  call2.peer.send(call2.say('UPDATE', { body: sdp('peer-3') }));
  call2.app.told('UPDATE');
  t.end();
});

t.test('a second UPDATE before the first is answered is refused with 500 and Retry-After (RFC 3311 §5.2)', (t) => {
  const call = answeredCall(openStage(t));
  call.peer.send(call.say('UPDATE', { body: sdp('one') }));
  call.peer.send(call.say('UPDATE', { body: sdp('two') }));
  t.equal(headerOf(call.peer.response(500, 'UPDATE'), 'retry-after'), '5');
  call.app.answer(call.app.told('UPDATE').transactionId, 200, { body: sdp('edge') });
  call.peer.response(200, 'UPDATE');
  call.peer.send(call.say('UPDATE', { body: sdp('three') }));
  call.app.told('UPDATE');
  t.end();
});

t.test('an UPDATE moves the target of the dialog', (t) => {
  const call = answeredCall(openStage(t, { natDetection: false }));
  const moved = call.edge.peer(7_009);
  call.peer.send(call.say('UPDATE').replace(/Contact: .*/u, 'Contact: <sip:moved@127.0.0.1:7009>'));
  call.app.answer(call.app.told('UPDATE').transactionId, 200);
  call.app.ask('BYE', { dialogId: call.dialogId });
  t.equal(moved.request('BYE').uri, 'sip:moved@127.0.0.1:7009');
  t.end();
});
