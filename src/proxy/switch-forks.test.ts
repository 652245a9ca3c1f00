import { mock } from 'node:test';
import t from 'tap';
import { createLog } from '../ops/index.js';
import { forkingHeader, watchForCaptures } from './switch-forks.js';

t.test('the header has the session ID where its value says so, and there is none where the switch knows by itself', (t) => {
  const header = (value: string) => forkingHeader({ header: { name: 'X-Record', value }, captureWithinSeconds: 1 }, 'abc');
  t.strictSame([header('yes'), header('{sessionId}'), header('a={sessionId};b={sessionId}')], [{ 'X-Record': 'yes' }, { 'X-Record': 'abc' }, { 'X-Record': 'a=abc;b=abc' }]);
  t.strictSame(forkingHeader({ captureWithinSeconds: 1 }, 'abc'), {});
  t.end();
});

t.test('calls that ended long enough ago are given up by the ledger, now and then, and counted; a ledger that does not answer is asked again', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const asked: unknown[][] = [];
  const answers = [() => Promise.resolve(0), () => Promise.reject(new Error('down')), () => Promise.resolve(2)];
  const ended: string[] = [];
  const lines: string[] = [];
  const stop = watchForCaptures({
    settings: { captureWithinSeconds: 60 },
    node: 'n',
    ledger: {
      loseUncaptured: (...words) => {
        asked.push(words);
        return answers.shift()?.() ?? Promise.resolve(0);
      },
    },
    log: createLog({ level: 'debug', name: 'test', to: { write: (line) => lines.push(line) } }),
    metrics: { recordingEnded: (state) => void ended.push(state) },
    now: () => 100_000,
  });
  for (let look = 0; look < 3; look += 1) {
    mock.timers.tick(6_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.strictSame(asked.map(([node, untilMs]) => [node, untilMs]), [['n', 40_000], ['n', 40_000], ['n', 40_000]]);
  t.strictSame(ended, ['lost', 'lost']);
  t.match(lines.join(''), /does not say which calls[^]*captured nowhere/u);
  stop();
  mock.timers.tick(60_000);
  t.equal(asked.length, 3);
});
