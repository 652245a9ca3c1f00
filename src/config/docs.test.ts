import { readFileSync } from 'node:fs';
import t from 'tap';
import { configJsonSchema } from './schema.js';

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node | false;
  readonly default?: unknown;
}

const isObject = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** Every key that holds a value, as `recorder.sip.listen` or `trunks[].name`, and what stands for it when it is left out. */
function keysOf(node: Node, path = ''): [string, string][] {
  return Object.entries(node.properties ?? {}).flatMap(([name, inner]): [string, string][] => {
    const key = path === '' ? name : `${path}.${name}`;
    if (inner.properties !== undefined) return keysOf(inner, key);
    if (isObject(inner.items) && inner.items.properties !== undefined) return keysOf(inner.items, `${key}[]`);
    return [[key, node.required?.includes(name) === true ? 'required' : defaultOf(inner, key)]];
  });
}

/** The defaults that the schema leaves out, since they are of the machine that made the schema. */
const byHostName = new Set(['node', 'recorder.name']);

function defaultOf(node: Node, key: string): string {
  if (node.default !== undefined) return `\`${typeof node.default === 'string' ? node.default : JSON.stringify(node.default)}\``;
  return byHostName.has(key) ? 'host name' : 'none';
}

t.test('docs/config.md lists exactly the keys of the configuration, with their defaults', (t) => {
  const text = readFileSync(new URL('../../../docs/config.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].map(([, key = '', byDefault = '']): [string, string] => [key, byDefault.trim()]);
  const schema: unknown = configJsonSchema();
  t.ok(isObject(schema));
  t.strictSame(documented, keysOf(schema as Node));
  t.end();
});
