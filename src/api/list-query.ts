/**
 * The query of `GET /v1/recordings`, both ways. A wrong or unknown parameter is refused, never ignored.
 */
import { listedStates, type ListFilter } from '../ledger/index.js';

export const maxListed = 1_000;
const defaultListed = 50;
const maxTextChars = 256;
/** A name of 64 characters, = and a value of 256. */
const maxTagChars = 321;

const names = ['limit', 'before', 'beforeSession', 'state', 'party', 'tag'] as const;
type Name = (typeof names)[number];

const isName = (name: string): name is Name => names.some((each) => each === name);

/** A filter, or a sentence that says what is wrong. */
export const parseListQuery = (query: Readonly<Record<string, unknown>>): ListFilter | string => {
  const given: Partial<Record<Name, string>> = {};
  for (const [name, value] of Object.entries(query)) {
    if (!isName(name)) return `there is no parameter "${name.slice(0, 64)}"; there are ${names.join(', ')}`;
    if (typeof value !== 'string') return `the parameter ${name} is given more than once`;
    const maxChars = name === 'tag' ? maxTagChars : maxTextChars;
    if (value === '' || value.length > maxChars) return `the parameter ${name} must have 1 to ${maxChars} characters`;
    given[name] = value;
  }
  const limit = given.limit === undefined ? defaultListed : Number(given.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > maxListed) return `limit must be a whole number from 1 to ${maxListed}`;
  const before = given.before === undefined ? undefined : Number(given.before);
  if (before !== undefined && !Number.isFinite(before)) return 'before must be an instant in milliseconds of Unix time';
  if (given.beforeSession !== undefined && before === undefined) return 'beforeSession goes with before';
  const state = listedStates.find((each) => each === given.state);
  if (given.state !== undefined && state === undefined) return `state must be one of ${listedStates.join(', ')}`;
  const tag = given.tag === undefined ? undefined : parseTag(given.tag);
  if (typeof tag === 'string') return tag;
  return { limit, before, beforeSession: given.beforeSession, state, party: given.party, tag };
};

/** `KEY` or `KEY=VALUE`; or a sentence that says what is wrong. */
export const parseTag = (text: string): NonNullable<ListFilter['tag']> | string => {
  const [, name = '', value] = /^([\w.-]{1,64})(?:=(.{1,256}))?$/su.exec(text) ?? [];
  if (name === '') return 'tag must be the name of a tag, or NAME=VALUE; a name has 1 to 64 letters, digits, dots, hyphens and underscores';
  return { name, ...(value === undefined ? {} : { value }) };
};

const encodeTag = ({ name, value }: NonNullable<ListFilter['tag']>): string => (value === undefined ? name : `${name}=${value}`);

export const encodeListQuery = (filter: ListFilter): URLSearchParams => {
  const query = new URLSearchParams();
  for (const name of names) {
    const value = name === 'tag' ? filter.tag && encodeTag(filter.tag) : filter[name];
    if (value !== undefined) query.set(name, String(value));
  }
  return query;
};
