/** Where requests in a dialog go when a peer is not where its Contact says: as drachtio-server has it. */
import t, { type Test } from 'tap';
import { isPrivate } from './dialog/nat.js';
import { headersOf } from './message/sip-message.js';
import { EDGE_URI, incomingInvite, openStage, placedInvite, speaker } from './standing-call.fixture.js';
import { rawCall, rawResponse, toOf } from './raw-peer.fixture.js';
import { sdp } from './party.fixture.js';

t.test('private addresses are those of RFC 1918 and no others', (t) => {
  for (const host of ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1']) t.ok(isPrivate(host), host);
  for (const host of ['9.255.255.255', '11.0.0.1', '172.15.255.255', '172.32.0.1', '172.0.0.1', '192.167.1.1', '192.169.1.1', '127.0.0.1', '10.1', 'ten.example', '::1', '10.a.b.c']) {
    t.notOk(isPrivate(host), host);
  }
  t.end();
});

/** A caller at 127.0.0.1:7000 that names another Contact, and where the BYE of its call arrives. */
function byeTo(t: Test, contact: string, headers = ''): string[] {
  const stage = openStage(t);
  const places = {
    'its source': stage.peer, '7001/udp': stage.edge.peer(7_001), '7001/tcp': stage.edge.peer(7_001, { protocol: 'tcp' }), 'its proxy': stage.edge.peer(7_002),
  };
  const call = rawCall(7_000, EDGE_URI);
  stage.peer.send(call.request('INVITE', { body: sdp('peer'), ...(headers === '' ? {} : { headers }) }).replace(/Contact: .*/u, `Contact: <${contact}>`));
  const { dialogId } = stage.app.answer(stage.app.told('INVITE').transactionId, 200, { body: sdp('edge') });
  stage.peer.clear();
  stage.app.ask('BYE', { dialogId });
  return Object.entries(places).flatMap(([name, peer]) => {
    if (!peer.left.includes('BYE')) return [];
    t.equal(peer.request('BYE').uri, contact, 'the Request-URI is the Contact in any case');
    return [name];
  });
}

t.test('a caller whose Contact over UDP is not where it speaks from is reached where it speaks from', (t) => {
  for (const contact of ['sip:raw@10.0.0.7:5060', 'sip:raw@10.0.0.7', 'sip:raw@127.0.0.1:7001', 'sip:raw@abc.invalid']) {
    t.strictSame(byeTo(t, contact), ['its source'], contact);
  }
  t.strictSame(byeTo(t, 'sip:raw@127.0.0.1:7000'), ['its source']);
  t.strictSame(byeTo(t, 'sip:raw@127.0.0.1:7001;transport=tcp'), ['7001/tcp'], 'another transport is its wish, not its NAT');
  t.end();
});

t.test('a caller behind a proxy that stays in the route is reached through that', (t) => {
  t.strictSame(byeTo(t, 'sip:raw@10.0.0.7', 'Record-Route: <sip:127.0.0.1:7002;lr>'), ['its proxy']);
  t.end();
});

t.test('a caller that moves behind another address of its NAT is followed with its next re-INVITE', (t) => {
  const stage = openStage(t);
  const { call, transactionId } = incomingInvite(stage);
  const { dialogId } = stage.app.answer(transactionId, 200, { body: sdp('edge') });
  const say = speaker(call, toOf(stage.peer.response(200)));
  stage.peer.send(say('ACK'));
  const elsewhere = stage.edge.peer(7_003);
  elsewhere.send(say('INVITE', { body: sdp('moved') }));
  stage.app.answer(stage.app.told('INVITE').transactionId, 200, { body: sdp('edge') });
  elsewhere.send(say('ACK', { cseq: 2 }));
  stage.app.ask('BYE', { dialogId });
  elsewhere.request('BYE');
  t.end();
});

t.test('a callee that answers with a Contact at another address gets the ACK where the INVITE went; without detection at its Contact', (t) => {
  for (const natDetection of [true, false]) {
    const stage = openStage(t, { natDetection });
    const contact = stage.edge.peer(5_060, { address: '127.0.0.9' });
    const placed = placedInvite(stage);
    stage.peer.send(rawResponse(placed.invite, 200, 'OK', { tag: 'far', headers: 'Contact: <sip:peer@127.0.0.9>', body: sdp('peer') }));
    stage.app.ask('ACK', { dialogId: placed.dialogId });
    t.equal((natDetection ? stage.peer : contact).request('ACK').uri, 'sip:peer@127.0.0.9');
  }
  t.end();
});

t.test('a callee whose nearest proxy names a private address gets everything where the INVITE went, with the whole route', (t) => {
  const stage = openStage(t);
  const placed = placedInvite(stage);
  placed.respond(200, { headers: 'Record-Route: <sip:far.example;lr>, <sip:172.20.0.1;lr>', body: sdp('peer') });
  stage.app.ask('ACK', { dialogId: placed.dialogId });
  t.strictSame(headersOf(stage.peer.request('ACK'), 'route'), ['<sip:172.20.0.1;lr>', '<sip:far.example;lr>']);
  stage.app.ask('BYE', { dialogId: placed.dialogId });
  stage.peer.request('BYE');
  t.end();
});
