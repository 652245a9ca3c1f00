/** Where a call would go, out of the configuration alone: pure. */
import type { NextHop } from './next-hops.js';
import { proxiedInvite } from './outgoing-invite.js';
import { readRouting, type RoutedCall } from './routes.js';
import type { ProxySettings } from './settings.js';
import { readTrunks } from './trunks.js';

export interface ExplainedHop extends Pick<NextHop, 'priority' | 'weight'> {
  /** As the configuration has it, less its user part. */
  readonly hop: string;
  /** What it is asked for. */
  readonly requestUri: string;
}

export interface ExplainedRoute {
  readonly by: string;
  /** By priority; within one they are drawn by weight for each call. */
  readonly hops: readonly ExplainedHop[];
}

/** @returns undefined when there is no way. `uri` is the Request-URI of the call. */
export function explainRoute({ trunks, routes }: Pick<ProxySettings, 'trunks' | 'routes'>, call: RoutedCall, uri: string): ExplainedRoute | undefined {
  const found = readRouting(trunks, routes).of(call);
  const trunk = readTrunks(trunks).find(({ name }) => name === call.trunk);
  if (found === undefined || trunk === undefined) return undefined;
  const hops = [...found.hops].sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  return { by: found.by, hops: hops.map((hop) => ({ hop: hop.label, priority: hop.priority, weight: hop.weight, requestUri: proxiedInvite({ uri }, trunk, hop).target })) };
}
