import t, { type Test } from 'tap';
import type { EdgeEnvironment } from './open-edge.js';
import { openCable } from './cable.fixture.js';
import { connectApp, dialogsGone, failureOf, finalResponse, later, next, openParty, openQuietEdge, quick, sdp, until, type Party, type SrfApp, type SrfDialog, type SrfRequest } from './party.fixture.js';
import { isRequest, isResponse, openRawUdp, rawCall, rawResponse, toOf, type RawPeer } from './raw-peer.fixture.js';
import { openAuthenticated } from './raw-app.fixture.js';
import type { Edge } from './edge-options.js';

const patient: EdgeEnvironment = quick;
const hasty: EdgeEnvironment = { timing: { ...quick.timing, orphanMs: 150 } };

interface Cut {
  readonly edge: Edge;
  readonly srf: SrfApp;
  readonly peer: Party;
  readonly port: number;
  /** Dialogs of the application and of its peer: the application answered one call and made the other. */
  readonly uas: SrfDialog;
  readonly caller: SrfDialog;
  readonly uac: SrfDialog;
  readonly callee: SrfDialog;
  cut(): Promise<void>;
  mend(): Promise<void>;
}

/** An application with a call in either direction, and a connection that can be cut. */
async function openCalls(t: Test, environment: EdgeEnvironment, tags: readonly string[] = []): Promise<Cut> {
  const [edge, peer] = await Promise.all([openQuietEdge(t, environment), openParty(t, quick)]);
  const cable = await openCable(t, edge);
  const srf = await connectApp(t, edge, 'cymru', tags, { port: cable.port });
  srf.on('error', () => undefined);
  const port = edge.listening[0]?.port ?? 0;
  srf.use('options', (_request, response) => response.send(200));
  const [mine, theirs] = [later<SrfDialog>(), later<SrfDialog>()];
  for (const [app, { settle }, name] of [[srf, mine, 'mine'], [peer.srf, theirs, 'theirs']] as const) {
    app.invite((request, response) => void app.createUAS(request, response, { localSdp: sdp(name) }).then((dialog) => {
      dialog.once('ack', () => settle(dialog));
    }));
  }
  const [caller, uac] = await Promise.all([
    peer.srf.createUAC(`sip:x@127.0.0.1:${port}`, { localSdp: sdp('theirs') }), srf.createUAC(peer.uri(), { localSdp: sdp('mine') }),
  ]);
  const [uas, callee] = await Promise.all([mine.value, theirs.value]);
  // As an application does that means to go on after a lost connection: without it, drachtio-srf's
  // Dialogs send on the socket that they began on.
  for (const dialog of [uas, uac]) dialog.req.socket = undefined;
  return {
    edge, srf, peer, port, uas, caller, uac, callee,
    cut: async () => {
      const closed = next(srf, 'close');
      cable.cut();
      await closed;
      await until('the edge knows', async () => (await finalResponse(await peer.srf.request(`sip:x@127.0.0.1:${port}`, { method: 'OPTIONS' }))).status === 503);
    },
    mend: async () => {
      const connected = next(srf, 'connect');
      cable.mend();
      await connected;
    },
  };
}

t.test('dialogs survive the loss of the connection: the same Dialogs re-INVITE and hang up in both directions afterwards', async (t) => {
  const calls = await openCalls(t, patient);
  await calls.cut();
  t.equal((await calls.edge.stats()).dialogs, 2);
  await calls.mend();
  t.match(await calls.uas.modify(sdp('again')), /s=theirs/u);
  t.match(await calls.callee.modify(sdp('once more')), /s=mine/u);
  t.match(await calls.caller.modify(sdp('over')), /s=again/u);
  t.match(await calls.uac.modify(sdp('back')), /s=once more/u);
  const [ended, hungUp] = [next(calls.caller, 'destroy'), next(calls.uac, 'destroy')];
  await Promise.all([calls.uas.destroy(), calls.callee.destroy()]);
  await Promise.all([ended, hungUp]);
  await Promise.all([dialogsGone(calls.edge), dialogsGone(calls.peer.edge)]);
});

t.test('meanwhile a request in a dialog is answered 503 with Retry-After, and the dialog stands (RFC 5057 §5.1)', async (t) => {
  const calls = await openCalls(t, patient);
  await calls.cut();
  for (const dialog of [calls.caller, calls.callee]) {
    const answer = await dialog.request({ method: 'INFO' });
    t.equal(answer.status, 503);
    t.match(answer.get('Retry-After'), /^\d+$/u);
    t.equal(await failureOf(dialog.modify(sdp('no'))), 503);
  }
  await calls.mend();
  for (const dialog of [calls.caller, calls.callee]) t.equal((await dialog.request({ method: 'INFO' })).status, 200);
});

t.test('a peer that hangs up meanwhile is answered 200, and the application told on its return', async (t) => {
  const calls = await openCalls(t, patient);
  await calls.cut();
  const gone = [next(calls.uas, 'destroy'), next(calls.uac, 'destroy')];
  await calls.caller.destroy();
  await calls.callee.destroy({ headers: { Reason: 'SIP ;cause=200 ;text="enough"' } });
  await dialogsGone(calls.edge);
  await calls.mend();
  const [first] = await Promise.all(gone);
  t.match(first, { method: 'BYE' });
  t.equal(calls.srf.findDialogById(calls.uac.id), undefined);
});

t.test('an application that does not come back in time: both ends are hung up, and nothing is left', async (t) => {
  const calls = await openCalls(t, hasty);
  const gone = [next<SrfRequest>(calls.caller, 'destroy'), next<SrfRequest>(calls.callee, 'destroy')];
  await calls.cut();
  for (const bye of await Promise.all(gone)) t.match(bye.get('Reason'), /application gone/u);
  await Promise.all([dialogsGone(calls.edge), dialogsGone(calls.peer.edge)]);
});

t.test('whoever comes with other tags gets none of it; the first with the same set, in whatever order, gets all', async (t) => {
  const calls = await openCalls(t, patient, ['b', 'a']);
  await calls.cut();
  await connectApp(t, calls.edge);
  await connectApp(t, calls.edge, 'cymru', ['a']);
  t.equal((await calls.caller.request({ method: 'INFO' })).status, 503);
  const heir = await openAuthenticated(t, calls.edge, [], 'a,b,a');
  void calls.caller.request({ method: 'INFO' });
  const { tokens, text } = await heir.take('sip', 'network');
  t.match(text, /^INFO /u);
  t.equal(tokens[9], calls.uas.id);
});

t.test('what an application had not answered is answered: 503 with Retry-After for an INVITE, 200 for a BYE', async (t) => {
  const edge = await openQuietEdge(t, quick);
  const [app, peer, port] = [await openAuthenticated(t, edge, ['invite']), await openRawUdp(t), edge.listening[0]?.port ?? 0];
  const uri = `sip:x@127.0.0.1:${port}`;
  const [ringing, answered] = [rawCall(peer.port, uri), rawCall(peer.port, uri)];
  peer.send(answered.request('INVITE', { body: sdp('x') }), port);
  const { tokens } = await app.take('sip', 'network');
  app.send(`m1|sip|${tokens[8] ?? ''}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp('y')}`);
  const to = toOf(await peer.take('200', isResponse(200)));
  peer.send(answered.request('ACK', { to, branch: 'z9hG4bKack' }), port);
  await app.take('sip', 'network');
  peer.send(answered.request('BYE', { to, branch: 'z9hG4bKbye', cseq: 2 }), port);
  const bye = await app.take('sip', 'network');
  peer.send(ringing.request('INVITE', { body: sdp('x') }), port);
  await app.take('sip', 'network');
  app.close();
  await peer.take('200 to BYE', isResponse(200, 'BYE'));
  const refused = await peer.take('503', isResponse(503, 'INVITE'));
  t.ok(refused.headers.some((each) => each.key === 'retry-after'));
  const back = await openAuthenticated(t, edge);
  const told = await back.take('sip', 'application');
  t.equal(told.tokens[8], 'unsolicited');
  t.equal(told.tokens[9], bye.tokens[9]);
  await dialogsGone(edge);
});

/** The final of an INVITE that a lost application sent, after its ACK: what comes next from the edge. */
const afterAck = async (peer: RawPeer): Promise<string> => {
  await peer.take('ACK', isRequest('ACK'));
  return peer.take('BYE', isRequest('BYE')).then(() => 'BYE');
};

t.test('an INVITE of its own that rings is cancelled; one that was answered and not acknowledged is acknowledged and ended', async (t) => {
  const edge = await openQuietEdge(t, quick);
  const [app, ringing, answering, port] = [await openAuthenticated(t, edge), await openRawUdp(t), await openRawUdp(t), edge.listening[0]?.port ?? 0];
  for (const [id, peer] of [['m1', ringing], ['m2', answering]] as const) {
    app.send(`${id}|sip||\r\nINVITE sip:x@127.0.0.1:${peer.port} SIP/2.0\r\n\r\n${sdp('x')}`);
    await app.take('response', id, 'OK');
  }
  ringing.send(rawResponse(await ringing.take('INVITE', isRequest('INVITE')), 180, 'Ringing', { tag: 'r' }), port);
  const contact = `Contact: <sip:raw@127.0.0.1:${answering.port}>`;
  answering.send(rawResponse(await answering.take('INVITE', isRequest('INVITE')), 200, 'OK', { tag: 'a', headers: contact, body: sdp('y') }), port);
  for (const _each of [180, 200]) await app.take('sip', 'network');
  app.close();
  const cancel = await ringing.take('CANCEL', isRequest('CANCEL'));
  ringing.send(rawResponse(cancel, 200, 'OK'), port);
  t.equal(await afterAck(answering), 'BYE');
  await until('only the one that rings is left', async () => (await edge.stats()).dialogs <= 1);
});

t.test('a subscription that is accepted after its application has gone is not kept', async (t) => {
  const edge = await openQuietEdge(t, quick);
  const [app, peer, port] = [await openAuthenticated(t, edge), await openRawUdp(t), edge.listening[0]?.port ?? 0];
  app.send(`m1|sip||\r\nSUBSCRIBE sip:x@127.0.0.1:${peer.port} SIP/2.0\r\nEvent: presence\r\n\r\n`);
  const subscribe = await peer.take('SUBSCRIBE', isRequest('SUBSCRIBE'));
  app.close();
  await openAuthenticated(t, edge);
  const [contact, notifier] = [`Contact: <sip:raw@127.0.0.1:${peer.port}>`, rawCall(peer.port, `sip:x@127.0.0.1:${port}`)];
  peer.send(rawResponse(subscribe, 200, 'OK', { tag: 'n', headers: contact }), port);
  const notify = notifier.request('NOTIFY', { to: `To: <sip:x@y>;tag=${subscribe.fromTag}` })
    .replace(/Call-ID: .*/u, `Call-ID: ${subscribe.callId}`).replace(/;tag=raw\d+/u, ';tag=n');
  peer.send(notify, port);
  await peer.take('481', isResponse(481, 'NOTIFY'));
  t.equal((await edge.stats()).dialogs, 0);
});

t.test('a 2xx goes on being repeated while the application is away, and its ACK is taken', async (t) => {
  const edge = await openQuietEdge(t, quick);
  const [app, peer, port] = [await openAuthenticated(t, edge, ['invite']), await openRawUdp(t), edge.listening[0]?.port ?? 0];
  const call = rawCall(peer.port, `sip:x@127.0.0.1:${port}`);
  peer.send(call.request('INVITE', { body: sdp('x') }), port);
  const { tokens } = await app.take('sip', 'network');
  app.send(`m1|sip|${tokens[8] ?? ''}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp('y')}`);
  await app.take('response', 'm1', 'OK');
  app.close();
  await app.ended;
  await peer.take('200', isResponse(200));
  const to = toOf(await peer.take('200 again', isResponse(200)));
  peer.send(call.request('ACK', { to, branch: 'z9hG4bKack' }), port);
  const back = await openAuthenticated(t, edge);
  back.send(`m2|sip||${call.callId};from-tag=${/tag=(\S+)/u.exec(call.request('ACK'))?.[1] ?? ''}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
  await back.take('response', 'm2', 'OK');
  const bye = await peer.take('BYE', isRequest('BYE'));
  t.notOk(bye.headers.some((each) => each.key === 'reason'), 'it is the application’s own, not for want of an ACK');
  peer.send(rawResponse(bye, 200, 'OK'), port);
  await dialogsGone(edge);
});

t.test('a second answer of another branch is ended without a word to the application, whose call stands', async (t) => {
  const [party, peer] = await Promise.all([openParty(t, quick), openRawUdp(t)]);
  const contact = `Contact: <sip:raw@127.0.0.1:${peer.port}>`;
  const calling = party.srf.createUAC(`sip:x@127.0.0.1:${peer.port}`, { localSdp: sdp('x') });
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'one', headers: contact, body: sdp('y') }), party.port());
  const dialog = await calling;
  let destroyed = false;
  dialog.on('destroy', () => {
    destroyed = true;
  });
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'two', headers: contact, body: sdp('z') }), party.port());
  const bye = await peer.take('BYE', isRequest('BYE'));
  t.equal(bye.toTag, 'two');
  peer.send(rawResponse(bye, 200, 'OK'), party.port());
  const info = dialog.request({ method: 'INFO' });
  peer.send(rawResponse(await peer.take('INFO', isRequest('INFO')), 200, 'OK'), party.port());
  await info;
  t.equal(destroyed, false);
  void dialog.destroy();
  peer.send(rawResponse(await peer.take('BYE', isRequest('BYE')), 200, 'OK'), party.port());
  await dialogsGone(party.edge);
});
