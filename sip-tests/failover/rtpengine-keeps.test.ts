/** A recorder goes while rtpengine carries the calls and their copies come by the proxy: nothing is missing either. */
import t from 'tap';
import { rtpengineIsInstalled, startDaemon } from '../../src/anchor/rtpengine/daemon.fixture.js';
import { startPostgres, withoutPostgres } from '../../src/ledger/postgres-server.fixture.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { relayPortsAt } from '../support/ports.js';
import { placeRound } from './calls-in-fault.js';
import { areBack, faults, hasAll } from './faults.js';
import { openFleet } from './fleet.js';

const calls = 6;
const seconds = 6;
const withoutRtpengine = rtpengineIsInstalled() || process.env['TWINTRACK_REQUIRE_PEERS'] === '1' ? false : 'rtpengine is not installed (Debian: rtpengine-daemon)';

t.test('what rtpengine copies is kept until it is written', { skip: withoutPostgres || withoutRtpengine, timeout: 200_000 }, async (t) => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.close());
  const daemon = await startDaemon(t, await freePort(), relayPortsAt(0, 1_500));
  const ports = { relay: relayPortsAt(1_500, 1_500), recorders: [relayPortsAt(3_000, 1_000), relayPortsAt(4_000, 1_000)] } as const;
  const anchor = { rtpengine: { nodes: [{ host: '127.0.0.1', port: daemon.port }], keep: { ports: ports.relay } } };
  const fleet = await openFleet({ postgres, database: 'fleet', anchor, ports });
  t.teardown(() => fleet.close());
  await areBack(fleet);
  for (const [round, fault] of [faults.kill, faults.stop].entries()) {
    await t.test(fault.what, async (t) => {
      const result = await placeRound(fleet, { calls, seconds, round, ready: () => hasAll(fleet, calls), inject: () => fault.inject(fleet), undo: () => fault.undo(fleet) });
      t.strictSame(result.faults, [], 'no recording lacks anything');
      t.strictSame([...new Set(result.missingMs)], [0]);
      t.equal(result.takenOverMs.length, calls, 'each was taken over once');
      await areBack(fleet);
    });
  }
});
