import fc from 'fast-check';
import t from 'tap';
import { factsOf } from './question.fixture.js';
import { factsKey, questionOf, type FactName } from './question.js';

t.test('what proves who somebody is does not leave: Authorization and Proxy-Authorization are left out', (t) => {
  const { headers } = questionOf(factsOf({ headers: { 'authorization': ['Digest x'], 'proxy-authorization': ['Digest y'], 'x-queue': ['a', 'b'] } }));
  t.strictSame(headers, { 'x-queue': ['a', 'b'] });
  t.end();
});

t.test('calls have one key just when they agree in the facts named', (t) => {
  const rows: [by: FactName[], same: Parameters<typeof factsOf>[0], other: Parameters<typeof factsOf>[0]][] = [
    [['trunk'], { callee: { user: '1', host: 'a' } }, { trunk: 'other' }],
    [['caller'], { callee: { user: '1', host: 'a' } }, { caller: { user: '+4930123456', host: 'other' } }],
    [['caller.user'], { caller: { user: '+4930123456', host: 'other' } }, { caller: { user: '+49', host: 'carrier.example' } }],
    [['caller.host'], { caller: { user: '+49', host: 'carrier.example' } }, { caller: { user: '+4930123456', host: 'other' } }],
    [['callee'], { trunk: 'other' }, { callee: { user: '7100', host: 'other' } }],
    [['callee.user'], { callee: { user: '7100', host: 'other' } }, { callee: { user: '7101', host: 'pbx.example' } }],
    [['callee.host'], { callee: { user: '7101', host: 'pbx.example' } }, { callee: { user: '7100', host: 'other' } }],
    [['header:x-queue'], { headers: { 'x-queue': ['sales'] } }, { headers: { 'x-queue': ['sales', 'more'] } }],
    [['header:x-queue'], {}, { headers: {} }],
    [['callee', 'trunk'], { sessionId: 'f'.repeat(32), atMs: 0 }, { trunk: 'other' }],
  ];
  const keyOf = (by: FactName[], more: Parameters<typeof factsOf>[0] = {}): string => factsKey(questionOf(factsOf(more)), by);
  for (const [by, same, other] of rows) {
    t.equal(keyOf(by, same), keyOf(by), `${by.join(' ')}: the same`);
    t.not(keyOf(by, other), keyOf(by), `${by.join(' ')}: another`);
  }
  t.end();
});

t.test('no text in a fact makes two calls alike that differ, and a key has one size', (t) => {
  const call = fc.record({ trunk: fc.string(), caller: fc.record({ user: fc.string(), host: fc.string() }) });
  fc.assert(fc.property(call, call, (one, other) => {
    const keys = [one, other].map((more) => factsKey(questionOf(factsOf(more)), ['caller', 'trunk']));
    const alike = one.trunk === other.trunk && one.caller.user === other.caller.user && one.caller.host === other.caller.host;
    return (keys[0] === keys[1]) === alike && keys.every(({ length }) => length === 44);
  }));
  t.end();
});
