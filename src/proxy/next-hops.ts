/** Next hops as the configuration has them: pure. */
import { encodeSipUri, parseSipUri, type SipUri } from '../sip/index.js';
import { readRewriter, type Rewriter } from './rewrite-number.js';
import type { HeaderChanges, NextHopSettings, TrunkSettings } from './trunk-settings.js';

export interface NextHop {
  readonly uri: SipUri;
  /** The same, as the configuration has it. */
  readonly text: string;
  /** Where it is, for logs and metrics: without a user part, which may hold a password. */
  readonly label: string;
  readonly priority: number;
  readonly weight: number;
  /** Whether it is asked if it is there. */
  readonly health: boolean;
  /** Of the anchor's, by which its media is reached; undefined: by the first. */
  readonly network: string | undefined;
  readonly rewrite: Rewriter;
  readonly headers: HeaderChanges;
}

function readHop({ uri: text, priority, weight, health, network, rewrite, headers = {} }: NextHopSettings, alone: boolean, trunkNetwork: string | undefined): NextHop {
  const uri = parseSipUri(text);
  if (typeof uri === 'string') throw new TypeError(`next hop ${text}: ${uri}`);
  const { user: _user, ...place } = uri;
  const label = encodeSipUri({ ...place, headers: new Map() });
  return { uri, text, label, priority, weight, health: health ?? !alone, network: network ?? trunkNetwork, rewrite: readRewriter(rewrite), headers };
}

/** @param hops checked before: a URI that is none is a bug here. `network`: of those that name none. */
export const readHops = (hops: readonly NextHopSettings[] = [], network?: string): readonly NextHop[] => hops.map((hop) => readHop(hop, hops.length === 1, network));

/** Where the calls of a trunk go without a route. */
export const ownHops = ({ nextHop, nextHops }: Pick<TrunkSettings, 'nextHop' | 'nextHops'>): readonly NextHopSettings[] =>
  nextHops ?? (nextHop === undefined ? [] : [{ uri: nextHop, priority: 1, weight: 1 }]);
