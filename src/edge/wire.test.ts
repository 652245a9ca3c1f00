import t from 'tap';
import { encodeFrame } from './app/frame-reader.js';
import type { Edge } from './edge-options.js';
import { openAuthenticated, openRawApp } from './raw-app.fixture.js';
import { isRequest, isResponse, openRawUdp, rawCall, rawResponse } from './raw-peer.fixture.js';
import { tableLookUps } from './transport/table-look-ups.fixture.js';
import { connectApp, openQuietEdge, sdp, until, type SrfRequest } from './party.fixture.js';

const udpPort = (edge: Edge): number => edge.listening[0]?.port ?? 0;

t.test('authentication tells the addresses and a version that drachtio-srf knows', async (t) => {
  const edge = await openQuietEdge(t);
  const app = await openRawApp(t, edge);
  app.send('m1|authenticate|cymru|tag1,tag2');
  const { tokens } = await app.take('response', 'm1', 'OK');
  t.equal(tokens[4], `udp/127.0.0.1:${udpPort(edge)},tcp/127.0.0.1:${edge.listening[1]?.port ?? 0}`);
  t.match(tokens[5], /^v\d+\.\d+\.\d+/u);
  t.equal(tokens[6], tokens[4]);
  app.send('m2|ping');
  await app.take('response', 'm2', 'OK', 'pong');
});

t.test('a wrong secret, a command before it, an unknown command: NO, and the connection is closed', async (t) => {
  const edge = await openQuietEdge(t);
  const wrong = await openRawApp(t, edge);
  wrong.send('m1|authenticate|wrong|');
  await wrong.take('response', 'm1', 'NO', 'incorrect secret');
  await wrong.ended;
  for (const command of ['ping', 'route|invite', 'sip||\r\nOPTIONS sip:x SIP/2.0\r\n\r\n']) {
    const early = await openRawApp(t, edge);
    early.send(`m1|${command}`);
    await early.take('response', 'm1', 'NO');
    await early.ended;
  }
  const unknown = await openAuthenticated(t, edge);
  unknown.send('m2|frobnicate');
  await unknown.take('response', 'm2', 'NO');
  await unknown.ended;
  await t.rejects(connectApp(t, edge, 'wrong'));
});

t.test('a frame too large or without a length is refused with an error, and others go on', async (t) => {
  const edge = await openQuietEdge(t);
  for (const bytes of ['300000#', 'x#', '#']) {
    const app = await openAuthenticated(t, edge);
    app.write(bytes);
    await app.take('response', '', 'NO');
    await app.ended;
  }
  const app = await openAuthenticated(t, edge);
  const ping = encodeFrame('m1|ping') + encodeFrame('m2|ping');
  for (const byte of ping) app.write(byte);
  await app.take('response', 'm1', 'OK');
  await app.take('response', 'm2', 'OK');
});

t.test('a new request is delivered in the documented layout, and its response echoed in the other', async (t) => {
  const edge = await openQuietEdge(t);
  const [app, peer] = [await openAuthenticated(t, edge, ['message']), await openRawUdp(t)];
  const call = rawCall(peer.port, `sip:x@127.0.0.1:${udpPort(edge)}`);
  const body = Buffer.from('grüße 🙂', 'utf8').toString('latin1');
  peer.send(call.request('MESSAGE', { body }), udpPort(edge));
  const { tokens, text } = await app.take('sip', 'network');
  t.match(tokens.slice(3), [`${text.length}`, 'udp', '127.0.0.1', `${peer.port}`, /^\d\d:\d\d:\d\d\.\d{6}$/u, /^[\da-f-]{36}$/u, '', '127.0.0.1', `${udpPort(edge)}`, '']);
  t.match(text, new RegExp(`rport=${peer.port};received=127\\.0\\.0\\.1`, 'u'));
  t.ok(text.endsWith(body), 'UTF-8 is counted and carried in bytes');
  app.send(`m1|sip|${tokens[8] ?? ''}|\r\nSIP/2.0 200 OK\r\nx-own: 1\r\nCall-ID: ignored\r\n\r\n`);
  const echo = await app.take('response', 'm1', 'OK', 'application');
  t.match(echo.tokens.slice(5), [`${echo.text.length}`, 'udp', '127.0.0.1', `${peer.port}`, /:/u, tokens[8], '', '', 'Msg sent:', '']);
  t.match(echo.text, new RegExp(`^SIP/2\\.0 200 OK\r\n[^]*Call-ID: ${call.callId}\r\n`, 'u'));
  await peer.take('200', isResponse(200, 'MESSAGE'));
  app.send(`m2|sip|${tokens[8] ?? ''}|\r\nSIP/2.0 200 OK\r\n\r\n`);
  await app.take('response', 'm2', 'NOK', 'Response not sent due to unknown transaction');
});

t.test('what applications ask for in error is answered NOK, in the words that drachtio-srf knows', async (t) => {
  const edge = await openQuietEdge(t);
  const app = await openAuthenticated(t, edge);
  const own = `sip:x@127.0.0.1:${udpPort(edge)}`;
  for (const [command, answer] of [
    [`sip||\r\nINVITE nonsense SIP/2.0\r\n\r\n`, 'invalid request-uri: INVITE nonsense SIP/2.0'],
    [`sip||\r\nFROB sip:x@127.0.0.1:9 SIP/2.0\r\n\r\n`, 'invalid request-uri: FROB'],
    [`sip||\r\nOPTIONS ${own} SIP/2.0\r\n\r\n`, 'can not send request to myself'],
    [`sip||\r\nOPTIONS sip:x@localhost:${udpPort(edge)} SIP/2.0\r\n\r\n`, 'can not send request to myself'],
    [`sip||\r\nOPTIONS sip:x@127.0.0.1:9;transport=sctp SIP/2.0\r\n\r\n`, 'requested protocol/transport not available'],
    [`sip||\r\nOPTIONS sip:x@[::1]:9 SIP/2.0\r\n\r\n`, 'unable to resolve'],
    [`sip||\r\nMESSAGE sip:x@127.0.0.1:9 SIP/2.0\r\n\r\nhello`, 'missing content-type'],
    [`sip||none;from-tag=x\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`, 'Server error: unable to find dialog for dialog id provided'],
    [`sip||\r\nACK sip:x@127.0.0.1:9 SIP/2.0\r\n\r\n`, 'Server error: ACK for non-success final response is automatically generated by server'],
    [`sip|none|\r\nCANCEL sip:x@127.0.0.1:9 SIP/2.0\r\n\r\n`, 'unable to cancel unknown transaction id: none'],
    [`sip|none|\r\nSIP/2.0 200 OK\r\n\r\n`, 'Response not sent due to unknown transaction'],
    [`proxy|none||||serial|||sip:x@127.0.0.1:9`, 'Unknown transaction id: none'],
  ] as const) {
    app.send(`m1|${command}`);
    const { tokens } = await app.take('response', 'm1', 'NOK');
    t.ok(tokens[4]?.startsWith(answer), `${answer}: ${tokens[4] ?? ''}`);
  }
  app.send('m2|sip||\r\nSIP/2.0 200 OK\r\n\r\n');
  await app.take('response', 'm2', 'NO', 'transaction id missing');
  await app.ended;
});

t.test('an ACK comes with the transaction of its INVITE and without a protocol', async (t) => {
  const edge = await openQuietEdge(t);
  const [app, peer] = [await openAuthenticated(t, edge, ['invite']), await openRawUdp(t)];
  const call = rawCall(peer.port, `sip:x@127.0.0.1:${udpPort(edge)}`);
  peer.send(call.request('INVITE', { body: sdp('x') }), udpPort(edge));
  const { tokens } = await app.take('sip', 'network');
  app.send(`m1|sip|${tokens[8] ?? ''}|\r\nSIP/2.0 200 OK\r\nto: <sip:x@y>;tag=mine\r\n\r\n${sdp('y')}`);
  const ok = await peer.take('200', isResponse(200));
  t.equal(ok.toTag, 'mine', 'an application may choose its tag');
  const echo = await app.take('response', 'm1', 'OK');
  const dialogId = echo.tokens[11] ?? '';
  t.match(dialogId, new RegExp(`^${call.callId};from-tag=raw`, 'u'));
  t.match(echo.text, /Contact: <sip:127\.0\.0\.1:\d+>\r\nContent-Type: application\/sdp\r\n/u);
  peer.send(call.request('ACK', { to: `To: <sip:x@y>;tag=mine`, branch: 'z9hG4bKa' }), udpPort(edge));
  const ack = await app.take('sip', 'network');
  t.match(ack.tokens.slice(4), ['', '127.0.0.1', `${peer.port}`, /:/u, tokens[8], dialogId, '']);
});

t.test('several applications take the requests of a verb in turn; one that is gone, or took its route back, is passed over', async (t) => {
  const edge = await openQuietEdge(t);
  const apps = [await openAuthenticated(t, edge, ['options', 'info']), await openAuthenticated(t, edge, ['options']), await openAuthenticated(t, edge, ['options'])] as const;
  const peer = await openRawUdp(t);
  const ask = (): void => peer.send(rawCall(peer.port, `sip:x@127.0.0.1:${udpPort(edge)}`).request('OPTIONS'), udpPort(edge));
  for (const app of [...apps, ...apps]) {
    ask();
    await app.take('sip', 'network');
  }
  apps[0].send('m1|remove_route|options');
  await apps[0].take('response', 'm1', 'OK');
  apps[1].close();
  await apps[1].ended;
  for (let i = 0; i < 3; i += 1) {
    await until('the third is asked', () => {
      ask();
      return apps[2].has('sip', 'network');
    });
    await apps[2].take('sip', 'network');
  }
  peer.send(rawCall(peer.port, `sip:x@127.0.0.1:${udpPort(edge)}`).request('INFO'), udpPort(edge));
  t.match((await apps[0].take('sip', 'network')).text, /^INFO /u);
});

t.test('a CANCEL is answered by the edge, and told with the transaction of its INVITE', async (t) => {
  const edge = await openQuietEdge(t);
  const [app, peer] = [await openAuthenticated(t, edge, ['invite']), await openRawUdp(t)];
  const call = rawCall(peer.port, `sip:x@127.0.0.1:${udpPort(edge)}`);
  peer.send(call.request('INVITE'), udpPort(edge));
  const { tokens } = await app.take('sip', 'network');
  peer.send(call.request('CANCEL'), udpPort(edge));
  const answered = await peer.take('200', isResponse(200, 'CANCEL'));
  const refused = await peer.take('487', isResponse(487, 'INVITE'));
  t.equal(answered.toTag, refused.toTag, 'both answers are of one user agent (RFC 3261 §9.2)');
  const cancel = await app.take('sip', 'network');
  t.match(cancel.text, /^CANCEL /u);
  t.equal(cancel.tokens[8], tokens[8]);
  t.equal(cancel.tokens[9], '');
});

t.test('a route url is only the next hop', async (t) => {
  const edge = await openQuietEdge(t);
  const [app, peer] = [await openAuthenticated(t, edge), await openRawUdp(t)];
  app.send(`m1|sip|||sip:127.0.0.1:${peer.port}\r\nOPTIONS sip:x@192.0.2.7 SIP/2.0\r\nVia: x\r\nRoute: <sip:y>\r\nbad name: z\r\n\r\n`);
  const options = await peer.take('OPTIONS', isRequest('OPTIONS'));
  t.equal(options.kind === 'request' && options.uri, 'sip:x@192.0.2.7');
  t.notOk(options.headers.some((each) => each.key === 'route' || each.name.startsWith('bad')));
  const echo = await app.take('response', 'm1', 'OK', 'application');
  t.match(echo.tokens.slice(6), ['udp', '127.0.0.1', `${udpPort(edge)}`, /:/u, /-/u, 'Msg sent:', '']);
  peer.send(rawResponse(options, 200, 'OK', { tag: 'o' }), udpPort(edge));
  const answer = await app.take('sip', 'network');
  t.equal(answer.tokens[8], echo.tokens[10]);
});

t.test('a host name is looked up, and one without address is an error', async (t) => {
  const edge = await openQuietEdge(t, {
    lookUps: tableLookUps({ addresses: { 'known.example': ['2001:db8::1', '127.0.0.1'] } }),
  });
  const peer = await openRawUdp(t);
  const srf = await connectApp(t, edge);
  const request: SrfRequest = await srf.request(`sip:x@known.example:${peer.port}`, { method: 'OPTIONS' });
  t.equal((await peer.take('OPTIONS', isRequest('OPTIONS'))).callId, request.get('Call-ID'));
  await t.rejects(srf.request('sip:x@unknown.example', { method: 'OPTIONS' }), /unable to resolve/u);
});
