import t from 'tap';
import { generated } from './call.fixture.js';
import { ClockFit } from './clock-fit.js';

/** Packets of 20 ms for so long, each late by what `delay` says. */
function fitted(minutes: number, delay: (offsetMs: number) => number): ClockFit {
  const fit = new ClockFit();
  for (let offsetMs = 0; offsetMs < minutes * 60_000; offsetMs += 20) fit.add(offsetMs, delay(offsetMs));
  return fit;
}

t.test('drift is told to a millisecond in two hours, through jitter, bursts and loss', (t) => {
  for (const partsPerMillion of [50, -50, 5, 300]) {
    const next = generated(7);
    const { baseMs, slope } = fitted(120, (offsetMs) => 30 + offsetMs * partsPerMillion * 1e-6 + next() * 12 + (next() < 0.02 ? next() * 200 : 0)).line();
    const off = (slope - partsPerMillion * 1e-6) * 7_200_000;
    t.ok(Math.abs(off) < 1, `${partsPerMillion}: ${off} ms at the end`);
    t.ok(Math.abs(baseMs - 30) < 1, `${baseMs}`);
  }
  t.end();
});

t.test('a clock that is true is left alone: no jitter is taken for drift', (t) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const next = generated(seed);
    t.strictSame(fitted(60, () => 20 + next() ** 3 * 80).line().slope, 0);
  }
  t.end();
});

t.test('a call too short, and a sender that is too fast to be a clock, tell nothing', (t) => {
  t.equal(fitted(0.9, (offsetMs) => offsetMs * 2e-4).line().slope, 0);
  t.equal(fitted(10, (offsetMs) => offsetMs * 2e-3).line().slope, 0);
  t.end();
});

t.test('a network that takes a longer way from the middle on is no drift', (t) => {
  const next = generated(3);
  const { slope, baseMs } = fitted(60, (offsetMs) => (offsetMs > 1_500_000 ? 90 : 20) + next() * 6).line();
  t.equal(slope, 0);
  t.ok(Math.abs(baseMs - 20) < 0.1);
  t.end();
});

t.test('what a packet is looked at by follows the clock, and no step beyond what a clock can be off', (t) => {
  const drifting = fitted(60, (offsetMs) => offsetMs * 2e-4);
  t.ok(Math.abs(drifting.expectedMs(3_600_000) - 720) < 10);
  const paused = fitted(1, (offsetMs) => (offsetMs > 30_000 ? 1_500 : 0));
  t.ok(paused.expectedMs(60_000) <= 60);
  t.end();
});

t.test('days of packets take the memory of a few hundred points', (t) => {
  const fit = fitted(24 * 60, (offsetMs) => offsetMs * 5e-5);
  t.ok(Math.abs(fit.line().slope - 5e-5) < 1e-7);
  t.end();
});
