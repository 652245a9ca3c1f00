import fc from 'fast-check';
import t from 'tap';
import { SeenWindow } from './seen-window.js';

t.test('an index is new once, and old when the window has passed it', (t) => {
  const window = new SeenWindow(64);
  t.equal(window.look(5), 'new');
  window.add(5);
  t.equal(window.look(5), 'seen');
  t.equal(window.look(4), 'new');
  window.add(69);
  t.equal(window.look(5), 'old', '64 behind the highest');
  t.equal(window.look(6), 'new', '63 behind the highest');
  t.equal(window.highest, 69);
  t.end();
});

t.test('an old index is not remembered', (t) => {
  const window = new SeenWindow(64);
  window.add(1000);
  window.add(10);
  t.equal(window.look(1000 - 54), 'new', 'the place that 10 would have taken');
  t.end();
});

t.test('a leap over the whole window forgets all', (t) => {
  const window = new SeenWindow(64);
  for (let n = 0; n < 64; n += 1) window.add(n);
  window.add(64 * 5);
  for (let n = 64 * 4 + 1; n < 64 * 5; n += 1) t.equal(window.look(n), 'new');
  window.clear();
  t.equal(window.look(64 * 5), 'new');
  t.end();
});

t.test('a window tells the same as a set of all indices, at negative and 48-bit ones too', (t) => {
  const start = fc.constantFrom(-200, 0, 2 ** 31 - 100, 2 ** 32 - 100, 2 ** 47);
  fc.assert(
    fc.property(start, fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }), (base, offsets) => {
      const window = new SeenWindow(128);
      const all = new Set<number>();
      let highest = Number.NEGATIVE_INFINITY;
      for (const offset of offsets) {
        const index = base + offset;
        const expected = index <= highest - 128 ? 'old' : all.has(index) ? 'seen' : 'new';
        if (window.look(index) !== expected) return false;
        window.add(index);
        if (expected !== 'old') all.add(index);
        highest = Math.max(highest, index);
      }
      return true;
    }),
  );
  t.end();
});

t.test('a size that is no power of two is a bug', (t) => {
  t.throws(() => new SeenWindow(100));
  t.throws(() => new SeenWindow(16));
  t.end();
});
