import t from 'tap';
import { createHealth } from './health.js';

t.test('without a check the product is well', async (t) => {
  t.match(await createHealth({ version: '1.2.3' }).report(), { status: 'ok', version: '1.2.3', uptimeSeconds: 0, checks: {} });
});

t.test('a needed check that is not ok makes it failing, an optional one degraded', async (t) => {
  const health = createHealth({ version: '1' });
  health.register('ledger', () => Promise.resolve({ ok: true, detail: 'answers' }));
  const takeOut = health.register('rtpengine', () => Promise.resolve({ ok: false, detail: 'silent' }), { optional: true });
  t.match(await health.report(), { status: 'degraded', checks: { ledger: { ok: true, detail: 'answers' }, rtpengine: { ok: false, detail: 'silent' } } });
  health.register('edge', () => Promise.resolve({ ok: false, detail: 'gone' }));
  t.match(await health.report(), { status: 'failing' });
  health.register('edge', () => Promise.resolve({ ok: true, detail: 'back' }));
  takeOut();
  t.match(await health.report(), { status: 'ok' });
});

t.test('a check that throws, or does not answer in time, is not ok', async (t) => {
  const health = createHealth({ version: '1', checkTimeoutMs: 5 });
  health.register('throws', () => Promise.reject(new Error('no disk')));
  health.register('throws at once', () => {
    throw new Error('no disk at all');
  });
  health.register('hangs', () => new Promise(() => undefined));
  t.match(await health.report(), {
    status: 'failing',
    checks: { throws: { detail: 'no disk' }, 'throws at once': { detail: 'no disk at all' }, hangs: { detail: /within 5 ms/ } },
  });
});
