import fc from 'fast-check';
import t from 'tap';
import { drawFrom, orderServers } from './srv-order.js';
import { srvRecord } from './table-look-ups.fixture.js';

const targets = (records: readonly { readonly target: string }[]): string[] => records.map((record) => record.target);

t.test('lower priorities come first, whatever is drawn (RFC 2782)', (t) => {
  const records = [srvRecord(20, 100, 1, 'c'), srvRecord(10, 0, 1, 'a'), srvRecord(10, 0, 1, 'b')];
  for (const drawn of [0, 0.5, 0.999]) t.equal(targets(orderServers(records, () => drawn)).at(-1), 'c');
  t.end();
});

t.test('the draw goes by the running sum of weights (RFC 2782)', (t) => {
  // Sums 1, 4, 10: draws of 0 to 10 reach them as 0-1, 2-4, 5-10.
  const records = [srvRecord(1, 1, 1, 'one'), srvRecord(1, 3, 1, 'three'), srvRecord(1, 6, 1, 'six')];
  const first = (number: number): string | undefined => targets(orderServers(records, () => number / 11))[0];
  t.strictSame([0, 1, 2, 4, 5, 10].map((number) => first(number + 0.5)), ['one', 'one', 'three', 'three', 'six', 'six']);
  t.end();
});

t.test('servers are tried first in proportion to their weights, and one of weight 0 hardly ever', (t) => {
  const records = [srvRecord(1, 0, 1, 'rare'), srvRecord(1, 10, 1, 'ten'), srvRecord(1, 30, 1, 'thirty')];
  const times: Record<string, number> = { rare: 0, ten: 0, thirty: 0 };
  for (let i = 0; i < 4_100; i += 1) {
    const [first = ''] = targets(orderServers(records, () => i / 4_100));
    times[first] = (times[first] ?? 0) + 1;
  }
  t.strictSame(times, { rare: 100, ten: 1_000, thirty: 3_000 });
  t.end();
});

t.test('every server is in the order exactly once, and the same text draws the same order', (t) => {
  const record = fc.record({ priority: fc.nat(3), weight: fc.nat(5), port: fc.constant(1), target: fc.string() });
  fc.assert(fc.property(fc.array(record, { maxLength: 8 }), fc.string(), (records, text) => {
    const ordered = orderServers(records, drawFrom(text));
    t.equal(ordered.length, records.length);
    t.ok(records.every((each) => ordered.includes(each)));
    t.strictSame(orderServers(records, drawFrom(text)), ordered);
    t.ok(ordered.every((each, i) => i === 0 || (ordered[i - 1]?.priority ?? 0) <= each.priority));
  }), { numRuns: 60 });
  t.end();
});
