import t from 'tap';
import { chooseStreams, type Choosable } from './choose-streams.js';

interface Named extends Choosable {
  readonly name: string;
}

const one = (name: string, fields: Partial<Choosable['stream']> & { readonly leg?: number; readonly readable?: boolean }): Named => {
  const { leg = 0, readable = true, ...stream } = fields;
  return { name, legStartedAtMs: leg, readable, stream: { role: 'caller', index: 0, packets: 100, firstAtMs: 0, lastAtMs: 60_000, ...stream } };
};
const chosen = (...all: readonly Named[]): string => chooseStreams(all).map(({ name }) => name).sort().join(' ');

t.test('one stream at a time speaks for a party', (t) => {
  t.equal(chosen(one('second', { leg: 2 }), one('first', { leg: 1 })), 'first', 'the earliest leg');
  t.equal(chosen(one('secret', { leg: 1, readable: false }), one('plain', { leg: 2 })), 'plain', 'one that can be read');
  t.equal(chosen(one('short', { leg: 1, packets: 80 }), one('whole', { leg: 2 })), 'whole', 'one that is whole');
  t.equal(chosen(one('nearly', { leg: 1, packets: 95 }), one('whole', { leg: 2 })), 'nearly', 'a few packets are no reason');
  t.equal(chosen(one('silent', { leg: 1, packets: 0 }), one('heard', { leg: 2 })), 'heard');
  t.equal(chosen(one('ann', {}), one('bob', { role: 'callee' })), 'ann bob', 'both parties');
  t.equal(chosen(one('third', { role: 'other', index: 2 }), one('fourth', { role: 'other', index: 3 })), 'fourth third', 'each further party');
  t.equal(chosen(one('before', { lastAtMs: 10_000, packets: 10 }), one('after', { firstAtMs: 9_500, leg: 2 })), 'after before', 'one after the other');
  t.equal(chosen(), '');
  t.end();
});
