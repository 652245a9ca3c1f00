import fc from 'fast-check';
import assert from 'node:assert/strict';
import t from 'tap';
import { Coverage } from './coverage.js';

const spans = (coverage: Coverage): number[][] => coverage.intervals.map(({ startTicks, endTicks }) => [startTicks, endTicks]);

t.test('packets that touch are one interval, with the numbers of the first and the last', (t) => {
  const coverage = new Coverage();
  coverage.add(0, 160, 7);
  coverage.add(160, 320, 8);
  t.strictSame(coverage.intervals, [{ startTicks: 0, endTicks: 320, firstSequence: 7, lastSequence: 8 }]);
  t.end();
});

t.test('a late packet closes the gap that it left', (t) => {
  const coverage = new Coverage();
  coverage.add(0, 160, 1);
  coverage.add(320, 480, 3);
  t.strictSame(spans(coverage), [[0, 160], [320, 480]]);
  coverage.add(160, 320, 2);
  t.strictSame(coverage.intervals, [{ startTicks: 0, endTicks: 480, firstSequence: 1, lastSequence: 3 }]);
  t.end();
});

t.test('a packet from before the first goes to the front, one that overlaps several joins them', (t) => {
  const coverage = new Coverage();
  coverage.add(1000, 1160, 5);
  coverage.add(-200, -40, 1);
  coverage.add(2000, 2160, 9);
  t.strictSame(spans(coverage), [[-200, -40], [1000, 1160], [2000, 2160]]);
  coverage.add(1100, 2000, 7);
  t.strictSame(coverage.intervals[1], { startTicks: 1000, endTicks: 2160, firstSequence: 5, lastSequence: 9 });
  t.end();
});

t.test('it tells whether a stretch is covered without a gap', (t) => {
  const coverage = new Coverage();
  t.notOk(coverage.covers(0, 1));
  coverage.add(10, 20, 1);
  coverage.add(30, 40, 3);
  t.ok(coverage.covers(10, 20));
  t.ok(coverage.covers(35, 40));
  t.notOk(coverage.covers(9, 12));
  t.notOk(coverage.covers(15, 35));
  t.notOk(coverage.covers(38, 41));
  t.end();
});

t.test('in any order it equals a map of bits', (t) => {
  const span = fc.tuple(fc.integer({ min: -60, max: 60 }), fc.integer({ min: 1, max: 25 }));
  fc.assert(fc.property(fc.array(span, { maxLength: 40 }), fc.integer({ min: -80, max: 80 }), fc.integer({ min: 1, max: 30 }), (added, from, length) => {
    const coverage = new Coverage();
    const bits = new Set<number>();
    for (const [start, ticks] of added) {
      coverage.add(start, start + ticks, 0);
      for (let at = start; at < start + ticks; at += 1) bits.add(at);
    }
    const runs: number[][] = [];
    for (let at = -60; at < 90; at += 1) {
      if (!bits.has(at)) continue;
      const last = runs.at(-1);
      if (last?.[1] === at) last[1] = at + 1;
      else runs.push([at, at + 1]);
    }
    assert.deepEqual(spans(coverage), runs);
    assert.equal(coverage.covers(from, from + length), Array.from({ length }, (_, n) => from + n).every((at) => bits.has(at)));
  }), { numRuns: 500 });
  t.end();
});
