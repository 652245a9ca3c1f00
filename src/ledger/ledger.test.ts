import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ledgerContract } from './ledger-contract.js';
import { openLedger } from './open-ledger.js';

const folder = await mkdtemp(join(tmpdir(), 'twintrack-ledger-'));
const clock = { nowMs: 1_000 };
const ledger = await openLedger({ dir: join(folder, 'ledger'), now: () => clock.nowMs });

await t.test('the ledger on PGlite keeps the contract', (t) => ledgerContract(t, ledger, clock));

await t.test('a second opener is refused and told who has the ledger', async (t) => {
  await t.rejects(openLedger({ dir: join(folder, 'ledger') }), { code: 'LEDGER_LOCKED', message: new RegExp(`process ${process.pid}\\b`) });
});

await t.test('a closed ledger refuses, and closing twice is the same as once', async (t) => {
  await Promise.all([ledger.close(), ledger.close()]);
  await t.rejects(ledger.counts(), { code: 'LEDGER_UNAVAILABLE' });
  t.match(await ledger.health(), { ok: false });
});

await t.test('a ledger that was closed opens again with all it had', async (t) => {
  const again = await openLedger({ dir: join(folder, 'ledger') });
  t.ok((await again.recordings({ limit: 10 })).length === 10);
  await again.close();
});

await rm(folder, { recursive: true });
