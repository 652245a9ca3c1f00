import t, { type Test } from 'tap';
import { openRecorderPool, type RecorderAnswer, type RecorderPool } from './recorder-pool.js';
import { recorderPoolSettings } from './settings.js';
import { VirtualClock } from './virtual-clock.fixture.js';

const [a, b] = ['sip:a@192.0.2.1', 'sip:b@192.0.2.2'];
const members = [{ uri: a, priority: 1 }, { uri: b, priority: 2 }];

function open(t: Test, more: object = {}) {
  const clock = new VirtualClock();
  const answers = new Map<string, RecorderAnswer | undefined>([[a, { status: 200 }], [b, { status: 200 }]]);
  const asked: string[] = [];
  const changes: string[] = [];
  const pool: RecorderPool = openRecorderPool({
    members,
    settings: recorderPoolSettings.parse({ slowStartMs: 4_000, ...more }),
    clock,
    draw: () => 0.5,
    ask: (uri, timeoutMs) => {
      asked.push(`${uri} ${Math.round(clock.now())}`);
      const answer = answers.get(uri);
      return answer === undefined ? new Promise((resolve) => void clock.setTimeout(() => resolve(undefined), timeoutMs)) : Promise.resolve(answer);
    },
    onChange: ({ uri, up, reason }) => changes.push(`${uri} ${up ? 'up' : 'down'}: ${reason}`),
  });
  t.teardown(() => pool.close());
  return { clock, answers, asked, changes, pool, ask: (id = 'x') => pool.choose(members, id) };
}

t.test('the preferred one is asked first; one that stops answering is found dead after an interval and two timeouts, and its watchers are told', async (t) => {
  const { clock, answers, pool, ask, changes } = open(t);
  await clock.pass(5_000);
  t.strictSame(ask(), { ask: [a, b], spared: [] });
  const told: string[] = [];
  pool.watch(a, (reason) => told.push(`${reason} ${clock.now()}`));
  answers.set(a, undefined);
  const fromMs = clock.now();
  while (told.length === 0 && clock.now() - fromMs < 10_000) await clock.pass(100);
  t.match(told, [/^it does not answer OPTIONS/u]);
  t.ok(clock.now() - fromMs <= 4_500, `${clock.now() - fromMs} ms`);
  t.match(ask(), { ask: [b], spared: [{ uri: a, reason: /^the recorder sip:a@192.0.2.1 is not asked for another \d+ s: it does not answer OPTIONS$/u }] });
  t.strictSame(changes, [`${a} down: it does not answer OPTIONS`]);
  await clock.pass(60_000);
  t.equal(told.length, 1, 'once');
});

t.test('one that answers again is back after its back-off, with a growing share', async (t) => {
  const { clock, pool, changes, ask } = open(t);
  await clock.pass(1_000);
  pool.failed(a, 'it hung', { fatal: false });
  await clock.pass(900);
  t.strictSame(ask().ask, [b]);
  await clock.pass(200);
  const firsts = (): number => Array.from({ length: 200 }, (_, n) => ask(`${n}`).ask[0]).filter((uri) => uri === a).length;
  t.ok(firsts() < 20, 'hardly any at first');
  await clock.pass(2_000);
  t.ok(firsts() > 60 && firsts() < 140, `${firsts()} of 200 at half the time`);
  await clock.pass(2_000);
  t.equal(firsts(), 200);
  t.strictSame(changes, [`${a} down: it hung`, `${a} up: it answers`]);
});

t.test('503 to OPTIONS: no new sessions, and those that run there stay; the reason says when it is being emptied', async (t) => {
  const { clock, answers, pool, ask } = open(t);
  const told: string[] = [];
  pool.watch(a, (reason) => told.push(reason));
  answers.set(a, { status: 503, load: 'sessions=3;draining', retryAfterSeconds: 10 });
  await clock.pass(3_000);
  t.match(ask(), { ask: [b], spared: [{ reason: /takes no sessions for now: it is being emptied/u }] });
  t.strictSame(told, []);
  answers.set(a, { status: 405 });
  await clock.pass(3_000);
  t.strictSame(ask().ask, [a, b], 'any other answer shows that it is there');
});

t.test('what recorders tell of their load, with what was begun since, decides among those of one priority; one without room or ports is not asked', async (t) => {
  const equal = members.map(({ uri }) => ({ uri, priority: 1 }));
  const { clock, answers, pool } = open(t);
  answers.set(a, { status: 200, load: 'sessions=10;ports=100;free-mb=5' });
  answers.set(b, { status: 200, load: 'sessions=100;ports=100;free-mb=5' });
  await clock.pass(1_000);
  for (const id of ['1', '2', '3']) t.equal(pool.choose(equal, id).ask[0], a);
  for (let n = 0; n < 150; n += 1) pool.began(a);
  t.equal(pool.choose(equal, '1').ask[0], b);
  for (let n = 0; n < 150; n += 1) pool.ended(a);
  t.equal(pool.choose(equal, '1').ask[0], a);
  answers.set(a, { status: 200, load: 'sessions=10;ports=0;free-mb=5' });
  answers.set(b, { status: 200, load: 'sessions=10;ports=1;free-mb=0' });
  await clock.pass(3_000);
  t.match(pool.choose(equal, '1'), { ask: [], spared: [{ reason: /no media port free/u }, { reason: /no room on its disk/u }] });
  answers.set(a, { status: 200, load: '\u0000 sessions=x' });
  await clock.pass(3_000);
  t.pass('nonsense harms nothing');
});

t.test('who waits for one is told when the first may be asked, once, and at once when one may', async (t) => {
  const { clock, answers, pool } = open(t);
  let told = 0;
  pool.whenAskable(members, () => (told += 1));
  t.equal(told, 0, 'not from within');
  await clock.pass(1);
  t.equal(told, 1);
  await clock.pass(5_000);
  for (const uri of [a, b]) answers.set(uri, undefined);
  await clock.pass(10_000);
  pool.whenAskable(members, () => (told += 1));
  const end = pool.whenAskable(members, () => (told += 100));
  end();
  await clock.pass(10_000);
  t.equal(told, 1, 'that a back-off is over is nothing to tell: OPTIONS show when it is back');
  answers.set(b, { status: 200 });
  await clock.pass(70_000);
  t.equal(told, 2);
});

t.test('without checks nobody is asked with OPTIONS, and the back-off alone brings one back', async (t) => {
  const { clock, asked, pool, ask } = open(t, { checks: false });
  await clock.pass(60_000);
  t.strictSame(asked, []);
  pool.failed(a, 'it refused', { fatal: false });
  t.strictSame(ask().ask, [b]);
  await clock.pass(1_100);
  t.strictSame(ask().ask, [b, a], 'on trial');
  pool.began(a);
  await clock.pass(4_100);
  t.strictSame(ask().ask, [a, b]);
});

t.test('of another configuration those that stay keep their state; those that go are forgotten when their last call has ended', async (t) => {
  const { clock, pool } = open(t);
  await clock.pass(1_000);
  pool.began(a);
  pool.failed(b, 'it hung', { fatal: false });
  pool.know([{ uri: b, priority: 1 }, { uri: 'sip:c@192.0.2.3', priority: 2 }]);
  t.strictSame(pool.list().map(({ uri, state }) => `${uri} ${state}`), [`${a} up`, `${b} ejected`, 'sip:c@192.0.2.3 up']);
  pool.ended(a);
  t.strictSame(pool.list().map(({ uri }) => uri), [b, 'sip:c@192.0.2.3']);
  pool.close();
  t.equal(clock.waiting, 0, 'nothing is left running');
});

t.test('a recorder that never answers OPTIONS is tried by sessions, last, and stays when it takes one', async (t) => {
  const { clock, answers, pool, ask } = open(t);
  answers.set(a, undefined);
  await clock.pass(10_000);
  t.strictSame(ask().ask, [b, a], 'on trial');
  pool.began(a);
  await clock.pass(20_000);
  t.strictSame(ask(), { ask: [a, b], spared: [] });
  answers.set(a, { status: 200 });
  await clock.pass(5_000);
  answers.set(a, undefined);
  await clock.pass(5_000);
  t.strictSame(ask().ask, [b], 'one that did answer is dead when it does not');
});

t.test('one that is suspected is asked at once, and once for many; dead, it is known within half a second where nobody listens', async (t) => {
  const { clock, answers, asked, pool } = open(t, { intervalMs: 60_000 });
  await clock.pass(5_000);
  asked.length = 0;
  for (let n = 0; n < 50; n += 1) pool.suspect(a);
  await clock.pass(10);
  for (let n = 0; n < 50; n += 1) pool.suspect(a);
  await clock.pass(10);
  t.equal(asked.length, 1);
  const told: string[] = [];
  pool.watch(a, (reason) => told.push(reason));
  answers.set(a, undefined);
  await clock.pass(1_000);
  // A connection that is refused takes no time.
  let [isGone, knownAtMs] = [false, 0];
  const gone = openRecorderPool({
    members, settings: recorderPoolSettings.parse({ intervalMs: 60_000 }), clock, draw: () => 0.5,
    ask: (uri) => Promise.resolve(uri === a && isGone ? undefined : { status: 200 }),
    onChange: () => undefined,
  });
  t.teardown(() => gone.close());
  await clock.pass(5_000);
  gone.watch(a, () => (knownAtMs = clock.now()));
  isGone = true;
  const fromMs = clock.now();
  gone.suspect(a);
  await clock.pass(1_000);
  t.ok(knownAtMs > 0 && knownAtMs - fromMs <= 500, `${knownAtMs - fromMs} ms`);
});
