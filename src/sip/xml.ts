/**
 * XML in bounds: a document becomes a tree of elements, or a reason.
 *
 * What arrives here was written by strangers, so there are no document types and no entities of
 * their own (nothing to expand, nothing to fetch), and size and depth are limited before the
 * tree is built. Names come apart into namespace and local name, whatever prefix a maker chose.
 *
 * Owns       fast-xml-parser, entities, bounds, escaping for what we write.
 * Leaves to  siprec-metadata.ts what the elements mean.
 */
import { XMLParser } from 'fast-xml-parser';

import { faultOfTags } from './xml-outline.js';

export interface XmlElement {
  /** Local name in lower case: makers disagree on `datamode` and `dataMode`. */
  name: string;
  /** The namespace its prefix (or the lack of one) stands for; undefined when none was declared. */
  namespace: string | undefined;
  /** By local name in lower case, entities resolved. */
  attributes: ReadonlyMap<string, string>;
  children: readonly XmlElement[];
  /** Its own text and CDATA, entities resolved, trimmed. */
  text: string;
}

export const xmlRejects = ['empty', 'too-long', 'too-deep', 'too-many-elements', 'doctype', 'malformed'] as const;
export type XmlReject = (typeof xmlRejects)[number];

const maxXmlChars = 256 * 1024;
const maxDepth = 16;
/** Metadata of a two-party call has some 30; each costs 6 µs, and this thread has calls to answer. */
const maxElements = 8_192;

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  // Entities are resolved below: the five of XML 1.0 §4.6 and characters by number, no others.
  processEntities: false,
  cdataPropName: '#cdata',
  ignorePiTags: true,
  maxNestedTags: maxDepth,
});

/**
 * Reads one document.
 *
 * @returns its root; or why not: `empty`; `too-long` (over 262,144 characters); `too-deep` (elements
 *          nested over 16 deep); `too-many-elements` (over 8,192); `doctype` (a document type or an
 *          entity declaration); `malformed`.
 */
export function readXml(text: string): XmlElement | XmlReject {
  if (text.length > maxXmlChars) return 'too-long';
  const document = text.trim();
  if (document === '') return 'empty';
  if (/<!(?:DOCTYPE|ENTITY)/i.test(document)) return 'doctype';
  const fault = faultOfTags(document, maxDepth, maxElements);
  if (fault !== undefined) return fault;
  const nodes = parseDocument(document);
  if (nodes === undefined) return 'malformed';
  return elementsOf(nodes, undefined)[0] ?? 'malformed';
}

/** Text for an element or a double-quoted attribute; what XML 1.0 §2.2 cannot hold becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"'\t\n\r]/g, (character) => escapes.get(character) ?? character);
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&apos;'],
  // A reader turns these into spaces inside attributes unless they come by number (XML 1.0 §3.3.3).
  ['\t', '&#9;'],
  ['\n', '&#10;'],
  ['\r', '&#13;'],
]);

/** fast-xml-parser tells malformed input by throwing; nothing else throws in here. */
function parseDocument(document: string): unknown {
  try {
    return parser.parse(document) as unknown;
  } catch {
    return undefined;
  }
}

/** The prefixes an element declares, and those of its parents: looked up outwards, never copied. */
interface Scope {
  declared: ReadonlyMap<string, string>;
  outer: Scope | undefined;
}

/** In preserved order a node is `{ tag: [children], ':@': { attributes } }`, text `{ '#text': … }`. */
function elementsOf(nodes: unknown, outer: Scope | undefined): XmlElement[] {
  const elements: XmlElement[] = [];
  for (const node of recordsOf(nodes)) {
    const tag = Object.keys(node).find((key) => key !== ':@' && !key.startsWith('#') && !key.startsWith('?'));
    if (tag === undefined) continue;
    const attributes = new Map<string, string>();
    const declared = new Map<string, string>();
    for (const [name, value] of attributesOf(node)) {
      if (name === 'xmlns') declared.set('', value.trim());
      else if (name.startsWith('xmlns:')) declared.set(name.slice('xmlns:'.length), value.trim());
      else attributes.set(splitName(name).local, value);
    }
    const scope = declared.size === 0 ? outer : { declared, outer };
    const { prefix, local } = splitName(tag);
    elements.push({
      name: local,
      namespace: namespaceOf(prefix, scope),
      attributes,
      children: elementsOf(node[tag], scope),
      text: textOf(node[tag]),
    });
  }
  return elements;
}

function attributesOf(node: Record<string, unknown>): [string, string][] {
  const raw = node[':@'];
  return Object.entries(isRecord(raw) ? raw : {}).map(([name, value]) => [
    name,
    resolveEntities(typeof value === 'string' ? value : ''),
  ]);
}

function namespaceOf(prefix: string, scope: Scope | undefined): string | undefined {
  for (let at = scope; at !== undefined; at = at.outer) {
    const namespace = at.declared.get(prefix);
    // xmlns="" takes the default away again (Namespaces in XML §6.2).
    if (namespace !== undefined) return namespace === '' ? undefined : namespace;
  }
  return undefined;
}

function splitName(name: string): { prefix: string; local: string } {
  const colon = name.indexOf(':');
  return { prefix: name.slice(0, Math.max(colon, 0)), local: name.slice(colon + 1).toLowerCase() };
}

function textOf(nodes: unknown): string {
  let text = '';
  for (const node of recordsOf(nodes)) {
    const plain = node['#text'];
    if (typeof plain === 'string') text += resolveEntities(plain);
    for (const section of recordsOf(node['#cdata'])) {
      const verbatim = section['#text'];
      if (typeof verbatim === 'string') text += verbatim;
    }
  }
  return text.trim();
}

const named: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** An entity that is none of ours stays as written. */
function resolveEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,4}));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return named.get(name) ?? whole;
    const codePoint = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    const isCharacter = codePoint > 0 && codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint <= 0xdfff);
    return isCharacter ? String.fromCodePoint(codePoint) : whole;
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const recordsOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isRecord) : []);
