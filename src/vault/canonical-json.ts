/**
 * JSON with one spelling (RFC 8785): members sorted by UTF-16 code units, no spaces. Equal documents have equal
 * bytes, so that a signature or digest of them means something.
 */
import assert from 'node:assert/strict';

/** As JSON.stringify otherwise: `undefined` members are left out, toJSON is heeded. A cycle or a BigInt is a bug: TypeError. */
export function canonicalJson(document: unknown): string {
  const plain: unknown = JSON.stringify(document);
  assert(typeof plain === 'string', 'undefined, a function or a symbol is no document');
  return encode(JSON.parse(plain));
}

function encode(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${encode(member)}`).join(',')}}`;
}
