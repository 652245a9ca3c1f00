import t from 'tap';
import { toneIn } from './signal.fixture.js';
import { readResampled } from './resample.js';

const sine = (rate: number, hertz: number, seconds = 0.5): Int16Array =>
  Int16Array.from({ length: rate * seconds }, (_, n) => Math.round(10_000 * Math.sin((2 * Math.PI * hertz * n) / rate)));
const resampled = (source: Int16Array, from: number, to: number): Int16Array => {
  const out = new Int16Array(Math.floor((source.length * to) / from));
  readResampled(source, from, to, 0, out);
  return out;
};
/** Without the ends, where the tone begins and stops. */
const middle = (samples: Int16Array): Int16Array => samples.subarray(samples.length >> 2, samples.length - (samples.length >> 2));
const db = (ratio: number): number => 20 * Math.log10(ratio);

const rates = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000] as const;

t.test('a tone stays that tone, as loud as before, and nothing else comes in, from every rate to every rate', (t) => {
  for (const from of rates) {
    for (const to of [8_000, 16_000, 48_000]) {
      for (const hertz of [200, 1_000, 0.45 * Math.min(from, to)]) {
        const out = middle(resampled(sine(from, hertz), from, to));
        const amplitude = toneIn(out, to, hertz);
        t.ok(Math.abs(db(amplitude / 10_000)) < 0.1, `${from} to ${to}: ${hertz} Hz is ${amplitude}`);
        const whole = Math.sqrt((2 * out.reduce((sum, sample) => sum + sample * sample, 0)) / out.length);
        t.ok(Math.abs(whole - 10_000) < 60, `${from} to ${to}: all of it is the tone (${whole})`);
      }
    }
  }
  t.end();
});

t.test('what the lower rate cannot hold is 50 dB down and more, not another tone', (t) => {
  for (const [from, to] of [[48_000, 8_000], [44_100, 8_000], [16_000, 8_000], [48_000, 16_000]] as const) {
    for (const hertz of [0.5 * to + 1, 0.55 * to, 0.8 * to, 0.98 * to]) {
      const out = middle(resampled(sine(from, hertz), from, to));
      const peak = out.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      t.ok(db(Math.max(peak, 1) / 10_000) < -50, `${from} to ${to}: ${hertz} Hz leaves ${peak}`);
    }
  }
  t.end();
});

t.test('reading in pieces gives what reading at once does, and outside of the source there is silence', (t) => {
  const source = sine(44_100, 700, 0.1);
  const whole = resampled(source, 44_100, 8_000);
  const piece = new Int16Array(160);
  for (let at = 0; at + 160 <= whole.length; at += 160) {
    readResampled(source, 44_100, 8_000, at, piece);
    t.strictSame(piece, whole.subarray(at, at + 160));
  }
  readResampled(source, 44_100, 8_000, 10_000, piece);
  t.ok(piece.every((sample) => sample === 0));
  readResampled(source, 44_100, 44_100, -160, piece);
  t.ok(piece.every((sample) => sample === 0));
  t.end();
});

t.test('full range overshoots into the limit, and does not wrap', (t) => {
  const square = Int16Array.from({ length: 4_000 }, (_, n) => ((n >> 5) % 2 === 0 ? 32_767 : -32_768));
  const out = resampled(square, 8_000, 48_000);
  // In the middle half of each half wave, away from its edges.
  const plateau = [...out.keys()].filter((n) => n % 192 > 48 && n % 192 < 144);
  t.ok(plateau.every((n) => Math.sign(out[n] ?? 0) === Math.sign(square[Math.floor(n / 6)] ?? 0)));
  t.ok(out.includes(32_767) && out.includes(-32_768));
  t.end();
});
