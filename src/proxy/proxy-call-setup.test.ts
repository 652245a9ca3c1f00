/** How a call begins between real user agents: answered, refused, given up, with early media, with a delayed offer. */
import { once } from 'node:events';
import t from 'tap';
import { hangUp, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import { addressOf, answers, openBed, portIn, sdp } from './proxy-bed.fixture.js';

t.test('a call goes on to the next hop with its number, headers and parties, its media through the anchor', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed, undefined, { 'X-Answer': 'yes' });
  const ours = await bed.call({ headers: { 'X-Unknown': 'kept', 'P-Asserted-Identity': '<sip:+4410@caller.example>' } });
  const { invite, dialog } = await answered;
  t.equal(invite.uri.replace(/;.*/, ''), `sip:+4420@${addressOf(bed.callee)}`);
  t.match(invite.uri, /;user=phone/, 'parameters of the number stay');
  t.match(invite.get('from'), /^"Ann" <sip:ann@caller\.example>;tag=/);
  t.equal(invite.get('x-unknown'), 'kept');
  t.equal(invite.get('p-asserted-identity'), '<sip:+4410@caller.example>');
  t.match(invite.get('session-id'), /^[0-9a-f]{32};remote=0{32}$/, 'a session ID is made and sent on');
  t.not(portIn(invite.body), 40_000, "the callee is told the anchor's port");
  t.not(portIn(ours.remote.sdp), 41_000, "the caller is told the anchor's port");
  t.match(invite.body, 'a=rtpmap:101 telephone-event/8000');
  const hungUp = once(dialog, 'destroy');
  await hangUp(ours);
  await hungUp;
  const end = await bed.ended();
  t.match(end, { outcome: 'answered', sipStatus: 200 });
  t.equal(end.recording, undefined, 'the stitcher will say what became of the recording');
  t.match(bed.ledger[0], { began: { trunk: 'one', from: 'sip:ann@caller.example' }, answered: true });
  t.equal(bed.offers.length, 1);
  t.match(bed.offers[0], /m=audio \d+ RTP\/AVP 8 101[^]*a=label:1[^]*m=audio \d+ RTP\/AVP 8 101[^]*a=label:2/);
  t.match(bed.offers[0], /aor="sip:ann@caller\.example"/);
});

t.test('the callee hangs up: the caller is hung up with the same Reason', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog } = await answered;
  const bye = once(ours, 'destroy') as Promise<[SipRequest]>;
  await hangUp(dialog, { Reason: 'Q.850;cause=16' });
  t.equal((await bye)[0].get('reason'), 'Q.850;cause=16');
  t.match(await bed.ended(), { outcome: 'answered', reason: 'hung up by the callee' });
});

t.test('a refusal comes back as it is, and the ledger has it', async (t) => {
  const bed = await openBed(t);
  bed.onInvite((_invite, response) => response.send(486, { headers: { 'X-Why': 'talking' } }));
  const refused = await bed.call().then(
    () => undefined,
    (error: unknown) => error as { status: number; res: SipResponse },
  );
  t.equal(refused?.status, 486);
  t.equal(refused?.res.get('x-why'), 'talking');
  t.match(await bed.ended(), { outcome: 'rejected', sipStatus: 486, recording: 'excluded' });
  t.strictSame(bed.offers, [], 'nothing was to be recorded');
});

t.test('a caller who gives up: the callee is cancelled', async (t) => {
  const bed = await openBed(t);
  const cancelled = new Promise<void>((resolve) => {
    bed.onInvite((invite, response) => {
      invite.on('cancel', () => resolve());
      response.send(180);
    });
  });
  let request: SipRequest | undefined;
  const outcome = bed
    .call({}, { cbRequest: (_error: unknown, sent: SipRequest) => (request = sent), cbProvisional: () => request?.cancel(() => undefined) })
    .then(
      () => 0,
      (error: unknown) => (error as { status: number }).status,
    );
  await cancelled;
  t.equal(await outcome, 487);
  t.match(await bed.ended(), { outcome: 'cancelled', sipStatus: 487, recording: 'excluded' });
});

t.test('a caller who gives up at once: the call comes to an end, whether the callee has heard of it or not', async (t) => {
  const bed = await openBed(t);
  bed.onInvite((_invite, response) => response.send(180));
  const outcome = bed.call({}, { cbRequest: (_error: unknown, sent: SipRequest) => sent.cancel(() => undefined) }).then(
    () => 0,
    (error: unknown) => (error as { status: number }).status,
  );
  t.equal(await outcome, 487);
  t.match(await bed.ended(), { outcome: 'cancelled', sipStatus: 487 });
});

t.test('early media: an SDP in 183 is anchored, and recording begins with it', async (t) => {
  const bed = await openBed(t);
  const early = new Promise<SipResponse>((resolve) => {
    bed.onInvite((invite, response) => {
      response.send(183, { body: sdp(41_006) });
      setTimeout(() => void bed.callee.srf.createUAS(invite, response, { localSdp: sdp(41_006) }), 150);
    });
    void bed.call({}, { cbProvisional: (response: SipResponse) => resolve(response) }).then((dialog) => hangUp(dialog));
  });
  const response = await early;
  t.equal(response.status, 183);
  t.not(portIn(response.body), 41_006);
  t.not(portIn(response.body), 0);
  await bed.ended();
  t.equal(bed.offers.length, 1);
});

t.test('delayed offer: the callee offers in its 200, the caller answers in its ACK, both through the anchor', async (t) => {
  const bed = await openBed(t);
  const answered = new Promise<{ dialog: SipDialog; ack: SipRequest; invite: SipRequest }>((resolve) => {
    bed.onInvite((invite, response) => {
      void bed.callee.srf.createUAS(invite, response, { localSdp: sdp(41_010) }).then((dialog) => {
        dialog.once('ack', (ack) => resolve({ dialog, ack: ack as unknown as SipRequest, invite }));
      });
    });
  });
  const { ack: acknowledge, sdp: offer } = (await bed.call({ localSdp: '', noAck: true })) as unknown as { sdp: string; ack: (sdp: string) => Promise<SipDialog> };
  t.not(portIn(offer), 41_010);
  const ours = await acknowledge(sdp(40_010));
  const { ack, invite } = await answered;
  t.equal(invite.body, '');
  t.not(portIn(ack.body), 40_010);
  t.not(portIn(ack.body), 0);
  await bed.offered(1);
  await hangUp(ours);
  t.match(await bed.ended(), { outcome: 'answered' });
});

t.test('each party has the address of the network that it is reached by, the recorder that of the first', async (t) => {
  const second = /c=IN IP4 127\.0\.0\.2/u;
  for (const [networks, caller, callee] of [[{ trunk: 'second' }, true, true], [{ nextHop: 'second' }, false, true], [{}, false, false]] as const) {
    const bed = await openBed(t, { networks });
    const answered = answers(bed);
    const ours = await bed.call();
    const { invite } = await answered;
    await bed.offered(1);
    t.strictSame([second.test(ours.remote.sdp), second.test(invite.body)], [caller, callee], JSON.stringify(networks));
    t.match(bed.offers[0], /c=IN IP4 127\.0\.0\.1/u);
    await hangUp(ours);
    await bed.ended();
  }
});
