import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { createLog } from '../ops/index.js';
import { Policy, policySettings, type CallFacts } from '../policy/index.js';
import type { Client, Reply } from './client.js';
import { openPolicyService } from './index.js';
import { AskingPolicy, type PolicyServiceParts } from './policy-service.js';
import { factsOf, outcomeOf } from './question.fixture.js';
import { policyServiceSettings } from './settings.js';

interface Bench {
  readonly policy: AskingPolicy;
  /** Bodies of questions, as posted. */
  readonly asked: string[];
  readonly counted: string[];
  readonly log: string[];
  /** What the service says from now on. */
  reply: Reply | (() => Promise<Reply>);
  nowMs: number;
  decide(more?: Partial<CallFacts>, signal?: AbortSignal): Promise<string>;
}

const answer = (record: string, cache?: object): Reply => ({ body: JSON.stringify({ version: 1, record, ...(cache === undefined ? {} : { cache }) }) });
const byCallee = { by: ['callee'], seconds: 60 };
const callee = (user: string): Partial<CallFacts> => ({ callee: { user, host: 'pbx.example' } });
const rules = { deny: [{ party: ['7900'] }], rules: [{ name: 'sales', when: { callee: ['72..'] }, record: 'never' }] };

function openBench(settings: object = {}): Bench {
  const [asked, counted, log]: [string[], string[], string[]] = [[], [], []];
  const client: Client = {
    ask: (body) => {
      asked.push(body);
      return typeof bench.reply === 'function' ? bench.reply() : Promise.resolve(bench.reply);
    },
    close: () => undefined,
  };
  const parts: PolicyServiceParts = {
    local: new Policy(policySettings.parse(rules)),
    log: createLog({ level: 'debug', name: 'test', to: { write: (line: string) => void log.push(line) } }),
    metrics: {
      policyDecided: (by) => counted.push(by),
      policyUnanswered: (reason) => counted.push(reason),
      policyServiceSeconds: (seconds) => counted.push(`${seconds} s`),
      policyBreaker: (state) => counted.push(`breaker ${state}`),
    },
    now: () => bench.nowMs,
    random: () => 0,
  };
  const policy = new AskingPolicy(policyServiceSettings.parse({ url: 'http://127.0.0.1/', ...settings }), parts, client);
  const bench: Bench = {
    policy, asked, counted, log, reply: answer('never'), nowMs: 0,
    decide: async (more, signal) => {
      const { record, decidedBy } = await policy.decide(factsOf(more), signal);
      return `${record}: ${decidedBy}`;
    },
  };
  return bench;
}

t.test('the service decides, and what it leaves out is as in a rule', async (t) => {
  const bench = openBench();
  t.strictSame(await bench.policy.decide(factsOf()), { ...outcomeOf({ record: 'never' }), decidedBy: 'policy service' });
  t.match(JSON.parse(bench.asked[0] ?? ''), { version: 1, callee: { user: '7100' } });
  t.strictSame(bench.counted, ['0 s', 'fresh']);
});

t.test('a call that the deny list denies is never asked about', async (t) => {
  const bench = openBench();
  bench.reply = answer('always');
  t.equal(await bench.decide(callee('7900')), 'never: deny entry 1');
  t.strictSame([bench.asked, bench.counted], [[], ['denied']]);
});

t.test('a cached answer spares the question while it is fresh, and then it is asked anew', async (t) => {
  const bench = openBench();
  bench.reply = answer('never', byCallee);
  t.equal(await bench.decide(), 'never: policy service');
  bench.reply = answer('always', byCallee);
  bench.nowMs = 59_999;
  t.equal(await bench.decide({ trunk: 'other' }), 'never: policy service (cached)');
  t.equal(await bench.decide(callee('7101')), 'always: policy service');
  bench.nowMs = 60_000;
  t.equal(await bench.decide(), 'always: policy service');
  t.equal(bench.asked.length, 3);
});

t.test('an expired answer serves for each way in which the service can fail; without one the rules do', async (t) => {
  const ways: [reply: Reply, words: string, counted: string][] = [
    ['timeout', 'timeout', 'timeout'],
    ['connection', 'no connection', 'connection'],
    ['redirect', 'redirect', 'redirect'],
    ['status', 'error status', 'status'],
    ['content-type', 'wrong content type', 'content-type'],
    ['too-large', 'answer too large', 'too-large'],
    [{ body: '{"version": 1, "record": "sometimes"}' }, 'unusable answer', 'malformed'],
  ];
  for (const [reply, words, counted] of ways) {
    const bench = openBench();
    bench.reply = answer('never', byCallee);
    await bench.decide();
    bench.reply = reply;
    bench.nowMs = 60_000;
    bench.counted.length = 0;
    t.equal(await bench.decide(), `never: policy service (stale: ${words})`);
    t.strictSame(bench.counted.slice(1), [counted, 'stale']);
    t.equal(await bench.decide(callee('7200')), `never: rule sales (policy service: ${words})`);
    t.equal(await bench.decide(callee('7300')), `always: no rule (policy service: ${words})`);
    t.strictSame(bench.counted.slice(-2), [counted, 'rules']);
    bench.nowMs += 3_600_000;
    t.equal(await bench.decide(), `always: no rule (policy service: ${words})`, 'it is kept for so long and no longer');
  }
});

t.test('after failures in a row nobody asks; then one does, and an answer lets all ask again', async (t) => {
  const bench = openBench({ breaker: { failures: 2, minBackOffMs: 1_000, maxBackOffMs: 4_000 } });
  bench.reply = 'timeout';
  for (let n = 0; n < 2; n += 1) await bench.decide();
  t.equal(await bench.decide(callee('7200')), 'never: rule sales (policy service: not asked, it has failed)');
  t.equal(bench.asked.length, 2);
  bench.nowMs = 500;
  let tell: (reply: Reply) => void = () => undefined;
  bench.reply = () => new Promise((resolve) => (tell = resolve));
  const trial = bench.decide();
  t.equal(await bench.decide(), 'always: no rule (policy service: not asked, it has failed)', 'the others do not wait for the trial');
  tell('timeout');
  t.equal(await trial, 'always: no rule (policy service: timeout)');
  bench.nowMs = 1_499;
  await bench.decide();
  t.equal(bench.asked.length, 3, 'twice as long the second time');
  bench.nowMs = 1_500;
  bench.reply = answer('never');
  t.equal(await bench.decide(), 'never: policy service');
  t.equal(await bench.decide(), 'never: policy service');
  t.strictSame(bench.counted.filter((each) => each.startsWith('breaker ')), ['open', 'half-open', 'open', 'half-open', 'closed'].map((each) => `breaker ${each}`));
});

t.test('a call whose caller gives up as the trial leaves the trial to the next', async (t) => {
  const bench = openBench({ breaker: { failures: 1 } });
  bench.reply = 'timeout';
  await bench.decide();
  bench.nowMs = 500;
  bench.reply = 'abandoned';
  bench.counted.length = 0;
  t.equal(await bench.decide(), 'always: no rule (policy service: question withdrawn)');
  t.strictSame(bench.counted, ['breaker half-open', 'breaker open'], 'it is not counted as decided');
  bench.reply = answer('never');
  t.equal(await bench.decide(), 'never: policy service');
});

t.test('questions beyond those that may be open at once are not put, and the call does not wait', async (t) => {
  const bench = openBench({ inFlight: 2 });
  const tell: ((reply: Reply) => void)[] = [];
  bench.reply = () => new Promise((resolve) => tell.push(resolve));
  const waiting = [bench.decide(), bench.decide()];
  t.equal(await bench.decide(), 'always: no rule (policy service: not asked, too many questions are open)');
  t.equal(bench.counted.at(-2), 'busy');
  for (const each of tell.splice(0)) each(answer('never'));
  t.strictSame(await Promise.all(waiting), ['never: policy service', 'never: policy service']);
  const next = bench.decide();
  tell[0]?.(answer('never'));
  t.equal(await next, 'never: policy service', 'there is room again');
});

t.test('the log says which key of an answer was wrong, once a second, and nothing of the answer itself', async (t) => {
  const bench = openBench();
  bench.reply = { body: '{"version": 1, "record": "s3cret"}' };
  for (let n = 0; n < 3; n += 1) await bench.decide();
  t.equal(bench.log.length, 1);
  t.match(bench.log[0], /"reason":"malformed","detail":"record: /u);
  t.notMatch(bench.log.join(''), 's3cret');
  bench.nowMs = 1_000;
  await bench.decide();
  t.match(JSON.parse(bench.log[1] ?? ''), { untold: 2 });
});

t.test('opened with a token of a file, over HTTP: the token is sent, and the answer decides', async (t) => {
  const authorized: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    authorized.push(request.headers.authorization);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"version": 1, "record": "never"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tokenFile = join(t.testdir(), 'token');
  writeFileSync(tokenFile, ' abc.def\n');
  const { port } = server.address() as AddressInfo;
  const parts = { local: new Policy(policySettings.parse({})), log: createLog({ level: 'silent', name: 'test' }), now: () => performance.now(), random: Math.random };
  const metrics = { policyDecided: () => undefined, policyUnanswered: () => undefined, policyServiceSeconds: () => undefined, policyBreaker: () => undefined };
  const service = await openPolicyService(policyServiceSettings.parse({ url: `http://127.0.0.1:${port}/`, tokenFile, timeoutMs: 2_000 }), { ...parts, metrics });
  t.match(await service.decide(factsOf()), { record: 'never', decidedBy: 'policy service' });
  t.strictSame(authorized, ['Bearer abc.def']);
  service.close();
  t.match(await service.decide(factsOf()), { record: 'always', decidedBy: 'no rule (policy service: question withdrawn)' });
  server.close();
  server.closeAllConnections();
});

t.test('a token that cannot be used stops the start and says which file it is, not what is in it', async (t) => {
  const dir = t.testdir({ empty: ' \n', two: 'one\ns3cret', long: 'x'.repeat(5_000) });
  const parts = { local: new Policy(policySettings.parse({})), log: createLog({ level: 'silent', name: 'test' }), now: () => 0, random: () => 0 };
  const metrics = { policyDecided: () => undefined, policyUnanswered: () => undefined, policyServiceSeconds: () => undefined, policyBreaker: () => undefined };
  for (const name of ['empty', 'two', 'long', 'missing']) {
    const settings = policyServiceSettings.parse({ url: 'https://policy.example/', tokenFile: join(dir, name) });
    const error = await openPolicyService(settings, { ...parts, metrics }).catch((thrown: unknown) => thrown);
    t.match(error, { code: 'CONFIG_UNREADABLE', message: `tokenFile ${join(dir, name)}` }, name);
    t.notMatch(String(error), 's3cret');
  }
});

t.test('settings that would not do are refused, and say what to write', (t) => {
  const rows: [settings: object, message: RegExp][] = [
    [{ url: 'policy.example' }, /https:\/\//u],
    [{ url: 'ftp://policy.example/' }, /https:\/\//u],
    [{ url: 'https://me:secret@policy.example/' }, /tokenFile/u],
    [{ url: 'http://policy.example/', tokenFile: 'token' }, /https, or to this machine/u],
    [{ url: 'http://127.evil.example/', tokenFile: 'token' }, /https, or to this machine/u],
    [{ url: 'https://policy.example/', timeoutMs: 5_000 }, /2000/u],
    [{ url: 'https://policy.example/', breaker: { minBackOffMs: 200, maxBackOffMs: 100 } }, /below minBackOffMs/u],
    [{ url: 'https://policy.example/', token: 'abc' }, /token/u],
  ];
  for (const [settings, message] of rows) t.throws(() => policyServiceSettings.parse(settings), { message }, JSON.stringify(settings));
  for (const url of ['https://policy.example/', 'http://localhost:80/', 'http://127.0.0.1:80/', 'http://[::1]:80/']) t.doesNotThrow(() => policyServiceSettings.parse({ url, tokenFile: 'token' }), url);
  t.doesNotThrow(() => policyServiceSettings.parse({ url: 'http://policy.example/' }));
  t.end();
});
