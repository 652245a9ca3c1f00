/** A recorder goes while calls run, one way or another: nothing is missing in any of their recordings. */
import t from 'tap';
import { startPostgres, withoutPostgres } from '../../src/ledger/postgres-server.fixture.js';
import { relayPortsAt } from '../support/ports.js';
import { placeRound, type RoundResult } from './calls-in-fault.js';
import { areBack, faults, hasAll, type Fault } from './faults.js';
import { openFleet } from './fleet.js';
import { whyNoNetwork } from './network.js';

const calls = 20;
const seconds = 7;

t.test('what a recorder had not written another one has', { skip: withoutPostgres, timeout: 290_000 }, async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.close());
  const ports = { relay: relayPortsAt(0, 3_000), recorders: [relayPortsAt(3_000, 1_000), relayPortsAt(4_000, 1_000)] } as const;
  const noNetwork = await whyNoNetwork();
  const fleet = await openFleet({ postgres, database: 'fleet', isCuttable: noNetwork === undefined, ports });
  t.teardown(() => fleet.close());
  let round = 0;
  await areBack(fleet);
  const place = async (ready: () => Promise<void>, inject: () => Promise<void>, undo: () => Promise<void>): Promise<RoundResult> =>
    placeRound(fleet, { calls, seconds, ready, inject, undo, round: (round += 1) });
  for (const [name, fault] of Object.entries<Fault>(faults)) {
    await t.test(`${name}: ${fault.what}`, { skip: fault.isOfNetwork === true && noNetwork !== undefined && noNetwork }, async (t) => {
      const result = await place(() => hasAll(fleet, calls), () => fault.inject(fleet), () => fault.undo(fleet));
      t.strictSame(result.faults, [], 'no recording lacks anything');
      t.strictSame([...new Set(result.missingMs)], [0]);
      t.equal(result.takenOverMs.length, calls, 'each was taken over once');
      t.comment(`noticed after ${Math.round(Math.max(...result.noticedMs))} ms at most, taken over after ${Math.round(Math.max(...result.takenOverMs))}`);
      await areBack(fleet);
    });
  }
});
