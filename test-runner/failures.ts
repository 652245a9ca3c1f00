/** Out of what a test file prints (TAP 14): what failed, and what is no TAP, such as a stack from standard error. */

/** Lines kept of one file: the first of them say most. */
const linesKept = 300;

export interface Failures {
  /** One line, without its end. */
  take(line: string): void;
  /** What failed, and under which subtests; the lines of a diagnosis go with their `not ok`. */
  lines(): readonly string[];
}

export function collectFailures(): Failures {
  const kept: string[] = [];
  let left = 0;
  /** What diagnosis is being read: that of a failure, that of a pass, none. */
  let diagnosis: 'failure' | 'pass' | undefined;
  let last: 'failure' | 'pass' = 'pass';
  const keep = (line: string): void => {
    if (kept.length < linesKept) kept.push(line);
    else left += 1;
  };
  return {
    take: (line) => {
      const text = line.trimStart();
      if (diagnosis !== undefined) {
        if (diagnosis === 'failure') keep(line);
        if (text === '...') diagnosis = undefined;
        return;
      }
      if (text === '---') diagnosis = last;
      else if (/^ok\b/u.test(text)) last = 'pass';
      else if (/^not ok\b/u.test(text)) {
        last = / # (?:TODO|SKIP)\b/iu.test(text) ? 'pass' : 'failure';
        if (last === 'failure') keep(line);
      } else if (!/^(?:TAP version \d+|\d+\.\.\d+.*|# .*|\}|\{)?$/u.test(text)) keep(line);
    },
    lines: () => (left === 0 ? kept : [...kept, `… and ${left} lines more`]),
  };
}
