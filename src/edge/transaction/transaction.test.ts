import t from 'tap';
import type { Path } from '../transport/path.js';
import { standardTiming } from '../timing.js';
import { standingClock } from '../transport/standing-clock.fixture.js';
import type { Machine, MachineEvent, MachineState } from './machine.js';
import { client, inviteClient, inviteServer, server } from './machines.js';
import { Lingering } from './lingering.js';
import { Transaction } from './transaction.js';

function run(machine: Machine, reliable = false) {
  const clock = standingClock();
  const sent: { at: number; text: string }[] = [];
  const told: string[] = [];
  const path: Path = {
    protocol: reliable ? 'tcp' : 'udp', address: '192.0.2.1', port: 5060, local: { address: '192.0.2.2', port: 5060 }, open: true,
    send: (text) => sent.push({ at: clock.now(), text }),
  };
  const lingering = new Lingering(clock);
  const transaction = new Transaction<string>(machine, { clock, timing: standardTiming, lingering }, path, {
    perform: (effect, message, cause) => told.push([effect === 'pass' ? 'passed' : effect, message, cause === message ? undefined : cause].filter((each) => each !== undefined).join(' ')),
  });
  return { clock, lingering, sent, told, transaction, feed: (event: MachineEvent, message: string) => transaction.feed(event, message, message) };
}

t.test('INVITE client over UDP: A doubles from 500 ms, B ends it after 32 s (RFC 3261 §17.1.1.2)', (t) => {
  const { clock, sent, told, transaction } = run(inviteClient);
  transaction.start('INVITE');
  clock.advance(32_000);
  t.strictSame(sent.map((each) => each.at), [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
  t.strictSame(told, ['timeout', 'terminated']);
  t.equal(clock.armed, 0);
  t.end();
});

t.test('INVITE client over TCP: nothing is repeated, B still ends it', (t) => {
  const { clock, sent, told, transaction } = run(inviteClient, true);
  transaction.start('INVITE');
  clock.advance(32_000);
  t.equal(sent.length, 1);
  t.strictSame(told, ['timeout', 'terminated']);
  t.end();
});

t.test('INVITE client: a provisional stops A and B; each repeated failure is acknowledged, passed once; D ends it', (t) => {
  const { clock, sent, told, transaction, feed } = run(inviteClient);
  transaction.start('INVITE');
  feed('received-1xx', '180');
  clock.advance(100_000);
  t.equal(sent.length, 1);
  feed('received-failure', '486');
  feed('received-failure', '486');
  clock.advance(32_000);
  t.strictSame(told, ['passed 180', 'ack 486', 'passed 486', 'ack 486', 'terminated']);
  t.end();
});

t.test('INVITE client: every 2xx is passed for 32 s (RFC 6026)', (t) => {
  const { clock, told, transaction, feed } = run(inviteClient);
  transaction.start('INVITE');
  feed('received-2xx', '200');
  clock.advance(31_999);
  feed('received-2xx', '200');
  t.equal(feed('received-failure', '486'), false, 'a failure after a 2xx is late');
  clock.advance(1);
  t.strictSame(told, ['passed 200', 'passed 200', 'terminated']);
  t.end();
});

t.test('client over UDP: E doubles to 4 s, is 4 s after a provisional, F ends it (RFC 3261 §17.1.2.2)', (t) => {
  const one = run(client);
  one.transaction.start('OPTIONS');
  one.clock.advance(32_000);
  t.strictSame(one.sent.map((each) => each.at), [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
  t.strictSame(one.told, ['timeout', 'terminated']);
  const other = run(client);
  other.transaction.start('OPTIONS');
  other.feed('received-1xx', '100');
  other.clock.advance(8_000);
  t.strictSame(other.sent.map((each) => each.at), [0, 4_000, 8_000]);
  other.feed('received-2xx', '200');
  other.feed('received-2xx', '200');
  other.clock.advance(5_000);
  t.strictSame(other.told, ['passed 100', 'passed 200', 'terminated']);
  t.end();
});

t.test('INVITE server over UDP: G repeats the failure until the ACK, H gives up (RFC 3261 §17.2.1)', (t) => {
  const one = run(inviteServer);
  one.feed('send-1xx', '100');
  one.feed('received-request', 'INVITE');
  t.strictSame(one.sent.map((each) => each.text), ['100', '100']);
  one.feed('send-failure', '486');
  one.clock.advance(32_000);
  t.strictSame(one.sent.slice(2).map((each) => each.at), [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
  t.strictSame(one.told, ['no-ack', 'terminated']);
  const other = run(inviteServer);
  other.feed('send-failure', '486');
  other.feed('received-ack', 'ACK');
  other.clock.advance(4_999);
  t.equal(other.sent.length, 1);
  t.equal(other.transaction.state, 'confirmed');
  other.clock.advance(1);
  t.strictSame(other.told, ['terminated']);
  t.end();
});

t.test('INVITE server: after a 2xx the repeated INVITE is swallowed for 32 s, and 2xx pass (RFC 6026)', (t) => {
  const { clock, sent, told, feed } = run(inviteServer);
  feed('send-2xx', '200');
  feed('received-request', 'INVITE');
  feed('send-2xx', '200');
  t.equal(feed('send-failure', '500'), false);
  t.equal(sent.length, 2);
  clock.advance(32_000);
  t.strictSame(told, ['terminated']);
  t.end();
});

t.test('server: the final response is repeated for each repeated request, for 32 s over UDP and not over TCP', (t) => {
  const one = run(server);
  one.feed('received-request', 'OPTIONS');
  t.equal(one.sent.length, 0);
  one.feed('send-2xx', '200');
  one.feed('received-request', 'OPTIONS');
  t.equal(one.sent.length, 2);
  one.clock.advance(32_000);
  t.strictSame(one.told, ['terminated']);
  const other = run(server, true);
  other.feed('send-2xx', '200');
  other.clock.advance(0);
  t.strictSame(other.told, ['terminated']);
  t.end();
});

t.test('every state of every machine can be left, and no table leads nowhere', (t) => {
  for (const machine of [inviteClient, client, inviteServer, server]) {
    const states = Object.keys(machine.table) as MachineState[];
    for (const state of states) {
      const leaving = Object.values(machine.table[state] ?? {}).map(([next]) => next);
      t.ok(leaving.some((next) => next !== state), `${machine.name} ${state}`);
      for (const next of leaving) t.ok(next === 'terminated' || states.includes(next), `${machine.name} ${state} to ${next}`);
      for (const timer of machine.timers[state] ?? []) t.ok(machine.table[state]?.[timer], `${machine.name} ${state} takes timer ${timer}`);
    }
  }
  t.end();
});
