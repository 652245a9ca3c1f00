/** What a call's recording is begun with: which recorder has it, how long it is kept, and who is told. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { hangUp } from '../sip/index.js';
import { freePort } from '../udp/free-port.fixture.js';
import { answers, openBed } from './proxy-bed.fixture.js';

t.test('of a group of recorders one keeps silent and one is not there: the third has the call, and the caller has not waited', async (t) => {
  const silent = createSocket('udp4').bind(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const lines: string[] = [];
  const bed = await openBed(t, { recordersBefore: [`sip:silent@127.0.0.1:${silent.address().port}`, `sip:gone@127.0.0.1:${await freePort()};transport=tcp`], logTo: (line) => lines.push(line) });
  const answered = answers(bed);
  const ours = await bed.call();
  await answered;
  await bed.offered(1);
  t.match(lines.join(''), /silent@127.0.0.1:\d+ did not answer in time[^]*gone@127.0.0.1:\d+;transport=tcp/u);
  await hangUp(ours);
  t.strictSame((await bed.ended()).recording, undefined, 'not lost: the stitcher will say');
});

t.test('for how long the recording is kept travels to ledger and recorder, and the ledger has the tags when the call ends', async (t) => {
  const bed = await openBed(t, { policy: { otherwise: { record: 'always', retention: 'long' } }, retention: { long: { days: 2 } } });
  const answered = answers(bed);
  const ours = await bed.call();
  await answered;
  await bed.offered(1);
  const { startedAtMs = 0, sessionId = '' } = bed.ledger[0]?.began ?? {};
  const untilMs = startedAtMs + 2 * 86_400_000;
  t.strictSame(bed.ledger[0]?.began.retention, { class: 'long', untilMs });
  t.match(bed.offers[0], `retention="long" until="${new Date(untilMs).toISOString()}"`);
  bed.proxy.running.command(sessionId, { command: 'tag', name: 'ticket', value: '7' }, 'api');
  await hangUp(ours);
  t.strictSame((await bed.ended()).tags, { ticket: '7' });
});

t.test('on demand the parties are told when somebody asks for the recording, and what came of it stands in the ledger', async (t) => {
  for (const asked of [true, false]) {
    const bed = await openBed(t, { policy: { otherwise: { record: 'on-demand', announcement: { name: 'none', to: 'caller' } } } });
    const answered = answers(bed);
    const dialog = await bed.call();
    await answered;
    await bed.offered(1);
    const [sessionId = ''] = bed.proxy.running.list().map((call) => call.sessionId);
    if (asked) bed.proxy.running.command(sessionId, { command: 'start' }, 'api');
    await hangUp(dialog);
    t.equal((await bed.ended()).announced, asked ? 'announcement none: not played (the configuration has none of that name)' : undefined);
  }
});
