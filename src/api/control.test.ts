import t from 'tap';
import { openSite, token } from './api.fixture.js';
import type { CallControl, ControlCommand } from './call-control.js';
import { ControlLinks } from './control-links.js';
import { openHttp } from './http.js';

const site = await openSite();
const given: string[] = [];
const calls: CallControl = {
  list: () => [{ sessionId: 'one', trunk: 'carrier', from: 'sip:+44@x', to: 'sip:7100@y', startedAtMs: 0, recording: 'waiting' }],
  sessionOf: (party) => (party === '+44' ? { sessionId: 'one' } : party === '7100' ? 'several' : 'none'),
  command: (sessionId, command, source) => {
    given.push(`${sessionId} ${command.command} ${source}`);
    if (sessionId === 'lost') return 'no-recording';
    if (sessionId !== 'one') return undefined;
    return command.command === 'stop' ? { state: 'recording', refused: 'not by this rule' } : { state: 'recording' };
  },
};
const http = await openHttp({ ...site.options, token, library: site.library, calls });
t.teardown(async () => {
  await http.close();
  await site.http.close();
  await site.close();
});
const base = `http://127.0.0.1:${http.port}`;
const send = async (method: string, path: string, body?: unknown, authorization: string | undefined = `Bearer ${token}`) => {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { ...(authorization === '' ? {} : { authorization }), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

t.test('the running calls are listed, and nothing of them without the token', async (t) => {
  t.strictSame((await send('GET', '/v1/calls')).body, [{ sessionId: 'one', trunk: 'carrier', from: 'sip:+44@x', to: 'sip:7100@y', startedAt: '1970-01-01T00:00:00.000Z', recording: 'waiting' }]);
  for (const [method, path] of [['GET', '/v1/calls'], ['POST', '/v1/calls/one/recording'], ['POST', '/v1/calls/recording?party=%2B44'], ['POST', '/v1/calls/one/tokens']] as const) {
    t.equal((await send(method, path, method === 'GET' ? undefined : { command: 'start' }, '')).status, 401, path);
    t.equal((await send(method, path, method === 'GET' ? undefined : { command: 'start' }, 'Bearer wrong')).status, 401, path);
  }
  t.strictSame(given, []);
});

t.test('a command is obeyed or refused with its reason, by session and by party', async (t) => {
  for (const [path, body, status, answer] of [
    ['/v1/calls/one/recording', { command: 'start' }, 200, { sessionId: 'one', recording: 'recording' }],
    ['/v1/calls/one/recording', { command: 'stop' }, 409, { code: 'COMMAND_REFUSED', message: 'not by this rule', recording: 'recording' }],
    ['/v1/calls/one/recording', { command: 'tag', name: 'a', value: 'b' }, 200, { recording: 'recording' }],
    ['/v1/calls/lost/recording', { command: 'start' }, 409, { code: 'COMMAND_REFUSED' }],
    ['/v1/calls/two/recording', { command: 'start' }, 404, { code: 'CALL_UNKNOWN' }],
    ['/v1/calls/recording?party=%2B44', { command: 'pause' }, 200, { sessionId: 'one' }],
    ['/v1/calls/recording?party=7100', { command: 'pause' }, 409, { code: 'CALL_AMBIGUOUS' }],
    ['/v1/calls/recording?party=9', { command: 'pause' }, 404, { code: 'CALL_UNKNOWN' }],
    ['/v1/calls/recording?party=', { command: 'pause' }, 400, { code: 'BAD_REQUEST' }],
    ['/v1/calls/recording', { command: 'pause' }, 400, { code: 'BAD_REQUEST' }],
    ['/v1/calls/one/recording', { command: 'erase' }, 400, { code: 'BAD_REQUEST' }],
    ['/v1/calls/one/recording', { command: 'tag' }, 400, { code: 'BAD_REQUEST' }],
    ['/v1/calls/one/recording', { command: 'start', force: true }, 400, { message: /force/ }],
    ['/v1/calls/one/recording', ['start'], 400, { code: 'BAD_REQUEST' }],
  ] as const) {
    t.match(await send('POST', path, body), { status, body: answer }, `${path} ${JSON.stringify(body)}`);
  }
  t.ok(given.every((one) => one.endsWith(' api')));
});

t.test('a link commands its call with what it allows, by GET and POST, without the token', async (t) => {
  const { body } = await send('POST', '/v1/calls/one/tokens', { commands: ['pause', 'resume'], seconds: 60 });
  const path = body['path'] as string;
  given.length = 0;
  t.match(await send('GET', `${path}?command=pause`, undefined, ''), { status: 200, body: { recording: 'recording' } });
  t.match(await send('POST', `${path}?command=resume`, undefined, ''), { status: 200 });
  t.strictSame(given, ['one pause link', 'one resume link']);
  for (const wrong of [`${path}?command=start`, path, `${path}?command=pause&command=resume`, `${path}A?command=pause`, '/v1/control/nothing?command=pause', `/v1/control/${path.split('.')[1]}?command=pause`]) {
    t.match(await send('GET', wrong, undefined, ''), { status: 403, body: { code: 'LINK_VOID' } }, wrong);
  }
  t.equal(given.length, 2);
  t.notOk(site.logged.some((line) => line.includes(path.slice(-20))), 'no link in the log');
});

t.test('a link is made for a call that runs, for commands that there are, for a day at most', async (t) => {
  for (const [path, body, status] of [
    ['/v1/calls/two/tokens', { commands: ['pause'], seconds: 60 }, 404],
    ['/v1/calls/one/tokens', { commands: [], seconds: 60 }, 400],
    ['/v1/calls/one/tokens', { commands: ['tag'], seconds: 60 }, 400],
    ['/v1/calls/one/tokens', { commands: 'pause', seconds: 60 }, 400],
    ['/v1/calls/one/tokens', { commands: ['pause'], seconds: 0 }, 400],
    ['/v1/calls/one/tokens', { commands: ['pause'], seconds: 86_401 }, 400],
    ['/v1/calls/one/tokens', { commands: ['pause'] }, 400],
  ] as const) {
    t.equal((await send('POST', path, body)).status, status, JSON.stringify(body));
  }
});

t.test('a link is void when its time is over, when a bit of it differs, and for another start of the product', (t) => {
  let nowMs = 0;
  const links = new ControlLinks(() => nowMs);
  const link: { sessionId: string; commands: readonly ControlCommand['command'][] } = { sessionId: 'one', commands: ['pause'] };
  const made = links.make({ sessionId: 'one', commands: ['pause'] }, 10);
  t.strictSame(links.read(made), link);
  t.equal(new ControlLinks(() => nowMs).read(made), undefined);
  for (let at = 0; at < made.length - 1; at += 1) {
    const changed = made.slice(0, at) + (made[at] === 'A' ? 'B' : 'A') + made.slice(at + 1);
    t.equal(links.read(changed), undefined, `character ${at}`);
  }
  nowMs = 9_999;
  t.ok(links.read(made));
  nowMs = 10_000;
  t.equal(links.read(made), undefined);
  t.end();
});
