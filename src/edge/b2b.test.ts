import { networkInterfaces } from 'node:os';
import t, { type Test } from 'tap';
import { isRequest, isResponse, openRawUdp, rawCall, rawResponse, toOf } from './raw-peer.fixture.js';
import { headerOf } from './message/sip-message.js';
import { dialogsGone, failureOf, later, next, openParty, sdp, type Party, type SrfDialog, type SrfRequest, type SrfResponse } from './party.fixture.js';

/** Passes everything between the two legs of a call, as a back-to-back application does. */
function join(uas: SrfDialog, uac: SrfDialog): void {
  for (const [one, other] of [[uas, uac], [uac, uas]] as const) {
    one.on('destroy', () => void other.destroy().catch(() => undefined));
    one.on('modify', (request: SrfRequest, response: SrfResponse) => {
      void other.modify(request.body).then((answer) => response.send(200, { body: answer }));
    });
    one.on('info', (request: SrfRequest, response: SrfResponse) => {
      void other.request({ method: 'INFO', body: request.body, headers: { 'Content-Type': 'application/dtmf-relay' } })
        .then((answer) => response.send(answer.status));
    });
  }
}

interface Trio {
  readonly caller: Party;
  readonly middle: Party;
  readonly callee: Party;
}

async function openTrio(test: Test, transport: 'udp' | 'tcp' = 'udp'): Promise<Trio> {
  const [caller, middle, callee] = await Promise.all([openParty(test), openParty(test), openParty(test)]);
  middle.srf.invite((request, response) => {
    middle.srf.createB2BUA(request, response, callee.uri(transport), { localSdpB: request.body })
      .then(({ uas, uac }) => join(uas, uac), () => undefined);
  });
  return { caller, middle, callee };
}

for (const transport of ['udp', 'tcp'] as const) {
  t.test(`a back-to-back call over ${transport}: early media, re-INVITE from both sides, INFO, BYE from the caller`, async (t) => {
    const { caller, callee, middle } = await openTrio(t, transport);
    const answered = later<SrfDialog>();
    callee.srf.invite((request, response) => {
      response.send(183, { body: sdp('early') });
      void callee.srf.createUAS(request, response, { localSdp: sdp('callee') }).then(answered.settle);
    });
    const early: string[] = [];
    const dialog = await caller.srf.createUAC(middle.uri(transport), { localSdp: sdp('caller') }, {
      cbProvisional: (response: SrfResponse) => early.push(`${response.status} ${response.body}`),
    });
    t.strictSame(early, [`183 ${sdp('early')}`]);
    t.equal(dialog.remote.sdp, sdp('callee'));
    const far = await answered.value;
    t.equal(far.remote.sdp, sdp('caller'));

    far.on('modify', (_request: SrfRequest, response: SrfResponse) => response.send(200, { body: sdp('callee-2') }));
    t.equal(await dialog.modify(sdp('caller-2')), sdp('callee-2'));
    dialog.on('modify', (request: SrfRequest, response: SrfResponse) => {
      t.equal(request.body, sdp('callee-3'));
      response.send(200, { body: sdp('caller-3') });
    });
    t.equal(await far.modify(sdp('callee-3')), sdp('caller-3'));

    const digit = later<string>();
    far.on('info', (request: SrfRequest, response: SrfResponse) => {
      digit.settle(request.body);
      response.send(200);
    });
    const info = await dialog.request({ method: 'INFO', body: 'Signal=5', headers: { 'Content-Type': 'application/dtmf-relay' } });
    t.equal(info.status, 200);
    t.equal(await digit.value, 'Signal=5');

    const ended = next(far, 'destroy');
    await dialog.destroy();
    await ended;
    for (const party of [caller, middle, callee]) await dialogsGone(party.edge);
  });
}

t.test('the callee ends a back-to-back call', async (t) => {
  const { caller, middle, callee } = await openTrio(t);
  callee.srf.invite((request, response) => {
    void callee.srf.createUAS(request, response, { localSdp: sdp('callee') }).then((dialog) => {
      dialog.on('ack', () => void dialog.destroy());
    });
  });
  const dialog = await caller.srf.createUAC(middle.uri(), { localSdp: sdp('caller') });
  await next(dialog, 'destroy');
});

t.test('a refusal by the callee reaches the caller', async (t) => {
  const { caller, middle, callee } = await openTrio(t);
  callee.srf.invite((_request, response) => response.send(486, { headers: { 'X-Why': 'at lunch' } }));
  t.equal(await failureOf(caller.srf.createUAC(middle.uri(), { localSdp: sdp('caller') })), 486);
});

t.test('a CANCEL of the caller reaches the callee, and the caller gets 487', async (t) => {
  const { caller, middle, callee } = await openTrio(t);
  const cancelled = later<undefined>();
  callee.srf.invite((request, response) => {
    request.on('cancel', () => cancelled.settle(undefined));
    response.send(180);
  });
  let sent: SrfRequest | undefined;
  t.equal(await failureOf(caller.srf.createUAC(middle.uri(), { localSdp: sdp('caller') }, {
    cbRequest: (_error: unknown, request: SrfRequest) => {
      sent = request;
    },
    cbProvisional: () => sent?.cancel(),
  })), 487);
  await cancelled.value;
});

t.test('a callee that answers although it was cancelled is acknowledged and hung up on', async (t) => {
  const [middle, peer, caller] = await Promise.all([openParty(t), openRawUdp(t), openRawUdp(t)]);
  const lost = later<unknown>();
  middle.srf.invite((request, response) => {
    middle.srf.createB2BUA(request, response, `sip:late@127.0.0.1:${peer.port}`, { localSdpB: request.body }).then(
      () => lost.settle('connected'),
      (error: unknown) => lost.settle(error),
    );
  });
  const call = rawCall(caller.port, middle.uri());
  caller.send(call.request('INVITE', { body: sdp('caller') }), middle.port());
  const invite = await peer.take('INVITE', isRequest('INVITE'));
  peer.send(rawResponse(invite, 180, 'Ringing', { tag: 'late' }), middle.port());
  await caller.take('180', isResponse(180));
  caller.send(call.request('CANCEL'), middle.port());
  const cancel = await peer.take('CANCEL', isRequest('CANCEL'));
  peer.send(rawResponse(cancel, 200, 'OK', { tag: 'late' }), middle.port());
  peer.send(rawResponse(invite, 200, 'OK', { tag: 'late', headers: `Contact: <sip:late@127.0.0.1:${peer.port}>`, body: sdp('late') }), middle.port());
  await peer.take('ACK', isRequest('ACK'));
  const bye = await peer.take('BYE', isRequest('BYE'));
  t.match(headerOf(bye, 'reason'), /cancel race/u);
  const refused = await caller.take('487', isResponse(487));
  caller.send(call.request('ACK', { to: toOf(refused) }), middle.port());
  t.ok(await lost.value);
});

t.test('an INVITE without an offer: the offer comes in the 200 and the answer in the ACK', async (t) => {
  const { caller, middle, callee } = await openTrio(t);
  const answer = later<string>();
  callee.srf.invite((request, response) => {
    t.equal(request.body, '');
    void callee.srf.createUAS(request, response, { localSdp: sdp('offer') }).then((dialog) => {
      dialog.on('ack', (ack: SrfRequest) => answer.settle(ack.body));
    });
  });
  const pending = await caller.srf.createUAC(middle.uri(), { localSdp: '', noAck: true }) as unknown as { sdp: string; ack(sdp: string): Promise<SrfDialog> };
  t.equal(pending.sdp, sdp('offer'));
  const dialog = await pending.ack(sdp('answer'));
  t.equal(await answer.value, sdp('answer'));
  await dialog.destroy();
});

t.test('a call between IPv6 literals', async (t) => {
  const hasV6 = Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === '::1'));
  // A machine without IPv6 carries the same call over IPv4: the addresses differ, not what is shown.
  const host = hasV6 ? '::1' : '127.0.0.1';
  const listen = [{ transport: 'udp' as const, host, port: 0 }, { transport: 'tcp' as const, host, port: 0 }];
  const [caller, callee] = await Promise.all([openParty(t, {}, { listen }), openParty(t, {}, { listen })]);
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('y') }));
  const place = hasV6 ? '[::1]' : host;
  for (const uri of [`sip:x@${place}:${callee.port()}`, `sip:x@${place}:${callee.port('tcp')};transport=tcp`]) {
    const dialog = await caller.srf.createUAC(uri, { localSdp: sdp('x') });
    t.ok(dialog.remote.uri.includes(`${place}:`), dialog.remote.uri);
    await dialog.destroy();
  }
  await dialogsGone(callee.edge);
});
