/** `twintrack explain`: which rule decides whether a call is recorded, and why. */
import type { Config } from '../config/index.js';
import { Failure } from '../errors/index.js';
import { Policy, plainUser, type CallFacts, type Subscriber } from '../policy/index.js';
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
  readonly json: boolean;
}

/** A number, a name or a whole SIP URI. */
function subscriberOf(text: string): Subscriber {
  const parsed = /^(?:sips?|tel):/iu.test(text) ? parseSipUri(text) : 'malformed';
  if (parsed !== 'malformed') return { user: plainUser(parsed.user ?? ''), host: parsed.host };
  const [user = '', host = ''] = text.split('@');
  return { user: plainUser(user), host: host.toLowerCase() };
}

function headersOf(lines: readonly string[]): CallFacts['headers'] {
  const headers: Record<string, string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    (headers[line.slice(0, colon).trim().toLowerCase()] ??= []).push(line.slice(colon + 1).trim());
  }
  return headers;
}

const words = { 'always': 'recorded', 'on-demand': 'recorded when somebody asks', 'never': 'not recorded' } as const;

/** @throws Failure CONFIG_INVALID for a trunk that the configuration does not have. */
export function explain(config: Config, { from, to, trunk = config.trunks[0]?.name ?? '', header, at, sessionId, json }: ExplainOptions): void {
  if (!config.trunks.some(({ name }) => name === trunk)) {
    throw new Failure('CONFIG_INVALID', `there is no trunk "${trunk}"; there are: ${config.trunks.map(({ name }) => name).join(', ')}`, { facts: { trunk } });
  }
  const facts: CallFacts = { sessionId, trunk, caller: subscriberOf(from), callee: subscriberOf(to), headers: headersOf(header), atMs: at };
  const { bearing, steps, decision } = new Policy(config.policy).explain(facts);
  if (json) {
    printJson({ facts: { ...facts, at: new Date(at).toISOString() }, ...bearing, steps, decision });
    return;
  }
  print(`${from} calls ${to} by trunk ${trunk}: ${bearing.traffic}${bearing.direction === undefined ? '' : `, ${bearing.direction}`}`);
  if (steps.length > 0) print(table(['looked at', 'what came of it'], steps.map(({ what, why }) => [what, why === undefined ? 'it fits and decides' : `does not fit: ${why}`])));
  const { record, pausable, decidedBy, mandatory, refuseWith } = decision;
  print(`${words[record]}${pausable && record !== 'never' ? ', with pauses allowed' : ''}, by ${decidedBy}${mandatory ? `; refused with ${refuseWith} when it cannot be recorded` : ''}`);
}
