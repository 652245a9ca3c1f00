/** Two copies of a call, one of each side, and none for a while: what becomes of their recordings when recorders die. */
import t, { type Test } from 'tap';
import { startPostgres, withoutPostgres } from '../../src/ledger/postgres-server.fixture.js';
import { listed, metric, until } from '../support/product.js';
import { relayPortsAt } from '../support/ports.js';
import { reportOf } from '../support/recordings.js';
import { placeRound, type RoundResult } from './calls-in-fault.js';
import { areBack, hasAll } from './faults.js';
import { openFleet } from './fleet.js';

const calls = 10;
const seconds = 7;

const isWhole = (t: Test, result: RoundResult): void => {
  t.strictSame(result.faults, [], 'no recording lacks anything');
  t.strictSame([...new Set(result.missingMs)], [0]);
};

t.test('two copies, one of each side, and none for a while', { skip: withoutPostgres, timeout: 290_000 }, async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.close());
  const ports = { relay: relayPortsAt(0, 3_000), recorders: [relayPortsAt(3_000, 1_000), relayPortsAt(4_000, 1_000)] } as const;
  const fleet = await openFleet({ postgres, database: 'fleet', ports });
  t.teardown(() => fleet.close());
  const [first, second] = fleet.recorders;
  const redundancy = (kind: string): Promise<void> => fleet.setPolicy({ otherwise: { recorders: { redundancy: kind } } });
  await areBack(fleet);

  await t.test('dual: both have all of the call, and one is killed', async (t) => {
    await redundancy('dual');
    const result = await placeRound(fleet, {
      calls, seconds, round: 0,
      ready: async () => {
        await Promise.all([hasAll(fleet, calls, 0), hasAll(fleet, calls, 1)]);
      },
      inject: () => first.product.kill(),
      undo: () => first.start(),
    });
    isWhole(t, result);
    t.match(fleet.log(), /the call is recorded once, not twice/u);
    await areBack(fleet);
  });

  await t.test('split: one has the caller, the other the callee; one is killed, and the other takes its side as well', async (t) => {
    await redundancy('split');
    const result = await placeRound(fleet, {
      calls, seconds, round: 1,
      ready: async () => {
        await Promise.all([hasAll(fleet, calls, 0), hasAll(fleet, calls, 1)]);
      },
      inject: () => first.product.kill(),
      undo: () => first.start(),
    });
    isWhole(t, result);
    t.equal(result.takenOverMs.length, calls);
    await areBack(fleet);
  });

  await t.test('one dead, one hangs: the calls go on, and the ledger says that their recordings are lost, and by whose fault', async (t) => {
    await redundancy('primary-backup');
    await first.product.kill();
    second.product.signal('SIGSTOP');
    for (const { uri } of fleet.recorders) await until(async () => (await metric(fleet.proxy, `twintrack_recorder_up{recorder="${uri}"}`)) === 0, `${uri} is missed`);
    const result = await placeRound(fleet, { calls, seconds: 2, round: 2, ready: () => Promise.resolve(), inject: () => Promise.resolve(), undo: () => Promise.resolve() });
    t.strictSame([...new Set(result.recordings.map(({ state }) => state))], ['lost']);
    t.ok(result.recordings.every(({ reason }) => fleet.recorders.every(({ uri }) => reason.includes(uri))), result.recordings[0]?.reason ?? '');
  });

  await t.test('and when one of them returns, the running calls are recorded, from their beginning', async (t) => {
    const result = await placeRound(fleet, {
      calls, round: 3,
      // What is kept of a call is ten seconds.
      seconds: 9,
      ready: () => Promise.resolve(),
      inject: async () => {
        await until(() => Promise.resolve(fleet.log().split('the call goes on without its recording').length > 2 * calls), 'all are lost for now');
        second.product.signal('SIGCONT');
      },
      undo: () => first.start(),
    });
    isWhole(t, result);
    t.equal(await metric(fleet.proxy, 'twintrack_calls_active'), 0);
    t.equal((await listed(fleet.proxy, 'lost')).length, calls, 'those of before stay lost');
    t.match(fleet.log(), /the call is recorded again/u);
    await areBack(fleet);
  });

  await t.test('the only one that is left dies and comes back too late: what is missing is a gap in the report, with the reason', async (t) => {
    second.product.signal('SIGSTOP');
    await until(async () => (await metric(fleet.proxy, `twintrack_recorder_up{recorder="${second.uri}"}`)) === 0, 'the second is missed');
    const [few, longer] = [3, 4];
    const received = (): Promise<number> => metric(first.workspace, 'twintrack_recorder_packets_received_total');
    const result = await placeRound(fleet, {
      calls: few, seconds: longer, round: 4,
      beyondHealing: true,
      ready: async () => {
        await hasAll(fleet, few, 0);
        const before = await received();
        await until(async () => (await received()) >= before + few * 2 * 50, 'it has a second of each party');
      },
      inject: () => first.product.kill(),
      undo: async () => {
        second.product.signal('SIGCONT');
        await first.start();
      },
    });
    t.strictSame(result.recordings.map(({ state }) => state), ['partial', 'partial', 'partial']);
    for (const { sessionId, reason } of result.recordings) {
      t.match(reason, /s of the caller are missing because no recorder had the call; .* s of the callee are missing because no recorder had the call; .*/u);
      t.ok(fleet.recorders.every(({ uri }) => reason.includes(uri)), reason);
      const report = await reportOf(fleet.proxy, sessionId);
      for (const { gaps, offsetMs = 0 } of report?.channels ?? []) {
        const last = gaps.at(-1);
        t.match(last, { cause: 'failover' });
        t.ok((last?.atMs ?? 0) + (last?.ms ?? 0) - offsetMs >= longer * 1_000, 'to the end of the call');
      }
    }
  });
});
