import fc from 'fast-check';
import t from 'tap';
import { matchesNumber, parseNumberPattern, plainUser, type NumberPattern } from './number-pattern.js';

const pattern = (text: string): NumberPattern => {
  const parsed = parseNumberPattern(text);
  if (typeof parsed === 'string') throw new Error(`${text}: ${parsed}`);
  return parsed;
};
const fits = (text: string, user: string, host = 'pbx.example'): boolean => matchesNumber(pattern(text), { user: plainUser(user), host });

t.test('numbers are matched as telephone people write them', (t) => {
  const rows: [text: string, fits: string[], not: string[]][] = [
    ['7100', ['7100', '71-00', '(71) 00', '71.00'], ['710', '71000', '+7100', '', '710a']],
    ['72.', ['720', '729'], ['72', '7200', '72#', '72*', '72a']],
    ['8!', ['8', '80', '8123456', '8#'], ['', '08', '+8', '78']],
    ['+44!', ['+44', '+442079460000', '+44 20 7946-0000'], ['0044207', '44207', '+4']],
    ['+44 (20) 79!', ['+44207946'], ['+4420']],
    ['!', ['', '1', 'anything'], []],
    ['...', ['123'], ['12', '1234', 'abc']],
    ['*1#', ['*1#'], ['1#', '*1']],
    ['+..!', ['+49', '+4930'], ['+4', '49']],
  ];
  for (const [text, hits, misses] of rows) {
    for (const user of hits) t.ok(fits(text, user), `${text} fits ${user}`);
    for (const user of misses) t.notOk(fits(text, user), `${text} does not fit ${user}`);
  }
  t.end();
});

t.test('what holds a letter is a name: compared whole, its host without regard to case', (t) => {
  t.ok(fits('alice', 'alice'));
  t.notOk(fits('alice', 'Alice'), 'RFC 3261 §19.1.4: a user part has case');
  t.notOk(fits('alice.!', 'alice.x'), 'no wildcards');
  t.ok(fits('alice@PBX.example', 'alice'));
  t.notOk(fits('alice@other.example', 'alice'));
  t.end();
});

t.test('what is no pattern is told why', (t) => {
  for (const [text, reason] of [['', 'empty'], ['-- ', 'empty'], ['7!0', 'rest-not-last'], ['!!', 'rest-not-last'], ['7+0', 'bad-character'], ['7;0', 'bad-character'], ['al ice', 'bad-character'], ['7'.repeat(65), 'too-long']] as const) {
    t.equal(parseNumberPattern(text), reason, text);
  }
  t.end();
});

t.test('any text is a pattern or a reason, any pattern can be held against any text; a number fits its own pattern, and what begins with it the open one', (t) => {
  const digits = fc.stringMatching(/^\+?[0-9*#]{1,20}$/u);
  fc.assert(fc.property(fc.string(), fc.string(), (text, user) => {
    const parsed = parseNumberPattern(text);
    return typeof parsed === 'string' || typeof matchesNumber(parsed, { user: plainUser(user), host: user }) === 'boolean';
  }));
  fc.assert(fc.property(digits, fc.stringMatching(/^[0-9]{0,9}$/u), (number, rest) => fits(number, number) && fits(`${number}!`, number + rest) && (rest === '' || !fits(number, number + rest))));
  t.end();
});
