/** Calls that are not recorded, because a rule says so or because they cannot be, and those that are refused. */
import { once } from 'node:events';
import t from 'tap';
import { hangUp, requestInDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import { addressOf, answers, openBed, portIn, sdp } from './proxy-bed.fixture.js';

t.test('a recorder that refuses costs the recording, not the call', async (t) => {
  const bed = await openBed(t, { recorder: (_request, response) => response.send(503) });
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  const info = once(theirs, 'info') as Promise<[SipRequest, SipResponse]>;
  const asked = requestInDialog(ours, { method: 'INFO' });
  (await info)[1].send(200);
  t.equal((await asked).status, 200, 'the call is alive');
  await hangUp(ours);
  t.match(await bed.ended(), { outcome: 'answered', recording: 'lost', reason: /refused with 503/, unrecorded: [{ resumed: false, reason: /refused with 503/ }] });
});

t.test('a call that a rule excludes is proxied with Record-Route, its media untouched, and the ledger names the rule', async (t) => {
  const policy = { rules: [{ name: 'other calls', when: { callee: ['+49!'] }, record: 'always' }, { name: 'private', when: { callee: ['+44!'] }, record: 'never' }] };
  const bed = await openBed(t, { policy });
  const answered = answers(bed, sdp(41_000, 'a=x-untouched'));
  const ours = await bed.call({ localSdp: sdp(40_000, 'a=x-offer') });
  const { invite, dialog: theirs } = await answered;
  t.equal(invite.body, sdp(40_000, 'a=x-offer'));
  t.equal(ours.remote.sdp, sdp(41_000, 'a=x-untouched'));
  t.ok(invite.has('record-route'));
  t.equal(invite.uri, `sip:+4420@${addressOf(bed.callee)};user=phone`, 'the number that was dialled goes on');
  t.match(invite.get('session-id'), /^[0-9a-f]{32};remote=0{32}$/u, 'the session ID is sent on all the same');
  // The caller has the answer before the proxy is told of it.
  while (bed.ledger[0]?.answered !== true) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame([bed.proxy.calls, bed.ledger[0].end], [1, undefined], 'it runs until it is hung up');
  const hungUp = once(theirs, 'destroy');
  await hangUp(ours);
  await hungUp;
  t.match(await bed.ended(), { outcome: 'answered', recording: 'excluded', reason: 'not to be recorded: rule private' });
  t.strictSame(bed.offers, []);
});

t.test('where recording is mandatory, a call that cannot be recorded is refused as the rule says, and no callee hears of it', async (t) => {
  const bed = await openBed(t, { ports: [59_990, 59_993], policy: { rules: [{ name: 'trading', record: 'always', mandatory: true, refuseWith: 488 }] } });
  let rang = false;
  bed.onInvite((_request, response) => {
    rang = true;
    response.send(486);
  });
  t.match(await bed.call().catch((error: unknown) => error), { status: 488 });
  t.match(await bed.ended(), { outcome: 'refused', sipStatus: 488, recording: 'excluded', reason: /mandatory \(rule trading\).*no media port is free/ });
  t.notOk(rang);
});

t.test('where recording is mandatory, a call whose recorder refuses is ended on both sides, which learn no more than that', async (t) => {
  let watched: () => void = () => undefined;
  const watching = new Promise<void>((resolve) => (watched = resolve));
  const bed = await openBed(t, { recorder: (_request, response) => void watching.then(() => response.send(503)), policy: { otherwise: { record: 'always', mandatory: true } } });
  const answered = answers(bed);
  const ours = await bed.call();
  const ends = [once(ours, 'destroy'), once((await answered).dialog, 'destroy')] as Promise<[SipRequest]>[];
  watched();
  for (const end of ends) t.equal((await end)[0].get('reason'), 'SIP;cause=503;text="the call cannot be recorded"');
  t.match(await bed.ended(), { outcome: 'interrupted', recording: 'lost', reason: /refused with 503/ });
});

t.test('a trunk at its limit gets 503 with Retry-After, its calls go on, the ledger has the refused one too, and the next is taken', async (t) => {
  const bed = await openBed(t, { limits: { calls: 1 } });
  const answered = answers(bed);
  const first = await bed.call();
  const { dialog: theirs } = await answered;
  const refusal = (await bed.call().catch((error: unknown) => error)) as { status: number; res: SipResponse };
  t.equal(refusal.status, 503);
  t.match(refusal.res.get('retry-after'), /^[1-5]$/u);
  t.match(await bed.ended(), { outcome: 'refused', sipStatus: 503, recording: 'excluded', reason: /1 calls are in progress/ });
  t.equal(bed.ledger.length, 2);
  const over = once(theirs, 'destroy');
  await hangUp(first);
  await over;
  while (bed.proxy.calls > 0) await new Promise((resolve) => setImmediate(resolve));
  const again = await bed.call().catch((error: unknown) => error);
  t.ok((again as { remote?: unknown }).remote !== undefined, 'there is room again');
});

t.test('a stranger is answered 403, and stands in the ledger as refused', async (t) => {
  const bed = await openBed(t, { sources: ['192.0.2.1'] });
  t.match(await bed.call().catch((error: unknown) => error), { status: 403 });
  t.match(await bed.ended(), { outcome: 'refused', sipStatus: 403, recording: 'excluded', reason: /belongs to no trunk/ });
  t.match(bed.ledger, [{ began: { trunk: '', from: 'sip:ann@caller.example' } }]);
});

t.test('an anchor without free ports costs the recording, not the call', async (t) => {
  const bed = await openBed(t, { ports: [59_990, 59_993] });
  const answered = answers(bed);
  const ours = await bed.call();
  const { invite, dialog: theirs } = await answered;
  t.equal(portIn(invite.body), 40_000, 'the media goes from end to end');
  const hungUp = once(theirs, 'destroy');
  await hangUp(ours);
  await hungUp;
  t.match(await bed.ended(), { outcome: 'answered', recording: 'lost', reason: /no media port is free/ });
});

t.test('where the switch forks by itself it is told, in a header with the session ID that nobody else may say; the media is untouched, and what comes of it is not known yet', async (t) => {
  const bed = await openBed(t, { none: { header: { name: 'X-Record', value: 'yes; session={sessionId}' }, captureWithinSeconds: 300 }, policy: { rules: [{ name: 'private', when: { callee: ['+49!'] }, record: 'never' }] } });
  const answered = answers(bed, sdp(41_000));
  const ours = await bed.call({ localSdp: sdp(40_000), headers: { 'X-Record': 'no' } });
  const { invite, dialog: theirs } = await answered;
  const { sessionId = '' } = bed.ledger[0]?.began ?? {};
  t.strictSame([invite.get('x-record'), invite.body, ours.remote.sdp], [`yes; session=${sessionId}`, sdp(40_000), sdp(41_000)]);
  t.ok(invite.has('record-route'));
  const hungUp = once(theirs, 'destroy');
  await hangUp(ours);
  await hungUp;
  const end = await bed.ended();
  t.strictSame([end.outcome, end.recording, end.reason], ['answered', undefined, 'hung up']);
  t.strictSame([bed.offers, bed.proxy.running.list()], [[], []], 'what has ended runs no more');
});

t.test('where the switch forks by itself, a call that nobody answers is excluded, and one that a rule excludes has no header', async (t) => {
  const none = { header: { name: 'X-Record', value: '{sessionId}' }, captureWithinSeconds: 300 };
  const refused = await openBed(t, { none });
  refused.onInvite((_request, response) => response.send(486));
  t.match(await refused.call().catch((error: unknown) => error), { status: 486 });
  t.match(await refused.ended(), { outcome: 'rejected', recording: 'excluded', reason: /^never answered/ });
  const bed = await openBed(t, { none, policy: { otherwise: { record: 'never' } } });
  const answered = answers(bed);
  const ours = await bed.call();
  t.notOk((await answered).invite.has('x-record'));
  await hangUp(ours);
  t.match(await bed.ended(), { recording: 'excluded', reason: /not to be recorded/ });
});
