import t from 'tap';
import { PortPool } from './port-pool.js';

t.test('pairs begin at even ports and end within the range', (t) => {
  for (const [first, last, ports] of [[10_000, 10_005, [10_000, 10_002, 10_004]], [10_001, 10_005, [10_002, 10_004]], [10_000, 10_004, [10_000, 10_002]], [10_000, 10_000, []]] as const) {
    const pool = new PortPool(first, last);
    t.equal(pool.free, ports.length);
    t.strictSame(ports.map(() => pool.take()), ports);
    t.equal(pool.take(), undefined);
    t.equal(pool.free, 0);
  }
  t.end();
});

t.test('a pair that was given back rests before it is used again', (t) => {
  let nowMs = 1_000;
  const pool = new PortPool(10_000, 10_003, { restMs: 500, now: () => nowMs });
  t.strictSame([pool.take(), pool.take()], [10_000, 10_002]);
  pool.giveBack(10_002);
  t.equal(pool.free, 1);
  nowMs = 1_499;
  t.equal(pool.take(), undefined);
  nowMs = 1_500;
  t.equal(pool.take(), 10_002);
  t.end();
});

t.test('the pair that has rested longest is used first', (t) => {
  let nowMs = 0;
  const pool = new PortPool(10_000, 10_005, { restMs: 100, now: () => nowMs });
  t.strictSame([pool.take(), pool.take()], [10_000, 10_002]);
  pool.giveBack(10_002);
  nowMs = 50;
  pool.giveBack(10_000);
  nowMs = 1_000;
  t.strictSame([pool.take(), pool.take(), pool.take()], [10_004, 10_002, 10_000]);
  t.end();
});
