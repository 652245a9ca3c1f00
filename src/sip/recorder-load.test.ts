import fc from 'fast-check';
import t from 'tap';
import { encodeRecorderLoad, parseRecorderLoad } from './recorder-load.js';

t.test('what is written is read', (t) => {
  const load = fc.record({ sessions: fc.nat(), freePorts: fc.nat(), freeMb: fc.nat(), draining: fc.boolean() }, { requiredKeys: ['sessions', 'draining'] });
  fc.assert(fc.property(load, (given) => t.strictSame(parseRecorderLoad(encodeRecorderLoad(given)), { ...given })));
  t.end();
});

t.test('what is not known is passed over, what cannot be is malformed', (t) => {
  t.strictSame(parseRecorderLoad(' Sessions = 3 ; else=1; ports=-1;free-mb=1e9;x'), { sessions: 3, draining: false });
  for (const text of ['', 'sessions', 'sessions=', 'sessions=-1', 'sessions=1.5', `sessions=${'9'.repeat(13)}`, `sessions=1;${'x'.repeat(600)}`]) t.equal(parseRecorderLoad(text), 'malformed', text.slice(0, 20));
  t.end();
});

t.test('never throws', (t) => {
  fc.assert(fc.property(fc.string(), (text) => t.ok(parseRecorderLoad(text))));
  t.end();
});
