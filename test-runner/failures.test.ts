import t from 'tap';
import { collectFailures } from './failures.js';

const failuresOf = (text: string): readonly string[] => {
  const failures = collectFailures();
  for (const line of text.split('\n')) failures.take(line);
  return failures.lines();
};

t.test('of what a test file prints, the failures are kept with their diagnoses, and what is no TAP', (t) => {
  t.same(
    failuresOf(`TAP version 14
# Subtest: calls
    ok 1 - one
    not ok 2 - two
      ---
      diff: |
        -4
        +5
      ...
    ok 3 - late # time=3ms
      ---
      duration: 3
      ...
    not ok 4 - later # TODO not yet
    # a comment
    1..4
not ok 1 - calls # time=5ms
Error: nobody caught it
    at somewhere
1..1
# { total: 4, pass: 2, fail: 1 }`),
    ['    not ok 2 - two', '      diff: |', '        -4', '        +5', '      ...', 'not ok 1 - calls # time=5ms', 'Error: nobody caught it', '    at somewhere'],
  );
  t.end();
});

t.test('what passes leaves nothing, and no file can fill the memory', (t) => {
  t.same(failuresOf('TAP version 14\nok 1 - fine\n1..1\n# time=2ms\n'), []);
  const many = failuresOf('not ok 1 - again\n'.repeat(1000));
  t.equal(many.length, 301);
  t.equal(many.at(-1), '… and 700 lines more');
  t.end();
});
