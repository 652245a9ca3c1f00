import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { Reception } from './reception.js';

const ticks = (n: number): number => (n * 160) % 2 ** 32;
/** Takes in the packets of these numbers, each 20 ms after the one before. */
const feed = (reception: Reception, numbers: readonly number[]): string[] =>
  numbers.map((number, n) => reception.accept(number & 0xffff, ticks(number), n * 20));
const count = (from: number, packets: number): number[] => Array.from({ length: packets }, (_, n) => from + n);

t.test('a stream without faults has none', (t) => {
  const reception = new Reception(8000);
  t.match(reception, { extendedHighest: 0, expected: 0, received: 0, lost: 0, duplicates: 0, jitterMs: 0 });
  t.strictSame(feed(reception, [10, 11, 12]), ['first', 'next', 'next']);
  t.match(reception, { extendedHighest: 12, expected: 3, received: 3, lost: 0 });
  t.match(reception, { duplicates: 0, jitterMs: 0, restarts: 0 });
  t.end();
});

t.test('the sequence numbers wrap twice, and all is counted', (t) => {
  const reception = new Reception(8000);
  feed(reception, count(65000, 140_000));
  t.match(reception, { extendedHighest: 65000 + 139_999, expected: 140_000, received: 140_000, lost: 0, jitterMs: 0 });
  t.end();
});

t.test('RFC 3550 A.3: a gap is loss until its packets come late', (t) => {
  const reception = new Reception(8000);
  t.strictSame(feed(reception, [1, 2, 5]), ['first', 'next', 'next']);
  t.equal(reception.lost, 2);
  t.strictSame(feed(reception, [3, 4]), ['late', 'late']);
  t.match(reception, { lost: 0, received: 5, expected: 5, extendedHighest: 5 });
  t.end();
});

t.test('the first is the lowest that came, until the source starts anew', (t) => {
  const reception = new Reception(8000);
  t.equal(reception.first, 0);
  feed(reception, [65_535, 65_536, 65_533, 65_534]);
  t.match(reception, { first: 65_533, lost: 0, restarts: 0 });
  feed(reception, [30_000, 30_001, 30_005, 30_002]);
  t.match(reception, { first: 65_533, restarts: 1 });
  feed(reception, [9_000, 9_001]);
  t.match(reception, { first: 65_533, restarts: 2 });
  t.end();
});

t.test('a packet that comes twice is a duplicate, late or not, and does not hide a loss', (t) => {
  const reception = new Reception(8000);
  t.strictSame(feed(reception, [65535, 65535, 65537]), ['first', 'duplicate', 'next']);
  t.strictSame(feed(reception, [65535, 65537]), ['duplicate', 'duplicate']);
  t.match(reception, { duplicates: 3, received: 2, expected: 3, lost: 1 });
  t.end();
});

t.test('a packet from before the first one lengthens the stretch, over the wrap too', (t) => {
  const reception = new Reception(8000);
  t.strictSame(feed(reception, [65536, 65535, 65537]), ['first', 'late', 'next']);
  t.match(reception, { expected: 3, received: 3, lost: 0, extendedHighest: 1 });
  t.end();
});

t.test('RFC 3550 A.1: a stray packet changes nothing, two in a row begin anew', (t) => {
  const reception = new Reception(8000);
  feed(reception, count(100, 10));
  t.equal(reception.accept(40_000, 0, 200), 'jump');
  t.match(reception, { received: 10, extendedHighest: 109, restarts: 0 });
  t.equal(reception.accept(110, ticks(110), 220), 'next');
  t.equal(reception.accept(20_000, 0, 240), 'jump');
  t.equal(reception.accept(20_001, 160, 260), 'restart');
  t.equal(reception.accept(20_002, 320, 280), 'next');
  t.match(reception, { received: 14, expected: 14, lost: 0, restarts: 1, extendedHighest: 65536 + 20_002 });
  t.end();
});

t.test('a source that begins anew keeps its losses and repeats no extended number', (t) => {
  const reception = new Reception(8000);
  feed(reception, [5000, 5001, 5003]);
  t.strictSame(feed(reception, [65535, 0]), ['jump', 'restart']);
  t.match(reception, { expected: 6, received: 5, lost: 1, extendedHighest: 2 * 65536 });
  t.strictSame(feed(reception, [0, 65535]), ['duplicate', 'duplicate']);
  t.end();
});

t.test('RFC 3550 A.1: 2,999 lost in a row are loss, 3,000 are a jump', (t) => {
  const one = new Reception(8000);
  t.strictSame(feed(one, [0, 2999]), ['first', 'next']);
  const other = new Reception(8000);
  t.strictSame(feed(other, [0, 3000]), ['first', 'jump']);
  t.end();
});

t.test('how far behind a packet may come can be set, for streams that are sent again', (t) => {
  const strict = new Reception(8000);
  t.strictSame(feed(strict, [1000, 901, 900]), ['first', 'late', 'jump']);
  const patient = new Reception(8000, 4096);
  t.strictSame(feed(patient, [5000, 905, 905, 904]), ['first', 'late', 'duplicate', 'jump']);
  t.match(patient, { expected: 4096, received: 2 });
  t.end();
});

t.test('RFC 3550 A.8: jitter moves a sixteenth of the way to each deviation', (t) => {
  const reception = new Reception(8000);
  reception.accept(0, 0, 1000);
  reception.accept(1, 160, 1024);
  t.ok(Math.abs(reception.jitterMs - 4 / 16) < 1e-9, '4 ms too late');
  reception.accept(2, 320, 1040);
  t.ok(Math.abs(reception.jitterMs - (0.25 + (4 - 0.25) / 16)) < 1e-9, '4 ms too early');
  t.end();
});

t.test('a wrap of the timestamp is not jitter', (t) => {
  const reception = new Reception(8000);
  reception.accept(0, 2 ** 32 - 80, 0);
  reception.accept(1, 80, 20);
  t.equal(reception.jitterMs, 0);
  t.end();
});

t.test('RFC 4733: the packets of one event, which share a timestamp, are not jitter', (t) => {
  const reception = new Reception(8000);
  reception.accept(0, 0, 0);
  reception.accept(1, 160, 20);
  for (let n = 0; n < 8; n += 1) reception.accept(2 + n, 320, 40 + n * 20);
  reception.accept(10, 320 + 1280, 200);
  t.equal(reception.jitterMs, 0);
  t.end();
});

t.test('RFC 3550 A.3: the share lost is that since the last report', (t) => {
  const reception = new Reception(8000);
  t.equal(reception.takeFractionLost(), 0);
  feed(reception, [0, 1, 2, 5]);
  t.equal(reception.takeFractionLost(), Math.floor((2 / 6) * 256));
  t.equal(reception.takeFractionLost(), 0, 'nothing since');
  feed(reception, [3, 4, 6]);
  t.equal(reception.takeFractionLost(), 0, 'more came than was due');
  t.end();
});

t.test('loss, duplicates and disorder are counted as they were made', (t) => {
  const made = fc.record({
    start: fc.integer({ min: 0, max: 65535 }),
    fates: fc.array(fc.constantFrom('sent', 'sent', 'lost', 'twice', 'swapped'), { minLength: 1, maxLength: 300 }),
  });
  fc.assert(fc.property(made, ({ start, fates }) => {
    const whole = ['sent', ...fates, 'sent'];
    const order: number[] = [];
    whole.forEach((fate, n) => {
      if (fate === 'sent') order.push(start + n);
      if (fate === 'twice') order.push(start + n, start + n);
      if (fate === 'swapped') order.splice(Math.max(1, order.length - 3), 0, start + n);
    });
    const reception = new Reception(8000);
    feed(reception, order);
    const lost = fates.filter((fate) => fate === 'lost').length;
    const twice = fates.filter((fate) => fate === 'twice').length;
    assert.equal(reception.expected, whole.length);
    assert.equal(reception.received, whole.length - lost);
    assert.equal(reception.lost, lost);
    assert.equal(reception.duplicates, twice);
  }));
  t.end();
});
