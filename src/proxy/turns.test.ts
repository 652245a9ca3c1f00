import t from 'tap';
import { Turns } from './turns.js';

t.test('what was asked for first is done first, however long it takes, and a failure holds nothing up', async (t) => {
  const done: string[] = [];
  let start: () => void = () => undefined;
  const turns = new Turns(new Promise((resolve) => (start = resolve)));
  let finish: () => void = () => undefined;
  const slow = turns.take(() => new Promise<void>((resolve) => (finish = resolve)).then(() => void done.push('slow')));
  const failing = turns.take(() => Promise.reject(new Error('no')));
  const last = turns.take(() => done.push('last'));
  start();
  await Promise.resolve();
  t.strictSame(done, []);
  setImmediate(() => finish());
  await slow;
  await t.rejects(failing, { message: 'no' });
  await last;
  t.strictSame(done, ['slow', 'last']);
});
