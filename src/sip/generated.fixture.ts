/** For tests only: properties of generated texts, among them valid ones a little spoiled, and their cost. */
import fc from 'fast-check';
import type { Test } from 'tap';

/** One assertion for a whole property: it holds unless `check` returns false or throws. */
export const holds = <Value>(
  t: Test,
  values: fc.Arbitrary<Value>,
  check: (value: Value) => boolean | undefined,
  numRuns = 200,
): void => {
  t.doesNotThrow(() => fc.assert(fc.property(values, (value) => check(value) ?? true), { numRuns }));
};

/** How long `work` keeps this process busy: other load on the machine does not count. */
export const cpuMs = (work: () => unknown): number => {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
};

/** Anything at all. */
export const anyText = fc.string({ unit: 'binary', maxLength: 200 });

const seeds = ['\0', '\r', '\n', '"', '<', '>', '/', ':', ';', '=', '-', ' ', '0', '9'.repeat(30), 'é', '\uD800', '&#0;'];

/** One of `samples` with a few characters cut, doubled or replaced. */
export const mutated = (samples: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(...samples),
      fc.array(
        fc.record({
          at: fc.double({ min: 0, max: 1, noNaN: true }),
          cut: fc.nat({ max: 12 }),
          put: fc.oneof(fc.constantFrom(...seeds), fc.string({ maxLength: 4, unit: 'binary' })),
          double: fc.boolean(),
        }),
        { minLength: 1, maxLength: 6 },
      ),
    )
    .map(([sample, edits]) =>
      edits.reduce((text, { at, cut, put, double }) => {
        const from = Math.floor(at * text.length);
        const removed = text.slice(from, from + cut);
        return text.slice(0, from) + (double ? removed + removed : put) + text.slice(from + cut);
      }, sample),
    );
