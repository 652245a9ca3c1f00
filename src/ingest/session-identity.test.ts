import t from 'tap';
import { identityOf } from './session-identity.js';

const identity = (...lines: readonly string[]) =>
  identityOf({
    callId: 'c1',
    parts: [],
    metadata: undefined,
    headers: lines.map((line) => {
      const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      return { key: name.toLowerCase(), name, value };
    }),
  });
const id = '0123456789abcdef0123456789abcdef';
const nil = '0'.repeat(32);

t.test('the IDs of makers, in the order of trust', (t) => {
  t.strictSame(identity(`Session-ID: ${id};remote=${nil}`, 'Cisco-Guid: 1-2-3-4'), { id, shared: true });
  t.strictSame(identity(`Session-ID: ${nil};remote=${id}`), { id, shared: true }, 'of one that knows only its peer');
  t.strictSame(identity(`Session-ID: ${nil};remote=${nil}`, 'Cisco-Guid: 1-2-3-4'), { id: '00000001000000020000000300000004', shared: true });
  t.strictSame(identity('Session-ID: nonsense'), { id: 'c1', shared: false });
  t.strictSame(identity('User-to-User: 00FA0800705D4C5DCAAC41;encoding=hex', 'Cisco-Guid: 1-2-3-4'), { id: '00FA0800705D4C5DCAAC41', shared: true });
  t.strictSame(identity('User-to-User: 04C8143031;encoding=hex'), { id: 'c1', shared: false }, 'something else of the users');
  t.strictSame(identity('From: <sip:a@b;x-nearend;x-refci=25;x-nearendclusterid=cl>;tag=1'), { id: '25@cl', shared: true });
  t.strictSame(identity('X-AUDC-CALL-ID: 5', 'AC-Session-ID: 6'), { id: '5', shared: true });
  t.strictSame(identity('Cisco-Guid:'), { id: 'c1', shared: false });
  t.strictSame(identity(`X-UCID: ${'9'.repeat(300)}`), { id: 'c1', shared: false }, 'nobody has one of that length');
  t.end();
});
