/**
 * What follows from the proxy's settings: trunks, their limits, the rules, where calls go. After a reload there is
 * another, for calls that begin from then on; those that run keep theirs.
 *
 * Owns       the checks of next hops.
 */
import { Policy } from '../policy/index.js';
import { originOf, type SipRequest } from '../sip/index.js';
import type { ProxyContext } from './context.js';
import { openDestinations, type CallContext } from './destinations.js';
import { PendingDecisions } from './pending-decisions.js';
import { TrunkAdmission } from './trunk-admission.js';
import { readTrunks, trunkOf, type Trunk } from './trunks.js';

/** Whether the edge is to tell whom a peer has proved to be over TLS. */
export const asksForIdentity = ({ trunks }: Pick<ProxyContext['settings'], 'trunks'>): boolean => trunks.some(({ tlsIdentities }) => tlsIdentities !== undefined);

export interface Setup {
  readonly context: CallContext;
  readonly policy: Policy;
  /** Of the policy service, if there is one. */
  readonly pending: PendingDecisions | undefined;
  /** By the names of trunks. */
  readonly admissions: ReadonlyMap<string, TrunkAdmission>;
  readonly senderOf: (request: SipRequest) => Trunk | undefined;
}

/** @param before whose trunks go on counting their calls */
export function setUp(context: ProxyContext, shared: Pick<CallContext, 'proxiedEnds' | 'recorders'>, before?: Setup): Setup {
  const { settings, policyService } = context;
  const trunks = readTrunks(settings.trunks);
  const policy = new Policy(settings.policy);
  const tellsIdentity = asksForIdentity(settings);
  const admissions = new Map(settings.trunks.map(({ name, limits }) => [name, before?.admissions.get(name) ?? new TrunkAdmission(limits)]));
  for (const { name, limits } of settings.trunks) admissions.get(name)?.limit(limits);
  return {
    context: { ...context, ...shared, destinations: openDestinations(context) },
    policy,
    pending: policyService === undefined ? undefined : new PendingDecisions(policyService),
    admissions,
    senderOf: (request) => trunkOf(trunks, originOf(request, tellsIdentity)),
  };
}
