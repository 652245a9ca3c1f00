/** `twintrack explain`: which rule decides whether a call is recorded, and why, and where the call goes. */
import type { Config } from '../config/index.js';
import { Failure } from '../errors/index.js';
import { createLog } from '../ops/index.js';
import { Policy, plainUser, type CallFacts, type Decision, type Subscriber } from '../policy/index.js';
import { openPolicyService } from '../policy-service/index.js';
import { explainRoute, termsOf } from '../proxy/index.js';
import { parseSipUri } from '../sip/index.js';
import { print, printJson, table } from './terminal.js';

export interface ExplainOptions {
  readonly from: string;
  readonly to: string;
  readonly trunk?: string;
  /** `Name: value`. */
  readonly header: readonly string[];
  /** In ms since 1970. */
  readonly at: number;
  readonly sessionId: string;
  /** Whether the policy service is asked too. */
  readonly ask: boolean;
  readonly json: boolean;
}

/** A number, a name or a whole SIP URI. */
function subscriberOf(text: string): Subscriber {
  const parsed = /^(?:sips?|tel):/iu.test(text) ? parseSipUri(text) : 'malformed';
  if (parsed !== 'malformed') return { user: plainUser(parsed.user ?? ''), host: parsed.host };
  const [user = '', host = ''] = text.split('@');
  return { user: plainUser(user), host: host.toLowerCase() };
}

/** The Request-URI of a call to it; of a number alone nobody knows the host. */
const uriOf = (text: string): string => (/^(?:sips?|tel):/iu.test(text) ? text : `sip:${text.includes('@') ? text : `${text}@twintrack.invalid`}`);

function headersOf(lines: readonly string[]): CallFacts['headers'] {
  const headers: Record<string, string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    (headers[line.slice(0, colon).trim().toLowerCase()] ??= []).push(line.slice(colon + 1).trim());
  }
  return headers;
}

/** Asks the policy service once; why an answer is of no use goes to the log, which is standard error. */
async function askService({ policy }: Config, facts: CallFacts): Promise<Decision> {
  if (policy.service === undefined) throw new Failure('CONFIG_INVALID', 'there is no policy service to ask: the configuration has no policy.service');
  const metrics = { policyDecided: () => undefined, policyUnanswered: () => undefined, policyServiceSeconds: () => undefined, policyBreaker: () => undefined };
  const log = createLog({ level: 'warn', name: 'twintrack', pretty: true });
  const service = await openPolicyService(policy.service, { local: new Policy(policy), log, metrics, now: () => performance.now(), random: Math.random });
  try {
    return await service.decide(facts);
  } finally {
    service.close();
  }
}

const words = { 'always': 'recorded', 'on-demand': 'recorded when somebody asks', 'never': 'not recorded' } as const;

const whom = { caller: 'the caller', callee: 'the callee', both: 'both' } as const;
const moments = { before: 'before the parties hear each other', at: 'when connected' } as const;

function noticesOf({ record, announcement, beep }: Decision): string {
  if (record === 'never') return '';
  return [
    ...(announcement === undefined ? [] : [`; announcement ${announcement.name} to ${whom[announcement.to]}, ${moments[announcement.when]}`]),
    ...(beep === undefined ? [] : [`; beep every ${beep.everySeconds} s to ${whom[beep.to]}`]),
  ].join('');
}

const inWords = (decision: Decision): string => {
  const { record, pausable, decidedBy, mandatory, refuseWith } = decision;
  return `${words[record]}${pausable && record !== 'never' ? ', with pauses allowed' : ''}, by ${decidedBy}${mandatory ? `; refused with ${refuseWith} when it cannot be recorded` : ''}${noticesOf(decision)}`;
};

/** Where the recording goes and how it is kept; what of that the configuration does not have. */
function termsInWords(config: Config, decision: Decision, atMs: number): string[] {
  if (decision.record === 'never') return [];
  const { members, retention, unknown } = termsOf(decision, config, atMs);
  const { group, redundancy } = decision.recorders;
  return [
    `recorders: group ${group}, ${redundancy}: ${members.map(({ uri }) => uri).join(', ')}`,
    `retention: ${retention.class}${retention.untilMs === undefined ? '' : `, until ${new Date(retention.untilMs).toISOString()}`}`,
    ...(decision.dtmfMasked ? ['keys that are pressed: masked'] : []),
    ...unknown,
  ];
}

/** @throws Failure CONFIG_INVALID for a trunk or a policy service that the configuration does not have. */
export async function explain(config: Config, { from, to, trunk = config.trunks[0]?.name ?? '', header, at, sessionId, ask, json }: ExplainOptions): Promise<void> {
  if (!config.trunks.some(({ name }) => name === trunk)) {
    throw new Failure('CONFIG_INVALID', `there is no trunk "${trunk}"; there are: ${config.trunks.map(({ name }) => name).join(', ')}`, { facts: { trunk } });
  }
  const facts: CallFacts = { sessionId, trunk, caller: subscriberOf(from), callee: subscriberOf(to), headers: headersOf(header), atMs: at };
  const { bearing, steps, decision } = new Policy(config.policy).explain(facts);
  const route = explainRoute(config, facts, uriOf(to));
  const asked = ask ? await askService(config, facts) : undefined;
  if (json) {
    printJson({ facts: { ...facts, at: new Date(at).toISOString() }, ...bearing, steps, decision, route: route ?? null, ...(asked === undefined ? {} : { asked }) });
    return;
  }
  print(`${from} calls ${to} by trunk ${trunk}: ${bearing.traffic}${bearing.direction === undefined ? '' : `, ${bearing.direction}`}`);
  if (steps.length > 0) print(table(['looked at', 'what came of it'], steps.map(({ what, why }) => [what, why === undefined ? 'it fits and decides' : `does not fit: ${why}`])));
  for (const line of [inWords(decision), ...termsInWords(config, decision, at)]) print(line);
  if (asked !== undefined) for (const line of [`with the policy service: ${inWords(asked)}`, ...termsInWords(config, asked, at)]) print(line);
  if (route === undefined) {
    print('goes nowhere: no route fits, and the trunk has no next hop: answered 404');
    return;
  }
  print(`goes by ${route.by}`);
  print(table(['next hop', 'priority', 'weight', 'asked for'], route.hops.map(({ hop, priority, weight, requestUri }) => [hop, `${priority}`, `${weight}`, requestUri])));
}
