import t from 'tap';
import { Admission } from './admission.js';
import { Shedding, type Load } from './shedding.js';
import { SourceBuckets } from './source-limit.js';

const busy: Load = { busy: 1, memory: 0.1 };
const easy: Load = { busy: 0.5, memory: 0.1 };

const turnedAwayOf = (shedding: Shedding, requests: number): number =>
  Array.from({ length: requests }, () => shedding.turnsAway()).filter(Boolean).length;

t.test('a thread with no time left for a while turns away ever more of what is new, never all of it, and evenly', (t) => {
  const shedding = new Shedding();
  for (let i = 0; i < 7; i += 1) shedding.measured(busy);
  t.equal(turnedAwayOf(shedding, 100), 0, 'a short time is none');
  shedding.measured(easy);
  for (let i = 0; i < 7; i += 1) shedding.measured(busy);
  t.equal(turnedAwayOf(shedding, 100), 0, 'nor are several');
  shedding.measured(busy);
  t.ok(Math.abs(turnedAwayOf(shedding, 1_000) - 150) <= 1);
  for (let i = 0; i < 3; i += 1) shedding.measured(busy);
  const verdicts = Array.from({ length: 100 }, () => shedding.turnsAway());
  t.ok(Math.abs(verdicts.filter(Boolean).length - 48) <= 1);
  t.notOk(verdicts.join().includes('true,true'), 'every second one, not four in a row');
  for (let i = 0; i < 50; i += 1) shedding.measured(busy);
  t.ok(Math.abs(turnedAwayOf(shedding, 1_000) - 950) <= 1);
  t.end();
});

t.test('with time again it lets in as much more as there is time for', (t) => {
  const shedding = new Shedding();
  for (let i = 0; i < 12; i += 1) shedding.measured(busy);
  const before = shedding.letIn;
  shedding.measured({ busy: 0.95, memory: 0 });
  t.equal(shedding.letIn, before, 'as busy as it should be');
  shedding.measured({ busy: 0.9, memory: 0 });
  t.ok(shedding.letIn > before && shedding.letIn < before * 1.1);
  shedding.measured(busy);
  t.ok(shedding.letIn < before, 'once it has begun, it reacts at once');
  shedding.measured({ busy: before / 2, memory: 0 });
  t.equal(shedding.letIn, 1, 'half of what it could do: the overload is over');
  t.end();
});

t.test('memory counts as load, and where almost none is left nothing new is let in', (t) => {
  const shedding = new Shedding();
  shedding.measured({ busy: 0, memory: 0.85 });
  t.equal(shedding.letIn, 0.85);
  shedding.measured({ busy: 0, memory: 0.95 });
  t.equal(turnedAwayOf(shedding, 50), 50);
  shedding.measured(easy);
  t.ok(shedding.letIn > 0, 'and it recovers');
  t.end();
});

t.test('a source has its burst, then its rate; beyond that it is told so for a while, then no more', (t) => {
  const buckets = new SourceBuckets({ perSecond: 10, burst: 3 }, () => false);
  const take = (n: number, at: number): string[] => Array.from({ length: n }, () => buckets.take('192.0.2.1', at));
  t.strictSame(take(7, 0), ['none', 'none', 'none', 'over', 'over', 'over', 'flood']);
  t.strictSame(buckets.take('192.0.2.2', 0), 'none', 'another source is not touched');
  t.strictSame(take(3, 100), ['none', 'over', 'flood'], 'a tenth of a second earns one');
  t.strictSame(take(4, 60_000), ['none', 'none', 'none', 'over'], 'and a long time no more than the burst');
  t.end();
});

t.test('sources in the list of exceptions have no limit', (t) => {
  const buckets = new SourceBuckets({ perSecond: 1, burst: 1 }, (address) => address === '192.0.2.9');
  t.ok(Array.from({ length: 100 }, () => buckets.take('192.0.2.9', 0)).every((each) => each === 'none'));
  t.end();
});

t.test('a flood from a hundred thousand addresses leaves a bounded table, and the limit in force', (t) => {
  const buckets = new SourceBuckets({ perSecond: 1, burst: 1 }, () => false);
  const held = process.memoryUsage().heapUsed;
  for (let i = 0; i < 100_000; i += 1) buckets.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0);
  t.ok(process.memoryUsage().heapUsed - held < 30_000_000);
  buckets.take('192.0.2.1', 0);
  t.equal(buckets.take('192.0.2.1', 0), 'over');
  t.end();
});

t.test('load is measured ten times a second at most, and what is turned away is counted by reason', (t) => {
  let now = 1_000;
  let measured = 0;
  const admission = new Admission({
    clock: { now: () => now, after: () => () => undefined },
    load: () => {
      measured += 1;
      return busy;
    },
    sources: new SourceBuckets({ perSecond: 1, burst: 1_000 }, () => false),
    keepsUp: () => true,
  });
  const verdicts: string[] = [];
  for (let i = 0; i < 1_000; i += 1) {
    verdicts.push(admission.judge('INVITE', '192.0.2.1'));
    now += 2;
  }
  t.equal(measured, 20);
  t.equal(verdicts.filter((each) => each === 'turned-away').length, admission.turnedAway.overload);
  t.ok(admission.turnedAway.overload > 300);
  for (let i = 0; i < 10; i += 1) verdicts.push(admission.judge('INVITE', '192.0.2.1'));
  t.ok(admission.turnedAway.sourceRate > 0);
  t.ok(admission.retryAfterSeconds >= 2 && admission.retryAfterSeconds <= 10);
  t.end();
});

t.test('a clock that is set back does not stop the measuring', (t) => {
  let now = 1_000_000;
  let measured = 0;
  const admission = new Admission({
    clock: { now: () => now, after: () => () => undefined },
    load: () => {
      measured += 1;
      return easy;
    },
    keepsUp: () => true,
  });
  admission.judge('INVITE', '192.0.2.1');
  now = 5_000;
  admission.judge('INVITE', '192.0.2.1');
  t.equal(measured, 2);
  t.end();
});

t.test('what no application keeps up with is turned away, other verbs are not', (t) => {
  const admission = new Admission({ clock: { now: () => 0, after: () => () => undefined }, keepsUp: (verb) => verb !== 'invite' });
  t.equal(admission.judge('INVITE', '192.0.2.1'), 'turned-away');
  t.equal(admission.judge('OPTIONS', '192.0.2.1'), 'admitted');
  t.end();
});
