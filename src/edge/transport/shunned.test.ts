import t from 'tap';
import { Shunned } from './shunned.js';
import { standingClock } from './standing-clock.fixture.js';

const place = (port: number) => ({ protocol: 'udp', address: '192.0.2.1', port }) as const;

t.test('a place that failed is tried last for 30 s, or for as long as it asks, five minutes at most', (t) => {
  const clock = standingClock();
  const shunned = new Shunned(clock);
  const hops = [place(1), place(2), place(3)];
  t.equal(shunned.order(hops), hops);
  shunned.shun(place(1));
  shunned.shun(place(2), 1_000_000_000);
  t.strictSame(shunned.order(hops).map((hop) => hop.port), [3, 1, 2]);
  clock.advance(30_000);
  t.strictSame(shunned.order(hops).map((hop) => hop.port), [1, 3, 2]);
  clock.advance(270_000);
  t.strictSame(shunned.order(hops).map((hop) => hop.port), [1, 2, 3]);
  t.end();
});

t.test('a place that answers is forgiven, and one transport does not answer for another', (t) => {
  const shunned = new Shunned(standingClock());
  shunned.shun(place(1));
  t.notOk(shunned.has({ ...place(1), protocol: 'tcp' }));
  t.ok(shunned.has(place(1)));
  shunned.forgive(place(1));
  t.notOk(shunned.has(place(1)));
  t.end();
});

t.test('a thousand are kept, the one entered first makes room', (t) => {
  const shunned = new Shunned(standingClock());
  for (let port = 0; port <= 1_000; port += 1) shunned.shun(place(port));
  t.notOk(shunned.has(place(0)));
  t.ok(shunned.has(place(1)));
  t.end();
});
