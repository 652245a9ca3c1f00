import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { limitFiles } from '../capture/full-disk.fixture.js';
import { newCall, newRecording } from './entries.fixture.js';
import { createLedger } from './ledger.js';
import { ledgerContract } from './ledger-contract.js';
import { furnishLedger } from './ledger-template.fixture.js';
import { migrate } from './migrations.js';
import { openLedger } from './open-ledger.js';
import { openPglite } from './pglite-sql.js';
import { sharedContract } from './shared-contract.js';

const folder = await mkdtemp(join(tmpdir(), 'twintrack-ledger-'));
const clock = { nowMs: 1_000 };
const ledger = await openLedger({ dir: join(folder, 'ledger'), now: () => clock.nowMs });

await t.test('the ledger on PGlite keeps the contract', (t) => ledgerContract(t, ledger, clock));

await t.test('what a ledger promises to several processes, PGlite keeps as well', async (t) => {
  await furnishLedger(join(folder, 'shared'));
  const sql = await openPglite({ dir: join(folder, 'shared') });
  await migrate(sql, 1);
  await sharedContract(t, { one: createLedger(sql, () => 1e12), other: createLedger(sql, () => 1e12), sql });
  await sql.close();
});

await t.test('what is entered while the disk is full is kept, health says so, and when there is room it is in the ledger', async (t) => {
  const told: string[] = [];
  const dir = join(folder, 'full');
  await furnishLedger(dir);
  const full = await openLedger({ dir, observer: { waiting: () => undefined, behind: () => told.push('behind'), caughtUp: () => told.push('caught up') } });
  const call = newCall();
  await full.callBegan(call);
  t.teardown(() => limitFiles(process.pid, undefined));
  // Less than where the database's log is written, which begins beyond the first MiB.
  limitFiles(process.pid, 1_000_000);
  const later = newCall({ startedAtMs: 2_000 });
  const entered = Promise.all([full.callEnded(call.callId, { atMs: 3_000, outcome: 'answered', reason: 'hung up' }), full.callBegan(later)]);
  let health = await full.health();
  while (!/takes no entries; 2 of calls and captures are kept/.test(health.detail)) health = await full.health();
  t.notOk(health.ok);
  limitFiles(process.pid, undefined);
  await entered;
  t.match(await full.recordings({ limit: 10 }), [{ sessionId: later.sessionId, callState: 'ringing' }, { sessionId: call.sessionId, callState: 'ended' }]);
  t.match(await full.health(), { ok: true });
  t.strictSame(told, ['behind', 'caught up']);
  await full.close();
});

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

await t.test('a ledger from before retention and tags were kept is brought up to date, and its recordings are found by the tags in their reports', async (t) => {
  await furnishLedger(join(folder, 'older'));
  const sql = await openPglite({ dir: join(folder, 'older') });
  await migrate(sql, 1);
  const older = createLedger(sql, () => 1);
  const recording = newRecording('s1');
  await older.putRecording({ ...recording, report: { ...recording.report, tags: { ticket: '7' } } });
  await older.putRecording(newRecording('s2'));
  for (const [table, column] of [['calls', 'retention'], ['calls', 'keep_until_ms'], ['calls', 'tags'], ['recordings', 'retention'], ['recordings', 'keep_until_ms'], ['sessions', 'retention'], ['sessions', 'keep_until_ms'], ['sessions', 'tags']]) {
    await sql.query(`alter table ${table} drop column ${column}`);
  }
  await sql.query(`delete from schema_migrations where id = '0002-retention-tags'`);
  await migrate(sql, 2);
  t.strictSame((await older.recordings({ limit: 10, tag: { name: 'ticket', value: '7' } })).map(({ sessionId }) => sessionId), ['s1']);
  t.equal((await older.recordings({ limit: 10 })).length, 2);
  await older.close();
});

await rm(folder, { recursive: true });
