/** docs/policy-service.md shows what goes over the wire: held to it here. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { answerJsonSchema, parseAnswer } from './answer.js';
import { factsOf, outcomeOf } from './question.fixture.js';
import { questionOf } from './question.js';

const text = readFileSync(new URL('../../../docs/policy-service.md', import.meta.url), 'utf8');
const example = (name: string): string => new RegExp(`<!-- ${name} -->\n\`\`\`json\n([^]*?)\n\`\`\``, 'u').exec(text)?.[1] ?? '';

t.test('the question shown is the one that is posted, key by key', (t) => {
  t.strictSame(JSON.parse(example('question')), JSON.parse(JSON.stringify(questionOf(factsOf()))));
  t.end();
});

t.test('the answer shown is understood', (t) => {
  t.strictSame(parseAnswer(example('answer')), { outcome: outcomeOf({ record: 'always' }), cache: { by: ['callee.user', 'trunk'], seconds: 300 } });
  t.end();
});

t.test('the schema shown is the one that answers are checked by', (t) => {
  t.strictSame(JSON.parse(example('schema')), JSON.parse(JSON.stringify(answerJsonSchema())));
  t.end();
});
