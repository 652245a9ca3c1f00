/**
 * The query of `GET /v1/recordings`, both ways. A wrong or unknown parameter is refused, never ignored.
 */
import { listedStates, type ListFilter } from '../ledger/index.js';

export const maxListed = 1_000;
const defaultListed = 50;
const maxTextChars = 256;

const names = ['limit', 'before', 'beforeSession', 'state', 'party'] as const;
type Name = (typeof names)[number];

const isName = (name: string): name is Name => names.some((each) => each === name);

/** A filter, or a sentence that says what is wrong. */
export const parseListQuery = (query: Readonly<Record<string, unknown>>): ListFilter | string => {
  const given: Partial<Record<Name, string>> = {};
  for (const [name, value] of Object.entries(query)) {
    if (!isName(name)) return `there is no parameter "${name.slice(0, 64)}"; there are ${names.join(', ')}`;
    if (typeof value !== 'string') return `the parameter ${name} is given more than once`;
    if (value === '' || value.length > maxTextChars) return `the parameter ${name} must have 1 to ${maxTextChars} characters`;
    given[name] = value;
  }
  const limit = given.limit === undefined ? defaultListed : Number(given.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > maxListed) return `limit must be a whole number from 1 to ${maxListed}`;
  const before = given.before === undefined ? undefined : Number(given.before);
  if (before !== undefined && !Number.isFinite(before)) return 'before must be an instant in milliseconds of Unix time';
  if (given.beforeSession !== undefined && before === undefined) return 'beforeSession goes with before';
  const state = listedStates.find((each) => each === given.state);
  if (given.state !== undefined && state === undefined) return `state must be one of ${listedStates.join(', ')}`;
  return { limit, before, beforeSession: given.beforeSession, state, party: given.party };
};

export const encodeListQuery = (filter: ListFilter): URLSearchParams => {
  const query = new URLSearchParams();
  for (const name of names) {
    const value = filter[name];
    if (value !== undefined) query.set(name, String(value));
  }
  return query;
};
