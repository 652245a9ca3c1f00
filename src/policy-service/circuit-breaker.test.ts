import fc from 'fast-check';
import t from 'tap';
import { CircuitBreaker, closed, step, type BreakerEvent, type BreakerState } from './circuit-breaker.js';

const settings = { failures: 3, minBackOffMs: 1_000, maxBackOffMs: 5_000 };
const open: BreakerState = { name: 'open', failures: 0, failedTrials: 0, untilMs: 1_000 };
const halfOpen: BreakerState = { ...open, name: 'half-open' };

t.test('every state and event', (t) => {
  const rows: [what: string, from: BreakerState, event: BreakerEvent, nowMs: number, to: Partial<BreakerState>][] = [
    ['an answer', closed, 'answered', 0, closed],
    ['asking while closed', closed, 'asked', 0, closed],
    ['a first failure', closed, 'failed', 0, { name: 'closed', failures: 1 }],
    ['an answer ends a row of failures', { ...closed, failures: 2 }, 'answered', 0, closed],
    ['a question withdrawn is no failure', { ...closed, failures: 2 }, 'abandoned', 0, { failures: 2 }],
    ['the last failure of a row', { ...closed, failures: 2 }, 'failed', 0, { name: 'open', untilMs: 1_000, failedTrials: 0 }],
    ['asking before the back-off is over', open, 'asked', 999, open],
    ['asking when it is over: the trial', open, 'asked', 1_000, { name: 'half-open' }],
    ['a late failure while open', open, 'failed', 0, open],
    ['a late answer while open', open, 'answered', 0, open],
    ['asking during the trial', halfOpen, 'asked', 9_999, halfOpen],
    ['the trial is answered', halfOpen, 'answered', 1_100, closed],
    ['the trial fails: twice as long', halfOpen, 'failed', 1_100, { name: 'open', untilMs: 3_100, failedTrials: 1 }],
    ['and again', { ...halfOpen, failedTrials: 1 }, 'failed', 0, { name: 'open', untilMs: 4_000, failedTrials: 2 }],
    ['but no longer than the most', { ...halfOpen, failedTrials: 40 }, 'failed', 0, { name: 'open', untilMs: 5_000 }],
    ['the trial is withdrawn: the next question is the trial', halfOpen, 'abandoned', 1_100, { name: 'open', untilMs: 1_100 }],
  ];
  for (const [what, from, event, nowMs, to] of rows) t.match(step(from, event, { settings, nowMs, random: () => 1 }), to, what);
  t.equal(step({ ...closed, failures: 2 }, 'failed', { settings, nowMs: 0, random: () => 0 }).untilMs, 500, 'half of the back-off is drawn');
  t.end();
});

t.test('what was asked before the breaker changed says nothing of the service after it', (t) => {
  let nowMs = 0;
  const changes: string[] = [];
  const breaker = new CircuitBreaker({ settings: { ...settings, failures: 1 }, now: () => nowMs, random: () => 0, onChange: ({ name }) => changes.push(name) });
  const [first, second, third] = [breaker.admit() ?? -1, breaker.admit() ?? -1, breaker.admit() ?? -1];
  breaker.settle(first, 'failed');
  t.equal(breaker.admit(), undefined);
  nowMs = 500;
  const trial = breaker.admit() ?? -1;
  t.equal(breaker.admit(), undefined, 'one trial');
  breaker.settle(second, 'answered');
  t.equal(breaker.admit(), undefined, 'an answer of old does not close it');
  breaker.settle(third, 'failed');
  breaker.settle(trial, 'answered');
  t.not(breaker.admit(), undefined);
  t.strictSame(changes, ['open', 'half-open', 'closed']);
  t.end();
});

t.test('whatever happens: at most one trial at once, no back-off beyond its bounds, and a service that answers is asked again', (t) => {
  const event = fc.record({ what: fc.constantFrom('ask' as const, 'answered' as const, 'failed' as const, 'abandoned' as const), afterMs: fc.nat({ max: 3_000 }), random: fc.double({ min: 0, max: 0.999, noNaN: true }) });
  fc.assert(fc.property(fc.array(event, { maxLength: 80 }), (events) => {
    let [nowMs, random, name] = [0, 0, 'closed'];
    const backOffsMs: number[] = [];
    const breaker = new CircuitBreaker({
      settings, now: () => nowMs, random: () => random,
      onChange: (next) => {
        name = next.name;
        if (name === 'open') backOffsMs.push(next.untilMs - nowMs);
      },
    });
    const passes: { readonly pass: number; readonly isTrial: boolean }[] = [];
    for (const each of events) {
      nowMs += each.afterMs;
      random = each.random;
      if (each.what === 'ask') {
        const pass = breaker.admit();
        if (pass === undefined) continue;
        const isTrial = name === 'half-open';
        if (isTrial && passes.some((other) => other.isTrial)) return false;
        passes.push({ pass, isTrial });
      } else {
        const settled = passes.shift();
        if (settled !== undefined) breaker.settle(settled.pass, each.what);
      }
    }
    for (const { pass } of passes) breaker.settle(pass, 'abandoned');
    nowMs += 5_000;
    const last = breaker.admit();
    if (last === undefined) return false;
    breaker.settle(last, 'answered');
    return name === 'closed' && backOffsMs.every((ms) => ms >= 0 && ms <= 5_000);
  }), { numRuns: 500 });
  t.end();
});
