import { readFileSync } from 'node:fs';
import t from 'tap';
import { catalogue } from './catalogue.js';

const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const documented = [...text.matchAll(/^### `([A-Z_]+)`\n\n([^\n]+)\n/gm)].map(([, code = '', sentence = '']) => [code, sentence]);

t.test('docs/errors.md lists exactly the codes of the catalogue, in its order, with its sentences', (t) => {
  const sentenceOf = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  t.strictSame(
    documented,
    Object.entries(catalogue).map(([code, meaning]) => [code, sentenceOf(meaning)]),
  );
  t.end();
});

t.test('docs/errors.md says for each code what to do', (t) => {
  for (const section of text.split(/^### /m).slice(1)) t.match(section, /^\*\*What to do\.\*\* \S/m, section.split('\n', 1)[0] ?? '');
  t.end();
});
