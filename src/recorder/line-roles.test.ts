import fc from 'fast-check';
import t from 'tap';
import { castLines, type LineRole } from './line-roles.js';

const cast = (lines: Parameters<typeof castLines>[1], before: readonly (readonly [number, LineRole])[] = []): (readonly [number, LineRole])[] =>
  [...castLines(new Map(before), lines)].sort(([one], [other]) => one - other);

t.test('nobody says who called: the first line is the caller, the second the callee, further ones are others', (t) => {
  t.strictSame(cast([{ index: 0 }, { index: 2 }, { index: 3 }]), [[0, 'caller'], [2, 'callee'], [3, 'other']]);
  t.strictSame(cast([{ index: 0 }]), [[0, 'caller']]);
  t.end();
});

t.test('whoever is said to have called is the caller, wherever the line stands; two who called are nobody', (t) => {
  t.strictSame(cast([{ index: 0, calling: false }, { index: 1, calling: true }]), [[0, 'callee'], [1, 'caller']]);
  t.strictSame(cast([{ index: 0 }, { index: 1 }, { index: 2, calling: true }]), [[0, 'callee'], [1, 'other'], [2, 'caller']]);
  t.strictSame(cast([{ index: 0, calling: true }, { index: 1, calling: true }]), [[0, 'caller'], [1, 'callee']]);
  t.end();
});

t.test('a line keeps its role, whatever is said later', (t) => {
  t.strictSame(cast([{ index: 0, calling: false }, { index: 1, calling: true }], [[0, 'caller'], [1, 'callee']]), [[0, 'caller'], [1, 'callee']]);
  t.end();
});

t.test('a transfer: who comes in on a new line has the role that became free', (t) => {
  t.strictSame(cast([{ index: 0 }, { index: 2 }], [[0, 'caller'], [1, 'callee']]), [[0, 'caller'], [2, 'callee']]);
  t.strictSame(cast([{ index: 1 }, { index: 2, calling: true }], [[0, 'caller'], [1, 'callee']]), [[1, 'callee'], [2, 'caller']]);
  t.strictSame(cast([{ index: 0 }, { index: 1 }, { index: 2 }], [[0, 'caller'], [1, 'callee']]), [[0, 'caller'], [1, 'callee'], [2, 'other']]);
  t.end();
});

t.test('each line has one role, and caller and callee are one line each', (t) => {
  const indexes = fc.uniqueArray(fc.nat(8), { maxLength: 6 });
  fc.assert(fc.property(indexes, indexes, fc.array(fc.option(fc.boolean(), { nil: undefined }), { minLength: 6, maxLength: 6 }), (first, second, said) => {
    const lines = (all: readonly number[]) => all.map((index, n) => ({ index, calling: said[n] }));
    const after = castLines(castLines(new Map(), lines(first)), lines(second));
    const roles = [...after.values()];
    return after.size === second.length && roles.filter((role) => role === 'caller').length <= 1 && roles.filter((role) => role === 'callee').length <= 1;
  }));
  t.end();
});
