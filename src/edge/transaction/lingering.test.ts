import t from 'tap';
import { Lingering } from './lingering.js';

function open() {
  let now = 0;
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  let id = 0;
  const clock = {
    now: () => now,
    after: (ms: number, run: () => void) => {
      const own = (id += 1);
      timers.set(own, { at: now + ms, run });
      return () => timers.delete(own);
    },
  };
  const ended: string[] = [];
  const lingering = new Lingering(clock);
  const member = (name: string) => ({ lingered: () => ended.push(`${name} at ${now}`) });
  const advance = (to: number): void => {
    for (;;) {
      const [next] = [...timers].filter(([, { at }]) => at <= to).sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined) break;
      timers.delete(next[0]);
      now = next[1].at;
      next[1].run();
    }
    now = to;
  };
  return { lingering, member, ended, advance, timers };
}

t.test('each ends when its own time is over, with one timer armed for all of a length', (t) => {
  const { lingering, member, ended, advance, timers } = open();
  lingering.add(member('a'), 32_000);
  advance(1_000);
  lingering.add(member('b'), 32_000);
  lingering.add(member('quick'), 0);
  t.equal(timers.size, 2);
  advance(60_000);
  t.strictSame(ended, ['quick at 1000', 'a at 32000', 'b at 33000']);
  t.equal(timers.size, 0);
  t.end();
});

t.test('one that is taken away does not end, and the last one takes the timer with it', (t) => {
  const { lingering, member, ended, advance, timers } = open();
  const [a, b] = [member('a'), member('b')];
  lingering.add(a, 32_000);
  lingering.add(b, 32_000);
  lingering.remove(a, 32_000);
  t.equal(timers.size, 1);
  lingering.remove(b, 32_000);
  t.equal(timers.size, 0);
  advance(60_000);
  t.strictSame(ended, []);
  t.end();
});

t.test('the one that has been there longest makes room, until there is none', (t) => {
  const { lingering, member, ended } = open();
  lingering.add(member('a'), 32_000);
  lingering.add(member('b'), 32_000);
  lingering.add(member('c'), 5_000);
  t.equal(lingering.shed(), true);
  t.equal(lingering.shed(), true);
  t.equal(lingering.shed(), true);
  t.equal(lingering.shed(), false);
  t.strictSame(ended, ['a at 0', 'b at 0', 'c at 0']);
  t.end();
});

t.test('one that comes while others end is not lost', (t) => {
  const { lingering, member, ended, advance } = open();
  lingering.add({ lingered: () => lingering.add(member('late'), 100) }, 100);
  advance(1_000);
  t.strictSame(ended, ['late at 200']);
  t.end();
});
