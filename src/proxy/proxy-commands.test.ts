/** Recording on demand, and commands of the parties to a recording, between real user agents. */
import t from 'tap';
import { hangUp, requestInDialog, type DialogResponse } from '../sip/index.js';
import { answers, openBed } from './proxy-bed.fixture.js';

t.test('on demand: the wish and its change travel to the recorder; a party that is trusted says it in headers, which go no further', async (t) => {
  const bed = await openBed(t, { policy: { otherwise: { record: 'on-demand', pausable: true } }, recordingControl: ['caller'] });
  const answered = answers(bed);
  const ours = await bed.call({ headers: { 'X-Recording': 'pause' } });
  const { invite, dialog } = await answered;
  t.notOk(invite.has('x-recording'));
  await bed.offered(1);
  t.match(bed.offers[0], /a=inactive[^]*keep="false"[^]*<pause from=[^]*by="sip caller"/);
  const info = (headers: Record<string, string>, body = ''): Promise<DialogResponse> => requestInDialog(ours, { method: 'INFO', headers, body });
  t.match(await info({ 'X-Recording': 'start' }), { status: 200 });
  const resumed = await info({ 'X-Recording': 'resume' });
  t.equal(resumed.message.get('x-recording'), 'recording');
  t.match(await info({ 'X-Recording': 'louder' }), { status: 403 });
  await bed.offered(2);
  while (!/a=sendonly[^]*keep="true"/.test(bed.offers.at(-1) ?? '')) await bed.offered(bed.offers.length + 1);
  t.match(bed.proxy.running.list(), [{ recording: 'recording', trunk: 'one' }]);
  const [sessionId = ''] = bed.proxy.running.list().map((call) => call.sessionId);
  ours.on('info', (request, response) => response.send(request.has('x-recording') ? 400 : 202));
  t.equal((await requestInDialog(dialog, { method: 'INFO', headers: { 'X-Recording': 'stop' } })).status, 202, 'the callee is not trusted: its INFO goes on, without the header');
  t.match(bed.proxy.running.list(), [{ recording: 'recording' }]);
  t.match(bed.proxy.running.command(sessionId, { command: 'stop' }, 'api'), { state: 'stopped' });
  await hangUp(ours);
  await bed.ended();
});

for (const dtmfMasked of [false, true]) {
  t.test(`key sequences by INFO command the recording, the keys go on to the other side and stand nowhere${dtmfMasked ? ', masked' : ''}`, async (t) => {
    const lines: string[] = [];
    const bed = await openBed(t, { policy: { otherwise: { record: 'always', pausable: true, dtmfMasked }, dtmf: { pause: '*3', resume: '*4' } }, logTo: (line) => lines.push(line) });
    const answered = answers(bed);
    const ours = await bed.call();
    const { dialog } = await answered;
    const keys: string[] = [];
    dialog.on('info', (request, response) => {
      keys.push(request.body.replace(/[^]*Signal=(.).*[^]*/, '$1'));
      response.send(200);
    });
    for (const key of ['*', '3']) await requestInDialog(ours, { method: 'INFO', headers: { 'Content-Type': 'application/dtmf-relay' }, body: `Signal=${key}\r\nDuration=100\r\n` });
    t.match(bed.proxy.running.list(), [{ recording: 'paused' }]);
    for (const key of ['9', '9', '9', '9']) await requestInDialog(ours, { method: 'INFO', headers: { 'Content-Type': 'application/dtmf-relay' }, body: `Signal=${key}\r\nDuration=100\r\n` });
    t.strictSame(keys, ['*', '3', '9', '9', '9', '9']);
    while (!/by="dtmf caller"/u.test(bed.offers.at(-1) ?? '')) await bed.offered(bed.offers.length + 1);
    await hangUp(ours);
    await bed.ended();
    t.ok(lines.length > 0);
    for (const where of [lines.join(''), JSON.stringify(bed.ledger), bed.offers.join('')]) t.notMatch(where, /Signal|dtmf-relay|"[0-9*#]"/u);
    t.equal(/<control[^>]* dtmf="masked"/u.test(bed.offers[0] ?? ''), dtmfMasked);
  });
}

t.test('a call on demand that no recorder took and nobody asked for is not lost but excluded', async (t) => {
  const bed = await openBed(t, { policy: { otherwise: { record: 'on-demand' } }, recorder: (_request, response) => response.send(503) });
  const answered = answers(bed);
  const ours = await bed.call();
  await answered;
  await hangUp(ours);
  t.match(await bed.ended(), { outcome: 'answered', recording: 'excluded', reason: 'on demand: nobody asked' });
});
