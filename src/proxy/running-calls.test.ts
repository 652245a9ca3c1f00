import t from 'tap';
import type { CallControl } from './call-control.js';
import { RunningCalls, type Controlled } from './running-calls.js';

const call = (sessionId: string, from: string, to: string, control?: Partial<CallControl>): Controlled => ({
  facts: { sessionId, trunk: 'one', from, to, startedAtMs: 1 },
  control: control as CallControl | undefined,
});
const obeying = (state: 'paused' | 'recording', refused?: string): Partial<CallControl> => ({ state, command: () => ({ state, ...(refused === undefined ? {} : { refused }) }) });

t.test('a party is found by its number, as a URI or bare, or by its name', (t) => {
  const calls = new RunningCalls(() => [call('a', 'sip:+44123@x.example;user=phone', 'sip:anna@y.example'), call('b', 'sip:+44999@x.example', 'sip:7100@y.example'), call('c', 'sip:+44999@z.example', 'tel:+44-777')]);
  for (const [party, found] of [
    ['+44123', { sessionId: 'a' }],
    ['+44 (123)', { sessionId: 'a' }],
    ['sip:+44123@elsewhere.example', { sessionId: 'a' }],
    ['anna', { sessionId: 'a' }],
    ['7100', { sessionId: 'b' }],
    ['+44777', { sessionId: 'c' }],
    ['+44999', 'several'],
    ['710', 'none'],
  ] as const) {
    t.strictSame(calls.sessionOf(party), found, party);
  }
  t.end();
});

t.test('a session that goes through here twice is one party, and both its calls hear a command; a refusal is told', (t) => {
  const both = new RunningCalls(() => [call('a', 'sip:1@x', 'sip:2@x', obeying('paused')), call('a', 'sip:1@x', 'sip:2@x', obeying('recording', 'no'))]);
  t.strictSame(both.sessionOf('1'), { sessionId: 'a' });
  t.strictSame(both.command('a', { command: 'pause' }, 'api'), { state: 'recording', refused: 'no' });
  t.equal(both.command('b', { command: 'pause' }, 'api'), undefined);
  const lost = new RunningCalls(() => [call('a', 'sip:1@x', 'sip:2@x')]);
  t.equal(lost.command('a', { command: 'pause' }, 'api'), 'no-recording');
  t.match(lost.list(), [{ recording: 'none' }]);
  t.end();
});
