import { mock } from 'node:test';
import t from 'tap';
import { openPacketCounters } from './packet-counters.js';

function open() {
  const told: unknown[][] = [];
  const counters = openPacketCounters({
    relayPackets: (direction, by) => told.push([direction, by]),
    relayDropped: (reason, by) => told.push(['dropped', reason, by]),
    recorderPacketsReceived: (by) => told.push(['received', by]),
    recorderPacketsRejected: (reason, by) => told.push(['rejected', reason, by]),
  });
  return { counters, told };
}

t.beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
t.afterEach(() => mock.timers.reset());

t.test('counts are handed over in sums, once a second, and each once', (t) => {
  const { counters, told } = open();
  const dropped = { 'no-target': 1, 'unknown-source': 0, 'queue-full': 2, 'send-failed': 0 };
  counters.watch(() => ({ relayed: { caller: 3, callee: 1 }, dropped }));
  counters.intake.received();
  counters.intake.rejected('malformed');
  mock.timers.tick(999);
  t.strictSame(told, []);
  mock.timers.tick(1);
  t.strictSame(told, [['caller-to-callee', 3], ['callee-to-caller', 1], ['dropped', 'no-target', 1], ['dropped', 'queue-full', 2], ['received', 1], ['rejected', 'malformed', 1]]);
  mock.timers.tick(5_000);
  t.equal(told.length, 6, 'nothing new, nothing said');
  dropped['queue-full'] = 7;
  mock.timers.tick(1_000);
  t.strictSame(told[6], ['dropped', 'queue-full', 5]);
  counters.close();
  t.end();
});

t.test('close hands over what is left, and stops', (t) => {
  const { counters, told } = open();
  counters.intake.rejected('unknown-source');
  counters.close();
  t.strictSame(told, [['rejected', 'unknown-source', 1]]);
  counters.intake.received();
  mock.timers.tick(10_000);
  t.equal(told.length, 1);
  t.end();
});
