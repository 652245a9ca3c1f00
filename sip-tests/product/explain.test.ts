/** `twintrack explain`: what the rules of a configuration make of a call. */
import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { twintrack, twintrackJson } from '../support/product.js';
import { openWorkspace } from '../support/workspace.js';

const policy = `policy:
  internal: ['7...']
  announcements: {consent: consent.wav}
  deny: [{party: ['7900']}]
  rules:
    - {name: trading, when: {party: ['71..'], traffic: external}, record: always, mandatory: true, recorders: {redundancy: single}, retention: deals, dtmfMasked: true}
    - {name: night, when: {hours: {from: '22:00', to: '06:00', timeZone: Europe/Berlin}, headers: [{name: X-Queue, is: sales}]}, record: always, announcement: {name: consent, to: caller, when: before}, beep: {}}
  otherwise: {record: never}
retention: {deals: {days: 10}}
`;

t.test('explain says which rule decides and why none before it does, without a running product', async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  await appendFile(workspace.configFile, policy);
  const explained = await twintrack(workspace, 'explain', '--from', '+49 (30) 123456', '--to', 'sip:7200@pbx.example', '--at', '2026-11-25T13:30:00Z', '--header', 'X-Queue: sales');
  t.equal(explained.status, 0);
  t.equal(explained.stdout, [
    '+49 (30) 123456 calls sip:7200@pbx.example by trunk loopback: external, inbound',
    'looked at     what came of it',
    'deny entry 1  does not fit: neither the caller +4930123456 nor the callee 7200 is 7900',
    'rule trading  does not fit: neither the caller +4930123456 nor the callee 7200 is 71..',
    'rule night    does not fit: it is wed 14:30 in Europe/Berlin, not 22:00 to 06:00 on mon, tue, wed, thu, fri, sat, sun',
    'not recorded, by no rule',
    'goes by the next hops of trunk loopback',
    `next hop${' '.repeat(`sip:127.0.0.1:${workspace.nextHopPort}`.length - 8)}  priority  weight  asked for`,
    `sip:127.0.0.1:${workspace.nextHopPort}  1         1       sip:7200@127.0.0.1:${workspace.nextHopPort}`,
    '',
  ].join('\n'));

  const recorded = await twintrack(workspace, 'explain', '--from', '7100', '--to', '+4420', '--at', '2026-11-25T13:30:00Z');
  t.match(recorded.stdout, /^recorded, by rule trading; refused with 503 when it cannot be recorded\nrecorders: group default, single: sip:\S+\nretention: deals, until 2026-12-05T13:30:00.000Z\nkeys that are pressed: masked\ngoes by /mu);
  const mandatory = await twintrackJson<{ decision: object; direction: string; steps: unknown[] }>(workspace, 'explain', '--from', '7100', '--to', '+4420', '--trunk', 'loopback');
  t.match(mandatory, { direction: 'outbound', steps: { length: 2 }, decision: { record: 'always', mandatory: true, refuseWith: 503, recorders: { group: 'default', redundancy: 'single' }, retention: 'deals', dtmfMasked: true, decidedBy: 'rule trading' } });
  const night = await twintrackJson<{ decision: object }>(workspace, 'explain', '--from', '1', '--to', '2', '--at', '2026-11-25T23:30:00Z', '--header', 'x-queue: Sales');
  t.match(night, { decision: { decidedBy: 'rule night' } });
  const told = await twintrack(workspace, 'explain', '--from', '1', '--to', '2', '--at', '2026-11-25T23:30:00Z', '--header', 'x-queue: Sales');
  t.match(told.stdout, '\nrecorded, by rule night; announcement consent to the caller, before the parties hear each other; beep every 15 s to both\n');
});

t.test('explain --ask shows what the policy service makes of the call, and why an answer is of no use', async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const none = await twintrack(workspace, 'explain', '--from', '1', '--to', '2', '--ask');
  t.equal(none.status, 1);
  t.match(none.stderr, /no policy service to ask/u);

  let answer = '{"version": 1, "record": "never"}';
  const server = createServer((_request, response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(answer));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  await appendFile(workspace.configFile, `policy: {service: {url: 'http://127.0.0.1:${(server.address() as AddressInfo).port}/', timeoutMs: 2000}}\n`);
  const asked = await twintrack(workspace, 'explain', '--from', '1', '--to', '2', '--ask');
  t.match(asked.stdout, /^recorded, by no rule\nrecorders: group default, primary-backup: sip:\S+\nretention: standard\nwith the policy service: not recorded, by policy service\ngoes by the next hops of trunk loopback\n/mu);
  answer = '{"version": 1, "record": "always", "recorders": {"group": "north"}}';
  const elsewhere = await twintrack(workspace, 'explain', '--from', '1', '--to', '2', '--ask');
  t.match(elsewhere.stdout, /recorders: group north, primary-backup: sip:\S+\nretention: standard\nthere is no group "north" in recording.recorders, the group default is taken\n/u);
  answer = '{"version": 1, "record": "sometimes"}';
  const unusable = await twintrack(workspace, 'explain', '--from', '1', '--to', '2', '--ask', '--json');
  t.match(JSON.parse(unusable.stdout), { decision: { decidedBy: 'no rule' }, asked: { record: 'always', decidedBy: 'no rule (policy service: unusable answer)' } });
  t.match(unusable.stderr, /record: /u);
});

t.test('explain refuses what it cannot use, and says what to write', async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const unknown = await twintrack(workspace, 'explain', '--from', '1', '--to', '2', '--trunk', 'other');
  t.strictSame([unknown.status, unknown.stdout], [1, '']);
  t.match(unknown.stderr, /no trunk "other"; there are: loopback/u);
  for (const args of [['--at', 'noon'], ['--header', 'no colon'], []]) {
    const wrong = await twintrack(workspace, 'explain', '--from', '1', ...args, ...(args.length === 0 ? [] : ['--to', '2']));
    t.equal(wrong.status, 2, args.join(' '));
  }
  await appendFile(workspace.configFile, `policy: {rules: [{name: a, record: never, when: {callee: ['7!0']}}]}\n`);
  const faulty = await twintrack(workspace, 'explain', '--from', '1', '--to', '2');
  t.equal(faulty.status, 1);
  t.match(faulty.stderr, /twintrack\.yaml:\d+: policy\.rules\[0\]\.when\.callee\[0\]: the ! for any rest stands at the end/u);
});
