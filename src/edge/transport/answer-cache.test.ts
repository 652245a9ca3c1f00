import t from 'tap';
import { AnswerCache } from './answer-cache.js';
import type { Answer } from './look-ups.js';
import { standingClock } from './standing-clock.fixture.js';

function open(answers: readonly (Answer<string> | undefined)[]) {
  const clock = standingClock();
  const asked: string[] = [];
  const cache = new AnswerCache<string>(clock, (name, done) => {
    const answer = answers[asked.push(name) - 1];
    if (answer !== undefined) done(answer);
  });
  const ask = (name = 'a'): (Answer<string> | undefined)[] => {
    const told: Answer<string>[] = [];
    cache.ask(name, (answer) => told.push(answer));
    return told;
  };
  return { clock, asked, cache, ask };
}

t.test('an answer is kept for its time to live, and asked again after it', (t) => {
  const { clock, asked, ask } = open([{ records: ['1'], ttlMs: 60_000 }, { records: ['2'], ttlMs: 60_000 }]);
  t.strictSame(ask(), [{ records: ['1'], ttlMs: 60_000 }]);
  clock.advance(59_999);
  t.match(ask(), [{ records: ['1'] }]);
  clock.advance(1);
  t.match(ask(), [{ records: ['2'] }]);
  t.equal(asked.length, 2);
  t.end();
});

t.test('without a time to live it is kept for 30 s; one of 0 for a second, one of a month for an hour', (t) => {
  for (const [ttl, keptMs] of [[{}, 30_000], [{ ttlMs: 0 }, 1_000], [{ ttlMs: 2_592_000_000 }, 3_600_000]] as const) {
    const { clock, asked, ask } = open([{ records: ['1'], ...ttl }, { records: ['2'] }]);
    ask();
    clock.advance(keptMs - 1);
    ask();
    t.equal(asked.length, 1);
    clock.advance(1);
    ask();
    t.equal(asked.length, 2);
  }
  t.end();
});

t.test('that there is nothing is kept for 10 s, and a failure for 2 s', (t) => {
  for (const [answer, keptMs] of [[{ records: [] }, 10_000], ['failed', 2_000]] as const) {
    const { clock, asked, ask } = open([answer, answer]);
    t.strictSame(ask(), [answer]);
    clock.advance(keptMs - 1);
    t.strictSame(ask(), [answer]);
    t.equal(asked.length, 1);
    clock.advance(1);
    ask();
    t.equal(asked.length, 2);
  }
  t.end();
});

t.test('who asks while it is being asked waits for the same answer, which fails after 5 s; a late one is dropped', (t) => {
  const late: ((answer: Answer<string>) => void)[] = [];
  const clock = standingClock();
  const cache = new AnswerCache<string>(clock, (_name, done) => late.push(done));
  const told: Answer<string>[] = [];
  cache.ask('a', (answer) => told.push(answer));
  cache.ask('a', (answer) => told.push(answer));
  t.equal(late.length, 1);
  clock.advance(4_999);
  t.strictSame(told, []);
  clock.advance(1);
  t.strictSame(told, ['failed', 'failed']);
  late[0]?.({ records: ['x'] });
  t.strictSame(told, ['failed', 'failed']);
  t.equal(clock.armed, 0);
  t.end();
});

t.test('a thousand names are remembered, and a thousand asked at once; the oldest makes room, the rest fails', (t) => {
  const answered = open(Array.from({ length: 1_002 }, () => ({ records: ['1'] })));
  for (let i = 0; i < 1_001; i += 1) answered.ask(`n${i}`);
  answered.ask('n1');
  t.equal(answered.asked.length, 1_001, 'the second is still known');
  answered.ask('n0');
  t.equal(answered.asked.length, 1_002, 'the first has made room');
  const silent = open([]);
  for (let i = 0; i < 1_000; i += 1) silent.ask(`n${i}`);
  t.strictSame(silent.ask('one too many'), ['failed']);
  silent.cache.close();
  t.equal(silent.clock.armed, 0);
  t.end();
});
