import fc from 'fast-check';
import t from 'tap';
import { Fragments } from './fragments.js';
import { Losses } from './losses.js';

t.test('the pieces of a datagram in any order, some of them twice, are the datagram', (t) => {
  const pieces = fc.integer({ min: 2, max: 40 }).chain((count) => fc.tuple(fc.constant(count), fc.shuffledSubarray(Array.from({ length: count }, (_, n) => n), { minLength: count }), fc.array(fc.nat(count - 1), { maxLength: 10 })));
  fc.assert(
    fc.property(pieces, ([count, order, again]) => {
      const whole = Buffer.from(Array.from({ length: count * 8 }, (_, at) => at & 0xff));
      const fragments = new Fragments(new Losses());
      let got: Buffer | undefined;
      for (const n of [...again.filter((one) => one !== order.at(-1)), ...order]) got = fragments.take('a', n * 8, n === count - 1, whole.subarray(n * 8, n * 8 + 8), 0) ?? got;
      return got?.equals(whole) === true && fragments.waiting === 0;
    }),
  );
  t.end();
});

t.test('of fragments that overlap, what came first stays', (t) => {
  const fragments = new Fragments(new Losses());
  fragments.take('a', 0, false, Buffer.from('11111111'), 0);
  fragments.take('a', 0, false, Buffer.from('22222222'), 0);
  t.equal(fragments.take('a', 8, true, Buffer.from('33'), 0)?.toString(), '1111111133');
  t.end();
});

t.test('what never comes whole is forgotten in time, and never more than a few are kept', (t) => {
  const losses = new Losses();
  const fragments = new Fragments(losses);
  for (let n = 0; n < 5_000; n += 1) fragments.take(`a${n}`, 0, false, Buffer.alloc(1_000), n);
  t.ok(fragments.waiting <= 512);
  fragments.take('late', 0, false, Buffer.alloc(8), 100_000);
  t.equal(fragments.waiting, 1);
  t.strictSame(losses.toJSON(), { 'fragments-lost': 5_000 });
  t.equal(fragments.take('late', 65_000, true, Buffer.alloc(8_000), 100_000), undefined, 'no datagram is so long');
  t.end();
});
