import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import t from 'tap';
import { newCall, newCapture, newRecording } from './entries.fixture.js';
import { ledgerContract } from './ledger-contract.js';
import { openLedger } from './open-ledger.js';
import { startPostgres, withoutPostgres } from './postgres-server.fixture.js';
import { openPostgres } from './postgres-sql.js';
import type { PostgresSettings } from './settings.js';
import { sharedContract } from './shared-contract.js';

const nowhere = '/nonexistent';

await t.test('the ledger on PostgreSQL', { skip: withoutPostgres }, async (t) => {
  const server = await startPostgres();
  t.teardown(() => server.close());

  await t.test('keeps the contract', async (t) => {
    const clock = { nowMs: 1_000 };
    const ledger = await openLedger({ dir: nowhere, postgres: await server.database('contract'), now: () => clock.nowMs });
    t.teardown(() => ledger.close());
    await ledgerContract(t, ledger, clock);
  });

  await t.test('keeps what it promises to several processes', async (t) => {
    const postgres = await server.database('shared');
    const now = (): number => 1e12;
    const [one, other, sql] = [await openLedger({ dir: nowhere, postgres, now }), await openLedger({ dir: nowhere, postgres, now }), await openPostgres(postgres)];
    await sharedContract(t, { one, other, sql });
    await Promise.all([one.close(), other.close(), sql.close()]);
  });

  await t.test('processes that open a new one at once all find it made', async (t) => {
    const postgres = await server.database('at_once');
    const ledgers = await Promise.all(Array.from({ length: 8 }, () => openLedger({ dir: nowhere, postgres: { ...postgres, connections: 1 } })));
    const calls = ledgers.map(() => newCall());
    await Promise.all(ledgers.map((ledger, n) => ledger.callBegan(calls[n] ?? newCall())));
    t.equal((await ledgers[0]?.recordings({ limit: 100 }))?.length, calls.length);
    await Promise.all(ledgers.map((ledger) => ledger.close()));
  });

  await t.test('what several processes say of one session at once is all in its row', async (t) => {
    const postgres = await server.database('one_session');
    const [proxy, recorder, stitcher] = await Promise.all([1, 2, 3].map(() => openLedger({ dir: nowhere, postgres })));
    if (proxy === undefined || recorder === undefined || stitcher === undefined) throw new Error('three were opened');
    for (let round = 0; round < 40; round += 1) {
      const call = newCall();
      const { sessionId, callId } = call;
      const [first, second] = [newCapture(sessionId), newCapture(sessionId)];
      await proxy.callBegan(call);
      await Promise.all([recorder.captureOpened(first), stitcher.captureOpened(second), proxy.callAnswered(callId, 2)]);
      await Promise.all([
        recorder.captureClosed(first.captureId, { state: 'closed', atMs: 3, packets: 1, bytes: 1 }),
        stitcher.captureClosed(second.captureId, { state: 'closed', atMs: 3, packets: 1, bytes: 1 }),
        proxy.callEnded(callId, { atMs: 3, outcome: 'answered', reason: 'hung up' }),
      ]);
      const { state, callState } = (await proxy.find(sessionId)) ?? {};
      const [job] = (await stitcher.sessionsToStitch(100)).filter((each) => each.sessionId === sessionId);
      if (state !== 'pending' || callState !== 'ended' || job?.captures.length !== 2) t.fail(`round ${round}: ${JSON.stringify({ state, callState, job })}`);
      await Promise.all([stitcher.putRecording(newRecording(sessionId)), proxy.callEnded(callId, { atMs: 3, outcome: 'answered', recording: 'lost', reason: 'no recorder' })]);
      const after = await proxy.find(sessionId);
      if (after?.state !== 'complete' || after.calls[0]?.recording !== 'complete') t.fail(`round ${round}: ${JSON.stringify(after)}`);
    }
    t.match(await proxy.counts(), { toStitch: 0, callsInProgress: 0, capturesOpen: 0, sessions: { complete: 40, pending: 0 } });
    await Promise.all([proxy, recorder, stitcher].map((ledger) => ledger.close()));
  });

  await t.test('what was acknowledged to a process that dies is there for the others', async (t) => {
    const postgres = await server.database('killed');
    const writer = spawn(process.execPath, ['--input-type=module', '-e', killed(postgres)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const acknowledged: string[] = [];
    const lines = createInterface({ input: writer.stdout });
    lines.on('line', (line) => {
      acknowledged.push(line);
      if (acknowledged.length === 100) writer.kill('SIGKILL');
    });
    await once(lines, 'close');
    const ledger = await openLedger({ dir: nowhere, postgres });
    const there = new Set((await ledger.recordings({ limit: 100_000 })).map(({ sessionId }) => sessionId));
    t.ok(acknowledged.length >= 100);
    t.same(acknowledged.filter((id) => !there.has(id)), []);
    await ledger.close();
  });

  await t.test('what is entered while the server is gone is kept, health says so, and when it is back it is in the ledger', async (t) => {
    const told: string[] = [];
    const observer = { waiting: () => undefined, behind: () => told.push('behind'), caughtUp: () => told.push('caught up') };
    const ledger = await openLedger({ dir: nowhere, postgres: await server.database('gone'), observer });
    const call = newCall();
    await ledger.callBegan(call);
    await server.stop();
    const later = newCall({ startedAtMs: 2_000 });
    const entered = Promise.all([ledger.callEnded(call.callId, { atMs: 3_000, outcome: 'answered', reason: 'hung up' }), ledger.callBegan(later)]);
    let health = await ledger.health();
    while (!/takes no entries; 2 of calls and captures are kept/.test(health.detail)) health = await ledger.health();
    t.notOk(health.ok);
    await server.start();
    await entered;
    t.match(await ledger.recordings({ limit: 10 }), [{ sessionId: later.sessionId, callState: 'ringing' }, { sessionId: call.sessionId, callState: 'ended' }]);
    t.strictSame(told, ['behind', 'caught up']);
    await ledger.close();
  });
});

/** Enters calls, several at a time, and prints each ID when it was acknowledged. */
function killed(postgres: PostgresSettings): string {
  return `
  import { openLedger } from ${JSON.stringify(new URL('./open-ledger.js', import.meta.url).href)};
  import { newCall } from ${JSON.stringify(new URL('./entries.fixture.js', import.meta.url).href)};
  import { writeSync } from 'node:fs';
  const ledger = await openLedger({ dir: '/nonexistent', postgres: ${JSON.stringify(postgres)} });
  const enter = async () => {
    for (;;) {
      const call = newCall();
      await ledger.callBegan(call);
      writeSync(1, call.sessionId + '\\n');
    }
  };
  await Promise.all([enter(), enter(), enter()]);
`;
}
