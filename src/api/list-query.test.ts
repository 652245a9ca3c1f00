import fc from 'fast-check';
import t from 'tap';
import { listedStates } from '../ledger/index.js';
import { encodeListQuery, maxListed, parseListQuery } from './list-query.js';

t.test('what is encoded is parsed as it was', (t) => {
  const text = fc.string({ minLength: 1, maxLength: 256, unit: 'grapheme-ascii' });
  const filter = fc.record(
    {
      limit: fc.integer({ min: 1, max: maxListed }),
      before: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
      state: fc.constantFrom(...listedStates),
      party: text,
      tag: fc.record({ name: fc.stringMatching(/^[\w.-]{1,64}$/), value: text }, { requiredKeys: ['name'] }),
    },
    { requiredKeys: ['limit'] },
  );
  fc.assert(
    fc.property(filter, text, (given, beforeSession) => {
      const full = { before: undefined, state: undefined, party: undefined, tag: undefined, ...given, beforeSession: given.before === undefined ? undefined : beforeSession };
      t.same(parseListQuery(Object.fromEntries(encodeListQuery(full))), full);
    }),
    { numRuns: 50 },
  );
  t.end();
});

t.test('without a limit fifty are listed', (t) => {
  t.match(parseListQuery({}), { limit: 50 });
  t.end();
});

t.test('a wrong parameter is refused with a sentence', (t) => {
  for (const [query, reason] of [
    [{ sort: 'up' }, /no parameter "sort"/],
    [{ limit: '0' }, /limit/],
    [{ limit: '1001' }, /limit/],
    [{ limit: '1.5' }, /limit/],
    [{ limit: 'many' }, /limit/],
    [{ limit: '' }, /limit/],
    [{ before: 'yesterday' }, /before/],
    [{ before: 'Infinity' }, /before/],
    [{ beforeSession: 'a' }, /goes with before/],
    [{ state: 'open' }, /state must be/],
    [{ tag: '=7' }, /tag must be the name/],
    [{ tag: 'a b' }, /tag must be the name/],
    [{ tag: 'ticket=' }, /tag must be the name/],
    [{ tag: `${'n'.repeat(65)}=1` }, /tag must be the name/],
    [{ tag: `n=${'x'.repeat(320)}` }, /characters/],
    [{ party: ['a', 'b'] }, /more than once/],
    [{ party: 'x'.repeat(257) }, /characters/],
  ] as const) {
    t.match(parseListQuery(query), reason);
  }
  t.end();
});

t.test('a tag is named alone or with its value, which may hold anything', (t) => {
  t.match(parseListQuery({ tag: 'ticket' }), { tag: { name: 'ticket', value: undefined } });
  t.match(parseListQuery({ tag: 'ticket=A=7 & "8"\n' }), { tag: { name: 'ticket', value: 'A=7 & "8"\n' } });
  t.end();
});
