import t from 'tap';
import { Turnstile } from './turnstile.js';

t.test('so many at a time pass, the others in the order they came, also when one fails', async (t) => {
  const turnstile = new Turnstile(2);
  const begun: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const passes = [0, 1, 2, 3].map((number) =>
    turnstile.pass(() => {
      begun.push(number);
      return new Promise((resolve, reject) => (ends[number] = (error) => (error === undefined ? resolve() : reject(error))));
    }),
  );
  t.strictSame(begun, [0, 1]);
  ends[1]?.(new Error('one fails'));
  await t.rejects(passes[1]!, /one fails/);
  t.strictSame(begun, [0, 1, 2]);
  ends[0]?.();
  await passes[0];
  t.strictSame(begun, [0, 1, 2, 3]);
  ends[2]?.();
  ends[3]?.();
  await Promise.all([passes[2], passes[3]]);
  let after = false;
  await turnstile.pass(() => {
    after = true;
    return Promise.resolve();
  });
  t.ok(after);
});
