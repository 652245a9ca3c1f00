/** What this edge offers beside drachtio-server's protocol, on a standing clock. */
import t, { type Test } from 'tap';
import { headerOf, type SipRequest } from './message/sip-message.js';
import { rawCall, rawResponse, toOf } from './raw-peer.fixture.js';
import { EDGE_URI, openStage, placedInvite } from './standing-call.fixture.js';
import { openStandingEdge, type StandingPeer } from './standing-edge.fixture.js';
import { sdp } from './party.fixture.js';

const WITHIN = 'X-Twintrack-Answer-Within: 4000';

t.test('Answer-Within: an INVITE that gets no response at all counts as timed out then, and no peer sees the header', (t) => {
  const placed = placedInvite(openStage(t), WITHIN);
  t.equal(headerOf(placed.invite, 'x-twintrack-answer-within'), undefined);
  placed.edge.clock.advance(3_999);
  t.strictSame(placed.app.left, []);
  placed.edge.clock.advance(1);
  placed.app.told(408);
  t.end();
});

t.test('Answer-Within: a 100 is a response, and the call may ring for long', (t) => {
  const placed = placedInvite(openStage(t), WITHIN);
  placed.respond(100);
  placed.edge.clock.advance(60_000);
  t.strictSame(placed.app.left, []);
  placed.respond(180);
  placed.app.told(180);
  t.end();
});

t.test('Answer-Within: who answers too late is cancelled at the first provisional, and the application hears no more of it', (t) => {
  const placed = placedInvite(openStage(t), WITHIN);
  placed.edge.clock.advance(4_000);
  placed.app.told(408);
  placed.peer.clear();
  placed.respond(180);
  const cancel = placed.peer.request('CANCEL');
  placed.peer.send(rawResponse(cancel, 200, 'OK', { tag: 'far' }));
  placed.respond(487);
  placed.peer.request('ACK');
  placed.edge.clock.advance(60_000);
  t.strictSame(placed.app.left, []);
  t.equal(placed.edge.core.pending, 0);
  t.end();
});

t.test('Answer-Within: a 200 that comes too late is acknowledged and ended with BYE, unheard', (t) => {
  const placed = placedInvite(openStage(t), WITHIN);
  placed.edge.clock.advance(4_000);
  placed.app.told(408);
  placed.peer.clear();
  placed.respond(200, { body: sdp('late') });
  placed.peer.request('ACK');
  placed.peer.send(rawResponse(placed.peer.request('BYE'), 200, 'OK', { tag: 'far' }));
  placed.edge.clock.advance(60_000);
  t.strictSame(placed.app.left, []);
  t.equal(placed.edge.core.stats().dialogs, 0);
  t.equal(placed.edge.core.pending, 0);
  t.end();
});

interface Failover {
  readonly advance: (ms: number) => void;
  readonly caller: StandingPeer;
  readonly targets: readonly StandingPeer[];
  readonly reports: () => string[];
  answer(target: number, status: number): SipRequest;
}

/** A call proxied to two targets, the second for the case that the first fails. */
function failingOver(t: Test, headers = 'X-Twintrack-Failover: 12000'): Failover {
  const edge = openStandingEdge(t);
  const app = edge.app('invite');
  const [caller, ...targets] = [edge.peer(7_000), edge.peer(7_001), edge.peer(7_002)] as const;
  const call = rawCall(caller.port, 'sip:4420@elsewhere.example');
  caller.send(call.request('INVITE', { headers: 'X-Secret: 1\r\nX-Kept: 2' }).replace('INVITE sip:127.0.0.1:5060', 'INVITE sip:4420@elsewhere.example'));
  caller.response(100);
  const { transactionId } = app.told('INVITE');
  const uris = targets.map(({ port }) => `sip:4420@127.0.0.1:${port}`).join('|');
  app.send(`p|proxy|${transactionId}|remainInDialog|fullResponse||serial|4000ms||${uris}\r\nINVITE sip:x SIP/2.0\r\n${headers}\r\n\r\n`);
  return {
    advance: (ms) => edge.clock.advance(ms),
    caller,
    targets,
    reports: () => app.answers('p').map((tokens) => tokens.at(-1) ?? ''),
    answer: (target, status) => {
      const peer = targets[target];
      const invite = peer?.request('INVITE');
      if (peer === undefined || invite === undefined) throw new Error('no such target');
      peer.send(rawResponse(invite, status, 'Said', { tag: `t${target}`, headers: `Contact: <sip:t@127.0.0.1:${peer.port}>` }));
      return invite;
    },
  };
}

for (const status of [503, 408]) {
  t.test(`Failover: ${status} leads to the next target, and only what that says goes back`, (t) => {
    const call = failingOver(t);
    call.answer(0, status);
    t.strictSame(call.caller.left, []);
    call.answer(1, 486);
    call.caller.response(486);
    t.strictSame(call.reports(), ['continue', 'continue', 'done']);
    t.end();
  });
}

for (const status of [302, 404, 486, 500, 603]) {
  t.test(`Failover: ${status} is an answer, and goes back`, (t) => {
    const call = failingOver(t);
    call.answer(0, status);
    call.caller.response(status);
    t.strictSame(call.targets[1]?.left, []);
    t.end();
  });
}

t.test('Failover: silence leads to the next target; what the first says after that is not heard, and it is cancelled', (t) => {
  const call = failingOver(t);
  call.advance(4_000);
  call.answer(0, 180);
  call.targets[0]?.request('CANCEL');
  t.strictSame(call.caller.left, []);
  call.answer(1, 180);
  call.caller.response(180);
  t.end();
});

t.test('Failover: the last word counts: 503 and then silence is 408', (t) => {
  const call = failingOver(t);
  call.answer(0, 503);
  call.advance(4_000);
  call.caller.response(408);
  t.strictSame(call.reports(), ['continue', 'continue', 'done'], 'the application is told of the 408 as well');
  t.end();
});

t.test('Failover: nothing more is tried once a provisional has gone back, or the time is over', (t) => {
  const heard = failingOver(t);
  const invite = heard.answer(0, 180);
  heard.caller.response(180);
  heard.targets[0]?.send(rawResponse(invite, 503, 'Said', { tag: 't0' }));
  heard.caller.response(503);
  t.strictSame(heard.targets[1]?.left, []);

  const late = failingOver(t, 'X-Twintrack-Failover: 3000');
  late.advance(4_000);
  late.caller.response(408);
  t.strictSame(late.targets[1]?.left, []);
  t.end();
});

t.test('Failover: a caller who gives up while the second is asked stops it all', (t) => {
  const edge = failingOver(t);
  edge.advance(4_000);
  const invite = edge.answer(1, 100);
  edge.caller.send(rawCall(edge.caller.port, EDGE_URI).request('CANCEL').replace(/Call-ID: .*/u, `Call-ID: ${invite.callId}`)
    .replace(/Via: .*/u, `Via: ${invite.headers.filter(({ key }) => key === 'via').at(-1)?.value ?? ''}`)
    .replace(/From: .*/u, `From: ${headerOf(invite, 'from') ?? ''}`));
  edge.caller.response(200, 'CANCEL');
  edge.caller.response(487);
  edge.targets[1]?.request('CANCEL');
  t.end();
});

t.test('Retarget and Strip: the target is the Request-URI whosever that was, and headers stay behind', (t) => {
  const call = failingOver(t, 'X-Twintrack-Failover: 12000\r\nX-Twintrack-Retarget: yes\r\nX-Twintrack-Strip: X-Other, x-secret\r\nX-Added: 3');
  const invite = call.answer(0, 404);
  t.equal(invite.uri, 'sip:4420@127.0.0.1:7001');
  t.strictSame(['x-secret', 'x-kept', 'x-added', 'x-twintrack-failover', 'x-twintrack-retarget', 'x-twintrack-strip'].map((key) => headerOf(invite, key)), [undefined, '2', '3', undefined, undefined, undefined]);
  t.equal(failingOver(t).answer(0, 404).uri, 'sip:4420@elsewhere.example', 'as drachtio-server does it, without being asked');
  t.end();
});

t.test('TLS-Identity: told of who has proved it, taken from who says so himself, and nobody is told unasked', (t) => {
  const claim = 'X-Twintrack-TLS-Identity: bank.example';
  for (const [tellTlsIdentity, identity, expected] of [
    [true, ['sbc.example.com', 'sip.example.com'], 'sbc.example.com, sip.example.com'],
    [true, [], undefined],
    [true, undefined, undefined],
    [false, ['sbc.example.com'], 'bank.example'],
  ] as const) {
    const edge = openStandingEdge(t, { tellTlsIdentity });
    const app = edge.app('invite');
    const peer = edge.peer(7_000, { protocol: 'tcp', ...(identity === undefined ? {} : { identity }) });
    peer.send(rawCall(peer.port, EDGE_URI, 'TCP').request('INVITE', { headers: claim }));
    const { message, transactionId } = app.told('INVITE');
    t.equal(headerOf(message, 'x-twintrack-tls-identity'), expected);
    app.answer(transactionId, 486);
    t.ok(toOf(peer.response(486)));
  }
  t.end();
});
