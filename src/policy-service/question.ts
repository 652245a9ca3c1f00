/**
 * What the policy service is asked, and which facts of it an answer may name. Pure.
 *
 * The document has a version: facts may be added to it, none changes its meaning within one.
 */
import { createHash } from 'node:crypto';
import type { CallFacts, Subscriber } from '../policy/index.js';

export interface Question {
  readonly version: 1;
  readonly sessionId: string;
  /** When the INVITE came, ISO 8601 in UTC. */
  readonly at: string;
  readonly trunk: string;
  readonly caller: Subscriber;
  readonly callee: Subscriber;
  /** Values by lower-case name, in the order they came. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** They prove who somebody is, and are nobody else's business. */
const withheld = new Set(['authorization', 'proxy-authorization']);

export const questionOf = ({ sessionId, trunk, caller, callee, headers, atMs }: CallFacts): Question => ({
  version: 1,
  sessionId,
  at: new Date(atMs).toISOString(),
  trunk,
  caller: { user: caller.user, host: caller.host },
  callee: { user: callee.user, host: callee.host },
  headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !withheld.has(name))),
});

const wholeFacts = ['trunk', 'caller', 'caller.user', 'caller.host', 'callee', 'callee.user', 'callee.host'] as const;
type WholeFact = (typeof wholeFacts)[number];

/** A fact that tells calls apart: one of the above, or a header as `header:x-queue`. */
export type FactName = WholeFact | `header:${string}`;

const isHeader = (name: string): name is `header:${string}` => /^header:[-!%*+'`~.\w]{1,64}$/u.test(name);
/** The names there are, as a JSON Schema says it. */
export const factNamePattern = `^(?:${wholeFacts.join('|').replaceAll('.', '\\.')}|header:[-!%*+'\`~.\\w]{1,64})$`;

const valueOf: Readonly<Record<WholeFact, (question: Question) => unknown>> = {
  'trunk': ({ trunk }) => trunk,
  'caller': ({ caller: { user, host } }) => [user, host],
  'caller.user': ({ caller }) => caller.user,
  'caller.host': ({ caller }) => caller.host,
  'callee': ({ callee: { user, host } }) => [user, host],
  'callee.user': ({ callee }) => callee.user,
  'callee.host': ({ callee }) => callee.host,
};

/** Equal for two questions just when these facts of both are equal; of one size, however long the facts are. */
export function factsKey(question: Question, by: readonly FactName[]): string {
  const values = by.map((name) => (isHeader(name) ? (question.headers[name.slice('header:'.length).toLowerCase()] ?? null) : valueOf[name](question)));
  return createHash('sha256').update(JSON.stringify([by, values])).digest('base64');
}
