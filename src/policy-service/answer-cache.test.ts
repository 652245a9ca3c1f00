import fc from 'fast-check';
import t from 'tap';
import type { Answer } from './answer.js';
import { AnswerCache, type Found } from './answer-cache.js';
import { factsOf, outcomeOf } from './question.fixture.js';
import { questionOf, type FactName, type Question } from './question.js';

const bounds = { entries: 100, maxSeconds: 600, staleSeconds: 60 };
const answer = (record: 'always' | 'never', by: readonly FactName[], seconds = 10): Answer => ({ outcome: outcomeOf({ record }), cache: { by, seconds } });
const to = (user: string, trunk = 'carrier'): Question => questionOf(factsOf({ trunk, callee: { user, host: 'pbx.example' } }));
const said = (found: Found | undefined): string => (found === undefined ? 'nothing' : `${found.outcome.record}${found.fresh ? '' : ', stale'}`);

t.test('an answer holds for calls that agree in the facts that it names, for as long as it says; then it is stale, then gone', (t) => {
  const cache = new AnswerCache(bounds);
  cache.put(to('7100'), answer('never', ['callee']), undefined, 1_000);
  for (const [nowMs, user, expected] of [
    [1_000, '7100', 'never'], [10_999, '7100', 'never'], [11_000, '7100', 'never, stale'], [70_999, '7100', 'never, stale'], [1_000, '7101', 'nothing'], [71_000, '7100', 'nothing'],
  ] as const) t.equal(said(cache.find(to(user), nowMs)), expected, `${user} at ${nowMs}`);
  t.equal(cache.size, 0, 'what is gone takes no room');
  t.end();
});

t.test('no answer holds longer than the configuration allows', (t) => {
  const cache = new AnswerCache({ ...bounds, maxSeconds: 5 });
  cache.put(to('1'), answer('never', ['callee'], 31_536_000), undefined, 0);
  t.equal(said(cache.find(to('1'), 4_999)), 'never');
  t.equal(said(cache.find(to('1'), 5_000)), 'never, stale');
  t.end();
});

t.test('without cache, for no time, or in a cache of no entries, nothing is kept', (t) => {
  const cache = new AnswerCache(bounds);
  cache.put(to('1'), { outcome: answer('never', []).outcome }, undefined, 0);
  cache.put(to('1'), answer('never', ['callee'], 0), undefined, 0);
  const none = new AnswerCache({ ...bounds, entries: 0 });
  none.put(to('1'), answer('never', ['callee']), undefined, 0);
  t.strictSame([cache.size, none.size], [0, 0]);
  t.end();
});

t.test('an exception for one number counts before what holds for its trunk, also when it has expired', (t) => {
  const cache = new AnswerCache(bounds);
  cache.put(to('7900'), answer('never', ['callee', 'trunk'], 10), undefined, 0);
  cache.put(to('7100'), answer('always', ['trunk'], 100), undefined, 0);
  t.equal(said(cache.find(to('7900'), 1)), 'never');
  t.equal(said(cache.find(to('7100'), 1)), 'always');
  t.equal(said(cache.find(to('7100', 'other'), 1)), 'nothing');
  t.equal(said(cache.find(to('7900'), 10_000)), 'never, stale');
  t.end();
});

t.test('a new answer takes the place of the expired one, also when it rests on other facts or is not to be kept', (t) => {
  const cache = new AnswerCache(bounds);
  cache.put(to('1'), answer('never', ['callee']), undefined, 0);
  cache.put(to('1'), answer('always', ['trunk']), cache.find(to('1'), 20_000), 20_000);
  t.equal(said(cache.find(to('1'), 20_000)), 'always');
  cache.put(to('1'), { outcome: answer('always', []).outcome }, cache.find(to('1'), 40_000), 40_000);
  t.equal(said(cache.find(to('1'), 40_000)), 'nothing');
  t.end();
});

t.test('the answers that were used last stay', (t) => {
  const cache = new AnswerCache({ ...bounds, entries: 2 });
  for (const user of ['1', '2']) cache.put(to(user), answer('never', ['callee']), undefined, 0);
  cache.find(to('1'), 0);
  cache.put(to('3'), answer('never', ['callee']), undefined, 0);
  t.strictSame(['1', '2', '3'].map((user) => said(cache.find(to(user), 0))), ['never', 'nothing', 'never']);
  t.end();
});

t.test('seventeen lists of facts are one too many: the one answered with longest ago is forgotten', (t) => {
  const cache = new AnswerCache(bounds);
  for (let n = 0; n < 17; n += 1) cache.put(to('1'), answer(n === 1 ? 'never' : 'always', [`header:h${n}`]), undefined, 0);
  // All seventeen answers are for this call; the list that came first is the only one not looked at.
  const found = new Set<string>();
  for (let n = 0; n < 17; n += 1) {
    const hit = cache.find(to('1'), 0);
    if (hit === undefined) break;
    found.add(hit.key);
    cache.put(to('1'), { outcome: hit.outcome }, hit, 0);
  }
  t.equal(found.size, 16);
  t.end();
});

t.test('whatever is put and asked: never more answers than entries, none fresh beyond its time, none found beyond the stale time', (t) => {
  const event = fc.record({ user: fc.constantFrom('1', '2', '3', '4', '5'), by: fc.constantFrom<FactName[]>(['callee'], ['trunk'], ['callee', 'trunk']), seconds: fc.nat({ max: 30 }), afterMs: fc.nat({ max: 20_000 }), put: fc.boolean() });
  fc.assert(fc.property(fc.array(event, { maxLength: 60 }), (events) => {
    const cache = new AnswerCache({ entries: 3, maxSeconds: 20, staleSeconds: 10 });
    let [nowMs, lastPutMs] = [0, -Infinity];
    return events.every(({ user, by, seconds, afterMs, put }) => {
      nowMs += afterMs;
      const found = cache.find(to(user), nowMs);
      const right = found === undefined || nowMs < lastPutMs + (found.fresh ? 20_000 : 30_000);
      if (put) {
        cache.put(to(user), answer('never', by, seconds), found, nowMs);
        lastPutMs = nowMs;
      }
      return right && cache.size <= 3;
    });
  }));
  t.end();
});
