/**
 * Between columns and values: what comes out of a row, and what may go into a parameter.
 *
 * A column that is not what the schema says is a bug of ours, hence an assertion.
 */
import assert from 'node:assert/strict';
import type { Retention, Tags, Unrecorded } from './entries.js';
import type { Row } from './sql.js';

export const textOf = (row: Row, column: string): string => {
  const value = row[column];
  assert(typeof value === 'string', `column ${column} is not text`);
  return value;
};

export const numberOf = (row: Row, column: string): number => {
  const value = optionalNumberOf(row, column);
  assert(value !== undefined, `column ${column} is null`);
  return value;
};

/** `undefined` for null. */
export const optionalNumberOf = (row: Row, column: string): number | undefined => {
  const value = row[column];
  if (value === null || value === undefined) return undefined;
  const number = typeof value === 'bigint' || typeof value === 'string' ? Number(value) : value;
  assert(typeof number === 'number' && !Number.isNaN(number), `column ${column} is not a number`);
  return number;
};

export const optionalTextOf = (row: Row, column: string): string | undefined =>
  row[column] === null || row[column] === undefined ? undefined : textOf(row, column);

/** `retention` and `keep_until_ms`; nothing for a row that has none. */
export const retentionFrom = (row: Row): { readonly retention?: Retention } => {
  const name = optionalTextOf(row, 'retention');
  const untilMs = optionalNumberOf(row, 'keep_until_ms');
  return name === undefined ? {} : { retention: { class: name, ...(untilMs === undefined ? {} : { untilMs }) } };
};

/** `tags`, which nothing but text is ever written to; nothing for a row that has none. */
export const tagsFrom = (row: Row): { readonly tags?: Tags } => {
  const tags = row['tags'] as Tags;
  return Object.keys(tags).length === 0 ? {} : { tags };
};

/** `unrecorded`, which nothing else is ever written to; nothing for a row that has none. */
export const unrecordedFrom = (row: Row): { readonly unrecorded?: readonly Unrecorded[] } => {
  const unrecorded = row['unrecorded'] as readonly Unrecorded[];
  return unrecorded.length === 0 ? {} : { unrecorded };
};

/** One out of a closed union, as the schema's check constraint holds it. */
export const oneOf = <T extends string>(row: Row, column: string, values: readonly T[]): T => {
  const found = values.find((value) => value === row[column]);
  assert(found !== undefined, `column ${column} holds an unknown value`);
  return found;
};

/** Text that PostgreSQL can hold: U+0000 and lone surrogates become U+FFFD. URIs come from the network. */
export const storableText = (text: string): string => Buffer.from(text, 'utf8').toString('utf8').replaceAll('\0', '\ufffd');

/** A document as text for a `jsonb` parameter, its strings storable. */
export const storableJson = (document: unknown): string =>
  JSON.stringify(document, (_key, value: unknown) => (typeof value === 'string' ? storableText(value) : value));
