/**
 * From file to frozen configuration; what is wrong is said by key and line.
 *
 * Owns       reading, checking, the wording of complaints.
 * Leaves to  the slices what is right. Nothing is silently replaced by a default, unknown keys are refused.
 */
import { readFile } from 'node:fs/promises';
import { isMap, isNode, isPair, LineCounter, parseDocument, type Document, type Node, type Pair } from 'yaml';
import type { z } from 'zod';
import { Failure, messageOf } from '../errors/index.js';
import { configSchema, type Config } from './schema.js';

/** Larger than any configuration, small enough not to matter. */
const fileBytesLimit = 1024 * 1024;

/**
 * @throws Failure CONFIG_UNREADABLE, or CONFIG_INVALID whose message has a line for each fault: `file:line: key: what`.
 */
export async function loadConfig(file: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure('CONFIG_UNREADABLE', `the configuration ${file} cannot be read: ${messageOf(error)}`, { cause: error, facts: { file } });
  }
  return parseConfig(text, file);
}

export function parseConfig(text: string, file: string): Config {
  if (text.length > fileBytesLimit) throw invalid(file, [{ line: 1, text: 'the file is larger than 1 MiB' }]);
  const lines = new LineCounter();
  // Aliases could blow a small file up to any size; no configuration needs them.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, stringKeys: true });
  if (document.errors.length > 0) {
    throw invalid(file, document.errors.map((error) => ({ line: lines.linePos(error.pos[0]).line, text: firstLine(error.message) })));
  }
  const result = configSchema.safeParse(toPlain(document, file));
  if (result.success) return deepFreeze(result.data);
  throw invalid(file, result.error.issues.flatMap((issue) => complaints(issue, document, lines)));
}

interface Complaint {
  readonly line: number;
  readonly text: string;
}

const invalid = (file: string, found: readonly Complaint[]): Failure =>
  new Failure('CONFIG_INVALID', found.map(({ line, text }) => `${file}:${line}: ${text}`).join('\n'), { facts: { file, faults: found.length } });

function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  } catch (error) {
    throw invalid(file, [{ line: 1, text: firstLine(messageOf(error)) }]);
  }
}

function complaints(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): Complaint[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      line: lineOf([...path, key], document, lines),
      text: `${keyName([...path, key])}: there is no such key`,
    }));
  }
  const missing = issue.code === 'invalid_type' && document.getIn(path) === undefined;
  return [{ line: lineOf(path, document, lines), text: `${keyName(path)}: ${missing ? 'this key is missing' : issue.message}` }];
}

const keyName = (path: readonly (string | number)[]): string =>
  path.length === 0 ? 'the file' : path.map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`)).join('');

/** The line of a key, or of the nearest one above it when it is missing. */
function lineOf(path: readonly (string | number)[], document: Document, lines: LineCounter): number {
  for (let length = path.length; length > 0; length -= 1) {
    const at = positionOf(path.slice(0, length), document);
    if (at !== undefined) return lines.linePos(at).line;
  }
  return 1;
}

function positionOf(path: readonly (string | number)[], document: Document): number | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find((item): item is Pair<Node, Node> => isPair(item) && isNode(item.key) && String(item.key) === String(last));
    return pair?.key.range?.[0];
  }
  const node: unknown = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

const firstLine = (message: string): string => message.split('\n', 1)[0]?.replace(/ at line \d+.*$/, '') ?? '';

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
