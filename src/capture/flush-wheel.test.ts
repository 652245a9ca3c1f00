import t from 'tap';
import { FlushWheel, type Every } from './flush-wheel.js';

/** A timer that goes when told. */
function handTimer(): { every: Every; go: () => void; running: () => boolean; ms: () => number } {
  let callback: (() => void) | undefined;
  let period = 0;
  return {
    every(ms, call) {
      callback = call;
      period = ms;
      return () => {
        callback = undefined;
      };
    },
    go: () => callback?.(),
    running: () => callback !== undefined,
    ms: () => period,
  };
}

t.test('each member is called once a period, and members are spread over it', (t) => {
  const timer = handTimer();
  const wheel = new FlushWheel(100, timer.every);
  const calls: number[][] = Array.from({ length: 10 }, () => []);
  let turn = 0;
  for (const own of calls) wheel.join(() => own.push(turn));
  t.equal(timer.ms(), 20);
  for (; turn < 20; turn += 1) timer.go();
  for (const own of calls) t.strictSame(own, [0, 5, 10, 15].map((at) => at + own[0]!));
  t.strictSame([0, 1, 2, 3, 4].map((first) => calls.filter((own) => own[0] === first).length), [2, 2, 2, 2, 2]);
  t.end();
});

t.test('the timer runs only while there are members', (t) => {
  const timer = handTimer();
  const wheel = new FlushWheel(100, timer.every);
  t.notOk(timer.running());
  const leave = [wheel.join(() => undefined), wheel.join(() => undefined)];
  t.ok(timer.running());
  leave[0]?.();
  leave[0]?.();
  t.ok(timer.running());
  leave[1]?.();
  t.notOk(timer.running());
  wheel.join(() => undefined)();
  t.notOk(timer.running());
  t.end();
});
