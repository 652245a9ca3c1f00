import t from 'tap';
import { UnrecordedStretches } from './unrecorded.js';

t.test('a loss begins before it was noticed, and lasts until a recorder has the call again', (t) => {
  const stretches = new UnrecordedStretches();
  stretches.lost('it died', 20_000, 1_000);
  stretches.lost('told once more', 21_000, 0);
  stretches.takenOver('by the one that resumes', 22_000, 900);
  stretches.resumed(22_000);
  stretches.resumed(23_000);
  t.strictSame(stretches.until(60_000), [{ fromMs: 15_000, toMs: 22_000, resumed: true, reason: 'it died' }]);
  t.end();
});

t.test('one that nothing ended lasts to the end of the call', (t) => {
  const stretches = new UnrecordedStretches();
  stretches.takenOver('it hung', 20_000, 1_000);
  stretches.lost('none is left', 30_000, 0);
  t.strictSame(stretches.until(31_000), [
    { fromMs: 15_000, toMs: 20_000, resumed: true, reason: 'it hung' },
    { fromMs: 26_000, toMs: 31_000, resumed: false, reason: 'none is left' },
  ]);
  t.strictSame(stretches.until(18_000), [{ fromMs: 15_000, toMs: 18_000, resumed: true, reason: 'it hung' }], 'what comes after the end of the call is none of it');
  t.end();
});

t.test('however many there are, a hundred are told, which cover them all', (t) => {
  const stretches = new UnrecordedStretches();
  for (let n = 1; n <= 150; n += 1) stretches.takenOver(`the ${n}th`, n * 10_000, 0);
  const told = stretches.until(2_000_000);
  t.equal(told.length, 100);
  t.strictSame(told.at(-1), { fromMs: 996_000, toMs: 1_500_000, resumed: true, reason: 'the 150th' });
  t.end();
});
