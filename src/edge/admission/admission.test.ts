import t from 'tap';
import { Admission } from './admission.js';
import { Shedding, type Load } from './shedding.js';
import { SourceBuckets } from './source-limit.js';

const late: Load = { busy: 1, waitMs: 100.1, lagMs: 0, memory: 0.1 };
const busy: Load = { busy: 1, waitMs: 70, lagMs: 0, memory: 0.1 };
const easy: Load = { busy: 0.5, waitMs: 0, lagMs: 0, memory: 0.1 };
const STEP_MS = 100;

/** A shedding to which so many requests come between measurements, evenly, and how many of them it lets in. */
function openShedding(): { shedding: Shedding; readonly step: (load: Load, requests?: number) => number } {
  const shedding = new Shedding();
  let now = 0;
  return {
    shedding,
    step: (load, requests = 100) => {
      let letIn = 0;
      for (let i = 1; i <= requests; i += 1) if (!shedding.turnsAway(now + Math.floor((i * STEP_MS) / requests))) letIn += 1;
      now += STEP_MS;
      shedding.measured(load, STEP_MS);
      return letIn;
    },
  };
}

const repeat = (times: number, action: () => unknown): void => {
  for (let i = 0; i < times; i += 1) action();
};

t.test('where messages have waited for a while new requests have a rate, which falls as long as they wait', (t) => {
  const { shedding, step } = openShedding();
  repeat(4, () => step(late));
  t.equal(step(easy), 100, 'a moment is none');
  repeat(7, () => step(late));
  t.equal(shedding.allowedPerSecond, Infinity, 'nor are several');
  step(late);
  t.equal(shedding.allowedPerSecond, 700);
  const rates = [1, 2, 3].map(() => {
    step(late);
    return shedding.allowedPerSecond;
  });
  t.ok(rates.every((each, i) => each < (rates[i - 1] ?? 700)), 'less each time');
  repeat(2_000, () => step(late));
  t.equal(shedding.allowedPerSecond, 10);
  t.ok(step({ ...late, waitMs: 90 }) + step(late) > 0, 'never none: nothing would show that it is over');
  t.end();
});

t.test('what is very late is believed sooner, and a queue that grows lowers the rate by more', (t) => {
  const [steady, growing] = [openShedding(), openShedding()];
  repeat(4, () => steady.step({ ...late, waitMs: 210 }));
  repeat(4, () => growing.step({ ...late, waitMs: 210 }));
  t.ok(steady.shedding.allowedPerSecond < Infinity);
  steady.step({ ...late, waitMs: 100 });
  growing.step({ ...late, waitMs: 250 });
  t.ok(growing.shedding.allowedPerSecond < steady.shedding.allowedPerSecond);
  t.end();
});

t.test('what one pause of the thread has held up goes by itself: nobody is turned away while the queue shrinks', (t) => {
  const shedding = new Shedding();
  let now = 0;
  const measured = (elapsedMs: number, waitMs: number): void => {
    for (let i = 0; i < elapsedMs; i += 1) t.notOk(shedding.turnsAway((now += 1)));
    shedding.measured({ ...late, waitMs }, elapsedMs);
  };
  for (let times = 0; times < 20; times += 1) {
    measured(1_000, 0);
    measured(400, 400);
    for (let waitMs = 390; waitMs > 0; waitMs -= 10) measured(50, waitMs);
  }
  t.equal(shedding.allowedPerSecond, Infinity);
  for (let waitMs = 300; waitMs < 350; waitMs += 10) measured(50, waitMs);
  t.ok(shedding.allowedPerSecond < Infinity, 'one that does not shrink is there to stay');
  t.end();
});

t.test('a rate begins at what was let in before a pause, not in it', (t) => {
  const { shedding, step } = openShedding();
  repeat(30, () => step(easy));
  repeat(4, () => step({ ...late, waitMs: 200 }, 0));
  t.ok(shedding.allowedPerSecond > 580 && shedding.allowedPerSecond < 700, `${shedding.allowedPerSecond}`);
  t.end();
});

t.test('a thread that is busy all the time turns nothing away as long as nothing waits, and neither does one with time', (t) => {
  const { shedding, step } = openShedding();
  repeat(100, () => step({ busy: 1, waitMs: 99, lagMs: 0, memory: 0.1 }));
  repeat(100, () => step({ busy: 0.8, waitMs: 5_000, lagMs: 0, memory: 0.1 }));
  t.equal(shedding.allowedPerSecond, Infinity);
  t.end();
});

t.test('the rate is kept while the queue is as long as it should be, rises with a shorter one, and more with idle time', (t) => {
  const { shedding, step } = openShedding();
  repeat(8, () => step(late));
  repeat(2, () => step(busy));
  const before = shedding.allowedPerSecond;
  step(busy);
  t.equal(shedding.allowedPerSecond, before);
  step({ ...busy, waitMs: 0 });
  step({ ...busy, waitMs: 0 });
  const raised = shedding.allowedPerSecond;
  t.ok(raised > before && raised < before * 1.02);
  step(easy);
  t.ok(shedding.allowedPerSecond > raised * 1.05);
  t.end();
});

t.test('what has a rate is turned away at once while the queue is long, whatever the rate', (t) => {
  const { step } = openShedding();
  repeat(8, () => step(late));
  const before = step({ ...late, waitMs: 160 });
  const meanwhile = step({ ...late, waitMs: 250 });
  t.ok(meanwhile < before / 2, `${before}, then ${meanwhile}`);
  t.equal(step(late), 0, 'too long for any');
  t.ok(step(late) > 0);
  t.end();
});

t.test('what does not use its rate up is not turned away for a queue that what came before has left', (t) => {
  const { step } = openShedding();
  repeat(8, () => step(late));
  step({ ...late, waitMs: 250 });
  t.equal(step({ ...late, waitMs: 250 }), 0, 'too many: none');
  step({ ...late, waitMs: 250 }, 5);
  t.equal(step(late, 5), 5, 'few: all');
  t.end();
});

t.test('the rate falls away when for a second fewer came than might; of those that come meanwhile none is turned away', (t) => {
  const { shedding, step } = openShedding();
  repeat(8, () => step(late));
  step(easy, 20);
  const letIn = Array.from({ length: 10 }, () => step(easy, 20));
  t.ok(letIn.every((each) => each === 20));
  t.equal(shedding.allowedPerSecond, Infinity);
  t.end();
});

t.test('an application that lags has new calls wait, however idle the thread is', (t) => {
  const { shedding, step } = openShedding();
  repeat(100, () => step({ ...easy, lagMs: 90 }));
  t.equal(shedding.allowedPerSecond, Infinity);
  repeat(5, () => step({ ...easy, lagMs: 150 }));
  const first = shedding.allowedPerSecond;
  t.ok(first <= 700);
  step({ ...easy, lagMs: 150 });
  t.ok(shedding.allowedPerSecond < first);
  t.end();
});

t.test('memory counts as load, and where almost none is left nothing new is let in', (t) => {
  const { shedding, step } = openShedding();
  step({ ...easy, memory: 0.85 });
  t.ok(shedding.allowedPerSecond <= 800);
  step({ ...easy, memory: 0.95 });
  t.equal(step({ ...easy, memory: 0.95 }), 0);
  step(easy);
  t.ok(step(easy) > 0, 'and it recovers');
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

t.test('load is measured twenty times a second at most, and what is turned away is counted by reason', (t) => {
  let now = 1_000;
  let measured = 0;
  const admission = new Admission({
    clock: { now: () => now, after: () => () => undefined },
    load: () => {
      measured += 1;
      return late;
    },
    keepsUp: () => true,
  });
  admission.limitSources(new SourceBuckets({ perSecond: 1, burst: 1_000 }, () => false));
  const verdicts: string[] = [];
  for (let i = 0; i < 1_000; i += 1) {
    verdicts.push(admission.judge('INVITE', '192.0.2.1'));
    now += 2;
  }
  t.equal(measured, 40);
  t.equal(verdicts.filter((each) => each === 'turned-away').length, admission.turnedAway.overload);
  t.ok(admission.turnedAway.overload > 300, 'it was believed after a while, then ever fewer were let in');
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
