import fc from 'fast-check';
import t from 'tap';
import { inOrder, type Candidate } from './choice.js';

const of = (uri: string, more: Partial<Candidate> = {}): Candidate => ({ uri, priority: 1, sessions: 0, share: 1, ...more });
const ids = Array.from({ length: 400 }, (_, n) => `session-${n}`);
const firstOf = (candidates: readonly Candidate[]): Record<string, number> => {
  const firsts: Record<string, number> = {};
  for (const id of ids) {
    const uri = inOrder(candidates, id)[0]?.uri ?? '';
    firsts[uri] = (firsts[uri] ?? 0) + 1;
  }
  return firsts;
};
const byText = (a: Candidate, b: Candidate): number => JSON.stringify(a).localeCompare(JSON.stringify(b));

t.test('a lesser priority comes first, however loaded; within one the less loaded', (t) => {
  t.strictSame(inOrder([of('c', { priority: 2 }), of('a', { sessions: 500 }), of('b', { sessions: 100 })], 'x').map(({ uri }) => uri), ['b', 'a', 'c']);
  t.end();
});

t.test('those about as loaded share the sessions evenly, and one session has the same order everywhere', (t) => {
  const shared = firstOf([of('a', { sessions: 101 }), of('b', { sessions: 100 }), of('c', { sessions: 97 })]);
  for (const uri of ['a', 'b', 'c']) t.ok((shared[uri] ?? 0) > 100 && (shared[uri] ?? 0) < 170, `${uri}: ${shared[uri]}`);
  for (const id of ids) t.strictSame(inOrder([of('a'), of('b'), of('c')], id), inOrder([of('c'), of('a'), of('b')], id).slice());
  const without = ids.filter((id) => inOrder([of('a'), of('b'), of('c')], id)[0]?.uri !== 'c');
  t.ok(without.every((id) => inOrder([of('a'), of('b')], id)[0]?.uri === inOrder([of('a'), of('b'), of('c')], id)[0]?.uri), 'when one goes, the sessions of the others stay where they are');
  t.end();
});

t.test('one that is back takes its share and no more, and is asked last by the others, behind lesser priorities too', (t) => {
  const shared = firstOf([of('back', { share: 0.25 }), of('other', { priority: 2 })]);
  t.ok((shared['back'] ?? 0) > 70 && (shared['back'] ?? 0) < 130, `${shared['back']} of 400`);
  t.equal(firstOf([of('back', { share: 0 }), of('other', { priority: 2 })])['back'], undefined);
  t.strictSame(inOrder([of('back', { share: 0 })], 'x').map(({ uri }) => uri), ['back'], 'alone it takes all');
  t.end();
});

t.test('whatever the candidates, each is in the order once', (t) => {
  const candidate = fc.record({ uri: fc.string(), priority: fc.integer({ min: 1, max: 3 }), sessions: fc.nat(300), share: fc.float({ min: 0, max: 1, noNaN: true }) });
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 8 }), fc.string(), (candidates, id) => {
      const ordered = inOrder(candidates, id);
      t.strictSame([...ordered].sort(byText), [...candidates].sort(byText));
    }),
    { numRuns: 200 },
  );
  t.end();
});
