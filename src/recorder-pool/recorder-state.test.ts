import fc from 'fast-check';
import t from 'tap';
import { backOffMs, isAskable, newRecorder, step, transitions, type RecorderEvent, type RecorderFacts } from './recorder-state.js';

const settings = { failures: 2, firstBackOffMs: 1_000, longestBackOffMs: 8_000 };
const hear = (facts: RecorderFacts, event: RecorderEvent, nowMs: number, retryAfterMs?: number): RecorderFacts => step(facts, { event, reason: event, retryAfterMs }, nowMs, settings);

t.test('one unanswered OPTIONS is none, two are an ejection; an answer in between begins the count anew', (t) => {
  let facts = hear(newRecorder(0), 'unanswered', 10);
  t.equal(facts.name, 'up');
  facts = hear(hear(facts, 'well', 20), 'unanswered', 30);
  t.equal(facts.name, 'up');
  t.match(hear(facts, 'unanswered', 40), { name: 'ejected', untilMs: 1_040, reason: 'unanswered' });
  t.end();
});

t.test('a good answer does not bring back one whose back-off is not over; after it, it does, slowly', (t) => {
  let facts = hear(newRecorder(0), 'failed', 0);
  facts = hear(facts, 'well', 500);
  t.equal(facts.name, 'ejected');
  facts = hear(hear(facts, 'back-off-over', 1_000), 'well', 1_001);
  t.match(facts, { name: 'starting', sinceMs: 1_001 });
  t.equal(hear(facts, 'started', 9_000).name, 'up');
  t.end();
});

t.test('503 to OPTIONS is no death: it takes no sessions until it answers otherwise', (t) => {
  const busy = hear(newRecorder(0), 'busy', 1);
  t.match(busy, { name: 'busy', ejections: 0 });
  t.equal(isAskable(busy), false);
  t.equal(hear(busy, 'well', 2).name, 'up');
  t.end();
});

t.test('each ejection in a row waits twice as long, to a bound, or as long as was asked; after as long without one it begins anew', (t) => {
  let facts = newRecorder(0);
  const waits: number[] = [];
  let nowMs = 0;
  for (let n = 0; n < 6; n += 1) {
    facts = hear(facts, 'failed', nowMs);
    waits.push(facts.untilMs - nowMs);
    nowMs = facts.untilMs;
    facts = hear(hear(facts, 'back-off-over', nowMs), 'well', nowMs);
  }
  t.strictSame(waits, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  facts = hear(facts, 'failed', nowMs + 8_001);
  t.equal(facts.untilMs - nowMs - 8_001, 1_000);
  t.match(hear(newRecorder(0), 'refused', 5, 30_000), { name: 'ejected', untilMs: 30_005 });
  t.end();
});

t.test('invariants over whatever is heard: not asked while ejected, no two ejections within a back-off, and whoever answers well is asked again', (t) => {
  const events = Object.keys({ 'well': 0, 'busy': 0, 'unanswered': 0, 'failed': 0, 'refused': 0, 'started': 0 }) as RecorderEvent[];
  fc.assert(
    fc.property(fc.array(fc.record({ event: fc.constantFrom(...events), ms: fc.nat(3_000) }), { maxLength: 100 }), (heard) => {
      let facts = newRecorder(0);
      let nowMs = 0;
      let lastEjectedMs = Number.NEGATIVE_INFINITY;
      for (const { event, ms } of heard) {
        nowMs += ms;
        if (facts.name === 'ejected' && nowMs >= facts.untilMs) facts = hear(facts, 'back-off-over', facts.untilMs);
        const before = facts;
        facts = hear(facts, event, nowMs);
        if (facts.name !== before.name && facts.name === 'ejected') {
          t.ok(nowMs - lastEjectedMs >= backOffMs(Math.max(1, before.ejections), settings) || before.ejections === 0, 'no flapping');
          lastEjectedMs = nowMs;
        }
        t.equal(isAskable(facts), facts.name !== 'ejected' && facts.name !== 'busy');
      }
      if (facts.name === 'ejected') facts = hear(facts, 'back-off-over', facts.untilMs);
      t.ok(isAskable(hear(facts, 'well', nowMs + 10_000)));
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('every state can be left', (t) => {
  for (const [state, next] of Object.entries(transitions)) t.not(Object.keys(next).length, 0, state);
  t.end();
});
