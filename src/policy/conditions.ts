/** The conditions of rules and deny entries, each with the words for a call that does not meet it. */
import { subscriberText, type CallFacts, type Direction, type Traffic } from './call-facts.js';
import { matchesNumber, parseNumberPattern, type NumberPattern, type Subscriber } from './number-pattern.js';
import { isSampled } from './sampling.js';
import { openSchedule } from './schedule.js';
import type { ConditionSettings, DenySettings } from './settings.js';

/** What the site's own numbers say of a call; neither direction for one between two of them, or two strangers. */
export interface Bearing {
  readonly direction: Direction | undefined;
  readonly traffic: Traffic;
}

export interface Condition {
  holds(facts: CallFacts, bearing: Bearing): boolean;
  /** Why it does not hold, as the end of a sentence: `caller 7100 is not 72. or 8!`. */
  why(facts: CallFacts, bearing: Bearing): string;
}

export interface Numbers {
  has(subscriber: Subscriber): boolean;
  /** The patterns as they were written, the first few. */
  readonly text: string;
}

const NAMED = 4;

const textOf = (values: readonly string[]): string =>
  values.length <= NAMED ? values.join(' or ') : `${values.slice(0, NAMED).join(', ')} or one of ${values.length - NAMED} more`;

/** @param patterns checked before: one that is none is a bug here. */
export function openNumbers(patterns: readonly string[]): Numbers {
  const parsed = patterns.map((text): NumberPattern => {
    const pattern = parseNumberPattern(text);
    if (typeof pattern === 'string') throw new TypeError(`pattern ${text}: ${pattern}`);
    return pattern;
  });
  return { has: (subscriber) => parsed.some((pattern) => matchesNumber(pattern, subscriber)), text: textOf(patterns) };
}

const partyConditions = ({ caller, callee, party }: DenySettings): Condition[] => {
  const made: Condition[] = [];
  for (const [who, patterns] of [['caller', caller], ['callee', callee]] as const) {
    if (patterns === undefined) continue;
    const numbers = openNumbers(patterns);
    made.push({ holds: (facts) => numbers.has(facts[who]), why: (facts) => `the ${who} ${subscriberText(facts[who])} is not ${numbers.text}` });
  }
  if (party !== undefined) {
    const numbers = openNumbers(party);
    made.push({
      holds: (facts) => numbers.has(facts.caller) || numbers.has(facts.callee),
      why: ({ caller: from, callee: to }) => `neither the caller ${subscriberText(from)} nor the callee ${subscriberText(to)} is ${numbers.text}`,
    });
  }
  return made;
};

function headerCondition({ name, is, has }: ConditionSettings['headers'][number]): Condition {
  const key = name.toLowerCase();
  const wanted = (is ?? has ?? '').toLowerCase();
  const fits = (value: string): boolean =>
    is !== undefined ? value.toLowerCase() === wanted : value.toLowerCase().includes(wanted);
  const words = is !== undefined ? `is “${is}”` : has !== undefined ? `has “${has}” in it` : 'is there';
  return {
    holds: ({ headers }) => headers[key]?.some(fits) === true,
    // The value is the parties' and may be secret: it is not repeated.
    why: ({ headers }) => (headers[key] === undefined ? `the INVITE has no ${name}` : `no ${name} of the INVITE ${words}`),
  };
}

/** @param settings checked before. */
export function openConditions(settings: ConditionSettings | DenySettings): readonly Condition[] {
  const made = partyConditions(settings);
  if (!('headers' in settings)) return made;
  const { trunk, direction, traffic, headers, hours, percent } = settings;
  if (trunk !== undefined) made.push({ holds: (facts) => trunk.includes(facts.trunk), why: (facts) => `the trunk ${facts.trunk} is not ${textOf(trunk)}` });
  if (direction !== undefined) {
    made.push({ holds: (_facts, bearing) => bearing.direction === direction, why: (_facts, bearing) => `the call is ${bearing.direction ?? 'neither inbound nor outbound'}` });
  }
  if (traffic !== undefined) made.push({ holds: (_facts, bearing) => bearing.traffic === traffic, why: (_facts, bearing) => `the call is ${bearing.traffic}` });
  for (const header of headers) made.push(headerCondition(header));
  if (hours !== undefined) {
    const schedule = openSchedule(hours);
    made.push({ holds: ({ atMs }) => schedule.holds(atMs), why: ({ atMs }) => `it is ${schedule.local(atMs)} in ${hours.timeZone}, not ${hours.from} to ${hours.to} on ${hours.days.join(', ')}` });
  }
  if (percent !== undefined) {
    made.push({ holds: ({ sessionId }) => isSampled(sessionId, percent), why: ({ sessionId }) => `the session ${sessionId} is not among the ${percent} % chosen` });
  }
  return made;
}
