/** What happens inside an answered call between real user agents: hold, re-INVITEs, other requests, a transfer. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { hangUp, requestInDialog, type SipDialog, type SipRequest } from '../sip/index.js';
import { answers, openBed, portIn, sdp } from './proxy-bed.fixture.js';

t.test('an attended transfer: the dialog that Replaces names is the one that its receiver has', async (t) => {
  const bed = await openBed(t);
  const theirs: SipDialog[] = [];
  bed.onInvite((invite, response) => void bed.callee.srf.createUAS(invite, response, { localSdp: sdp(41_000) }).then((dialog) => theirs.push(dialog)));
  const [first, second] = [await bed.call(), await bed.call()];
  const named = (dialog: SipDialog): string => `${dialog.sip.callId};to-tag=${dialog.sip.remoteTag};from-tag=${dialog.sip.localTag}`;
  const asked = new Promise<SipRequest>((resolve) => {
    theirs[0]?.on('refer', (refer, response) => {
      response.send(202);
      resolve(refer);
    });
  });
  const referTo = (replaces: string): string => `<sip:third@far.example?Replaces=${encodeURIComponent(replaces)}&X-Also=1>`;
  await requestInDialog(first, { method: 'REFER', headers: { 'Refer-To': referTo(`${named(second)};early-only`) } });
  const { callId, localTag, remoteTag } = theirs[1]?.sip ?? { callId: '', localTag: '', remoteTag: '' };
  t.equal((await asked).get('refer-to'), referTo(`${callId};to-tag=${localTag};from-tag=${remoteTag};early-only`), 'as the third party knows the second call');
  const replacing = new Promise<SipRequest>((resolve) => {
    theirs[0]?.on('message', (message, response) => {
      response.send(200);
      resolve(message);
    });
  });
  await requestInDialog(first, { method: 'MESSAGE', headers: { Replaces: named(second), 'Content-Type': 'text/plain' }, body: 'x' });
  t.equal((await replacing).get('replaces'), `${callId};to-tag=${localTag};from-tag=${remoteTag}`);
  await Promise.all([hangUp(first), hangUp(second)]);
});

t.test('hold and resume by either side cross the call, and the recorder is told', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  await bed.offered(1);
  for (const [who, from, to] of [
    ['caller', ours, theirs],
    ['callee', theirs, ours],
  ] as const) {
    const seen: string[] = [];
    to.on('modify', (request, response) => {
      seen.push(request.body);
      response.send(200, { body: request.body.includes('sendonly') ? sdp(41_002, 'a=recvonly') : sdp(41_002) });
    });
    const before = bed.offers.length;
    const held = await requestInDialog(from, { method: 'INVITE', body: sdp(40_002, 'a=sendonly') });
    t.equal(held.status, 200, `hold by the ${who}`);
    t.match(held.body, 'a=recvonly');
    t.match(seen[0], 'a=sendonly');
    t.notMatch(seen[0] ?? '', '40002', 'the anchor stays in between');
    await bed.offered(before + 1);
    const resumed = await requestInDialog(from, { method: 'INVITE', body: sdp(40_002) });
    await bed.offered(before + 2);
    t.match(resumed.body, 'a=sendrecv');
  }
  t.strictSame(
    bed.offers.map((offer) => (offer.match(/a=(sendonly|inactive)/g) ?? []).join(' ')),
    ['a=sendonly a=sendonly', 'a=sendonly a=inactive', 'a=sendonly a=sendonly', 'a=inactive a=sendonly', 'a=sendonly a=sendonly'],
  );
  await hangUp(ours);
});

t.test('a re-INVITE that the other side refuses is refused, and the call goes on', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  theirs.on('modify', (_request, response) => response.send(488));
  t.equal((await requestInDialog(ours, { method: 'INVITE', body: sdp(40_004) })).status, 488);
  t.equal(bed.proxy.calls, 1);
  await hangUp(ours);
});

t.test('after a re-INVITE that is refused, media goes on to where it went before', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const [here, there] = [createSocket('udp4'), createSocket('udp4')];
  t.teardown(() => [here, there].forEach((socket) => socket.close()));
  for (const socket of [here, there]) await once(socket.bind(0, '127.0.0.1'), 'listening');
  const ours = await bed.call({ localSdp: sdp(here.address().port) });
  const { invite, dialog: theirs } = await answered;
  theirs.on('modify', (_request, response) => response.send(488));
  t.equal((await requestInDialog(ours, { method: 'INVITE', body: sdp(40_998) })).status, 488);
  const heard = once(here, 'message') as Promise<[Buffer]>;
  there.send(Buffer.from([0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3]), portIn(invite.body), '127.0.0.1');
  t.equal((await heard)[0].length, 15);
  await hangUp(ours);
});

t.test('INFO, MESSAGE, OPTIONS, NOTIFY, UPDATE and REFER cross the call with their bodies and answers', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  for (const method of ['INFO', 'MESSAGE', 'OPTIONS', 'NOTIFY', 'REFER'] as const) {
    const got = new Promise<SipRequest>((resolve) => {
      theirs.on(method.toLowerCase() as 'info', (request, response) => {
        response.send(202, { headers: { 'X-Seen': method } });
        resolve(request);
      });
    });
    const headers = { 'Content-Type': 'text/plain', 'X-Sent': method, 'Refer-To': '<sip:else@where.example>', Event: 'refer', 'Subscription-State': 'active' };
    const answer = await requestInDialog(ours, { method, headers, body: `hello ${method}` });
    const request = await got;
    t.strictSame([request.body, request.get('x-sent'), answer.status, answer.message.get('x-seen')], [`hello ${method}`, method, 202, method]);
  }
  theirs.on('update', (request, response) => response.send(200, { body: sdp(41_008, request.body.includes('sendonly') ? 'a=recvonly' : 'a=sendrecv') }));
  const updated = await requestInDialog(ours, { method: 'UPDATE', body: sdp(40_008, 'a=sendonly') });
  t.equal(updated.status, 200);
  t.match(updated.body, 'a=recvonly');
  t.not(portIn(updated.body), 41_008);
  await hangUp(theirs);
});
