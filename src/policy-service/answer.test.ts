import fc from 'fast-check';
import t from 'tap';
import { parseAnswer } from './answer.js';
import { outcomeOf } from './question.fixture.js';

const outcome = outcomeOf({ record: 'always' });

t.test('answers and what they mean', (t) => {
  const rows: [answer: object, meaning: object][] = [
    [{ version: 1, record: 'always' }, { outcome }],
    [{ version: 1, record: 'never' }, { outcome: { ...outcome, record: 'never' } }],
    [{ version: 1, record: 'always', mandatory: true, refuseWith: 488 }, { outcome: { ...outcome, mandatory: true, refuseWith: 488 } }],
    [{ version: 1, record: 'on-demand', pausable: true, commands: ['start'], commandsFrom: ['api'] }, { outcome: { ...outcome, record: 'on-demand', pausable: true, commands: ['start'], commandsFrom: ['api'] } }],
    [{ version: 1, record: 'always', recorders: { group: 'north' }, retention: 'calls-7y', dtmfMasked: true }, { outcome: { ...outcome, recorders: { group: 'north', redundancy: 'primary-backup' }, retention: 'calls-7y', dtmfMasked: true } }],
    [{ version: 1, record: 'always', cache: { by: ['trunk'], seconds: 60 } }, { outcome, cache: { by: ['trunk'], seconds: 60 } }],
    [{ version: 1, record: 'always', cache: { by: ['trunk', 'header:X-Queue', 'callee', 'trunk'], seconds: 0 } }, { outcome, cache: { by: ['callee', 'header:x-queue', 'trunk'], seconds: 0 } }],
  ];
  for (const [answer, meaning] of rows) t.strictSame(parseAnswer(JSON.stringify(answer)), meaning, JSON.stringify(answer));
  t.end();
});

t.test('what is not understood to the last key is no answer, and the reason names the key', (t) => {
  const good = { version: 1, record: 'always' };
  const rows: [text: string, reason: RegExp][] = [
    ['', /no JSON/u],
    ['{"version": 1, "record": "always"', /no JSON/u],
    ['null', /object/u],
    ['"always"', /object/u],
    [JSON.stringify({ record: 'always' }), /^version/u],
    [JSON.stringify({ ...good, version: 2 }), /^version/u],
    [JSON.stringify({ version: 1 }), /^record/u],
    [JSON.stringify({ ...good, record: 'sometimes' }), /^record.*"always"\|"on-demand"\|"never"/u],
    [JSON.stringify({ ...good, mandatroy: true }), /mandatroy/u],
    [JSON.stringify({ ...good, mandatory: 'yes' }), /^mandatory/u],
    [JSON.stringify({ ...good, refuseWith: 200 }), /^refuseWith/u],
    [JSON.stringify({ ...good, recorders: { group: 'a b' } }), /^recorders\.group/u],
    [JSON.stringify({ ...good, retention: '' }), /^retention/u],
    [JSON.stringify({ ...good, dtmfMasked: 'yes' }), /^dtmfMasked/u],
    [JSON.stringify({ ...good, cache: { by: ['trunk'] } }), /^cache\.seconds/u],
    [JSON.stringify({ ...good, cache: { by: ['trunk'], seconds: -1 } }), /^cache\.seconds/u],
    [JSON.stringify({ ...good, cache: { by: [], seconds: 1 } }), /^cache\.by/u],
    [JSON.stringify({ ...good, cache: { by: ['moon'], seconds: 1 } }), /^cache\.by\.0: no fact/u],
    [JSON.stringify({ ...good, cache: { by: ['header:'], seconds: 1 } }), /^cache\.by\.0/u],
    [JSON.stringify({ ...good, cache: { by: Array.from({ length: 9 }, (_, i) => `header:h${i}`), seconds: 1 } }), /^cache\.by/u],
    [JSON.stringify({ ...good, ['x'.repeat(10_000)]: 1 }), /^.{1,200}$/u],
  ];
  for (const [text, reason] of rows) t.match(parseAnswer(text), { malformed: reason }, text.slice(0, 80));
  t.end();
});

t.test('any text is an answer or a reason', (t) => {
  const text = fc.oneof(fc.string(), fc.json(), fc.record({ version: fc.constantFrom(1, 2), record: fc.constantFrom('always', 'x'), cache: fc.jsonValue() }, { requiredKeys: [] }).map((each) => JSON.stringify(each)));
  fc.assert(fc.property(text, (each) => {
    const answer = parseAnswer(each);
    return 'malformed' in answer ? answer.malformed !== '' : ['always', 'never'].includes(answer.outcome.record);
  }), { numRuns: 500 });
  t.end();
});
