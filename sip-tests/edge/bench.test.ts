/** `npm run bench -- edge` in small: its calls complete, and its arithmetic is right. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { measureCpu } from '../../bench/edge/cpu-per-call.js';
import { placedRate, valueAt } from '../../bench/edge/load.js';
import { openOwnSubject } from '../../bench/edge/own-subject.js';
import { planOf } from '../../bench/edge/plan.js';
import { takePort } from '../../bench/edge/ports.js';
import { highestHeld, nextRate, type Tried } from '../../bench/edge/rate-search.js';
import { shapes } from '../../bench/edge/shapes.js';
import { slope } from '../../bench/edge/slope.js';
import { drachtioFrom } from '../../bench/edge/subjects.js';
import { nothingYet, readStatistics } from '../support/sipp-statistics.js';

for (const shape of shapes) {
  t.test(`${shape.name}: calls of the bench complete, and their CPU is counted`, { timeout: 60_000 }, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-test-'));
    t.teardown(() => rm(dir, { recursive: true, force: true }));
    const site = { shape, calleePort: takePort(), dir };
    const subject = await openOwnSubject(site);
    t.teardown(() => subject.close());

    const plan = { rate: 20, windowSeconds: 2, warmUpSeconds: 1, runs: 1, profileDir: dir };
    const measured = await measureCpu([subject], site, plan, { progress: () => undefined, signal: new AbortController().signal });

    const [run] = measured.get('twintrack')?.runs ?? [];
    t.match(run, { failed: 0, refused: 0, objections: '' });
    t.ok((run?.calls ?? 0) >= 30 && (run?.calls ?? 0) <= 50, `${run?.calls} calls in the window`);
    t.ok((run?.cpuMsPerCall ?? 0) > 0.1, `${run?.cpuMsPerCall} ms`);
    t.match(await subject.inside(), { errors: 0, dialogs: 0 });
    const profiles = (await Promise.all((await readdirOf(dir, '.cpuprofile')).map((file) => readFile(file, 'utf8')))).map((text) => JSON.parse(text) as { nodes: unknown[] });
    t.equal(profiles.length, 2, 'a profile of each thread');
    t.ok(profiles.every(({ nodes }) => nodes.length > 1));
  });
}

async function readdirOf(dir: string, ending: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith(ending)).map((name) => join(dir, name));
}

t.test('the search climbs, halves what is between, and ends at the wanted fineness', (t) => {
  const plan = { startRate: 200, factor: 1.5, fineness: 0.05, ceiling: 4_000 };
  const search = (holds: (rate: number) => boolean): readonly Tried[] => {
    const tried: Tried[] = [];
    for (let rate = nextRate(tried, plan); rate !== undefined && tried.length < 50; rate = nextRate(tried, plan)) tried.push({ rate, held: holds(rate) });
    return tried;
  };
  t.strictSame(search((rate) => rate <= 560).map(({ rate }) => rate), [200, 300, 450, 680, 570, 510, 540, 560]);
  t.equal(highestHeld(search((rate) => rate <= 560)), 560);
  t.equal(highestHeld(search(() => true)), plan.ceiling, 'nothing fails: it ends at the ceiling');
  t.ok(search((rate) => rate <= 30).some(({ rate, held }) => held && rate > 20), 'a slow one is found below the first step');
  t.equal(highestHeld(search(() => false)), 0);
  t.equal(nextRate([{ rate: 300, held: false }, { rate: 400, held: true }], plan), 600, 'what failed below a rate that held is noise');
  t.end();
});

t.test('figures between two lines of SIPp are by rule of three; the rate counts only while calls are placed', (t) => {
  const history = [0, 1, 2, 3, 4].map((second) => ({ ...nothingYet, at: 10_000 + second * 1_000, created: Math.min(300, second * 100), successful: Math.max(0, second - 1) * 100 }));
  t.equal(valueAt(history, 12_500, ({ successful }) => successful), 150);
  t.equal(valueAt(history, 99_000, ({ successful }) => successful), 300, 'after the last line');
  t.equal(placedRate(history, 300), 100);
  t.equal(placedRate(history.slice(0, 1), 300), 0);
  t.end();
});

t.test('statistics of SIPp are read by name, and a line that is being written is left out', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'statistics.csv');
  t.strictSame(readStatistics(file), [], 'nothing is there yet');
  await writeFile(file, [
    'CurrentTime;TotalCallCreated;CurrentCall;SuccessfulCall(C);FailedCall(P);FailedCall(C);FailedMaxUDPRetrans(C);FailedCallRejected(C);Retransmissions(C);GenericCounter1(C);',
    '2026-01-01\t00:00:01.500000\t1767225601.500000;12;2;7;1;3;3;0;4;5;',
    '2026-01-01\t00:00:02.5',
  ].join('\n'));
  t.strictSame(readStatistics(file), [{ at: 1_767_225_601_500, created: 12, current: 2, successful: 7, failed: 3, retransmissions: 4, counted: 5, reasons: { MaxUDPRetrans: 3 } }]);
});

t.test('growth is the slope of a regression', (t) => {
  t.equal(slope([[0, 5], [10, 25], [20, 45]]), 2);
  t.equal(slope([[0, 1], [1, -1], [2, 1]]), 0, 'what only breathes does not grow');
  t.equal(slope([[3, 1]]), 0);
  t.end();
});

t.test('--only names parts, and a wrong option is refused before anything starts', (t) => {
  t.match(planOf({}), { shapes: { length: 4 }, cpu: { rate: 100, runs: 3 }, highest: { confirmSeconds: 45 }, overload: { seconds: 30 }, memory: {}, soakMinutes: undefined });
  t.match(planOf({ only: ['proxied-udp,cpu', 'kamailio'] }), { shapes: [{ name: 'proxied-udp' }], subjects: ['kamailio'], cpu: {}, highest: undefined, overload: undefined, memory: undefined });
  t.match(planOf({ rate: '50' }), { cpu: { rate: 50 }, highest: undefined, overload: undefined });
  t.match(planOf({ soak: '10', highest: '300' }), { cpu: undefined, highest: undefined, knownHighest: 300, soakMinutes: 10 });
  t.match(planOf({ soak: '10' }), { cpu: undefined, highest: {}, overload: undefined, soakMinutes: 10 });
  for (const wrong of [{ only: ['proxied-sctp'] }, { rate: '0' }, { rate: 'fast' }, { soak: '-1' }]) t.throws(() => planOf(wrong), { name: 'UsageError' });
  t.end();
});

t.test('a drachtio-server is named by five parts and its process', (t) => {
  t.equal(drachtioFrom({}), undefined);
  t.strictSame(
    drachtioFrom({ TWINTRACK_BENCH_DRACHTIO: '127.0.0.1:9022:cymru:127.0.0.2:5060', TWINTRACK_BENCH_DRACHTIO_PID: '77' }),
    { host: '127.0.0.1', port: 9022, secret: 'cymru', sipHost: '127.0.0.2', sipPort: 5060, pid: 77 },
  );
  for (const wrong of ['127.0.0.1', '127.0.0.1:9022:cymru:127.0.0.2', 'a:0:b:c:5060', 'a:1:b:c:d']) t.throws(() => drachtioFrom({ TWINTRACK_BENCH_DRACHTIO: wrong }), { name: 'UsageError' });
  t.end();
});
