/**
 * The trunk proxy: takes calls from configured trunks and carries each to where its route, or its trunk, leads.
 *
 * Owns       the calls that run, who may send one and how many, and the ledger entries of those that are not carried.
 * Leaves to  setup what follows from the settings; policy/ and policy-service/ whether a call is recorded; destinations where
 *            it goes; TrunkCall each call; the edge the SIP; the anchor the media.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { messageOf } from '../errors/index.js';
import type { CallEnd } from '../ledger/index.js';
import type { CallFacts, Decision } from '../policy/index.js';
import type { SipRequest, SipResponse } from '../sip/index.js';
import { partyOf, sessionNamesOf } from './call-names.js';
import type { ProxyContext } from './context.js';
import { factsOf } from './facts-of.js';
import { ProxiedEnds } from './proxied-ends.js';
import { RateLimit } from './rate-limit.js';
import { openRecorders } from './recorders.js';
import { allMembers } from './recording-terms.js';
import { RunningCalls } from './running-calls.js';
import { setUp, type Setup } from './setup.js';
import { TrunkCall } from './trunk-call.js';

export interface Proxy {
  readonly calls: number;
  readonly draining: boolean;
  readonly running: RunningCalls;
  /** Takes no new calls from now on: they are answered 503. Resolves when the last of the old has ended. */
  drain(): Promise<void>;
  /**
   * Other settings for calls that begin from now on; those that run are not touched. Resolves when nobody asks the
   * policy service of before any more. Throws, and changes nothing, for settings that cannot be.
   */
  reload(changed: Pick<ProxyContext, 'settings' | 'policyService' | 'announcements'>): Promise<void>;
  /** Hangs up what still runs. */
  close(): Promise<void>;
}

/** Refused INVITEs of strangers that the ledger takes in a second: a flood of them must not fill it. */
const STRANGERS_PER_SECOND = 10;

export function openProxy(context: ProxyContext): Proxy {
  const shared = { proxiedEnds: new ProxiedEnds(context.sip), recorders: openRecorders(context) };
  let setup = setUp(context, shared);
  /** Those of before a reload whose questions are not answered yet. */
  const former = new Set<Setup>();
  const strangers = new RateLimit(STRANGERS_PER_SECOND);
  const running = new Map<TrunkCall, Promise<void>>();
  let draining = false;

  context.sip.srf.invite((request, response) => {
    const { senderOf, admissions, policy, pending, context: ofCalls } = setup;
    const trunk = senderOf(request);
    if (trunk === undefined) {
      refuseStranger(context, request, response);
      if (strangers.take(performance.now())) noteRefused(context, request, '', 403, 'its source belongs to no trunk');
      return;
    }
    const admission = admissions.get(trunk.name);
    const refused = draining ? 'this node takes no new calls, it is about to stop' : admission?.admit();
    if (refused !== undefined) {
      context.metrics.sipRejected(draining ? 'draining' : 'trunk-limit');
      response.send(503, { headers: retrySoon() });
      noteRefused(context, request, trunk.name, 503, refused);
      return;
    }
    const [names, startedAt] = [sessionNamesOf(request), new Date()];
    const carry = (facts: CallFacts, decision: Decision): void => {
      const call = new TrunkCall(ofCalls, { names, startedAt, facts, decision }, trunk, request, response);
      running.set(
        call,
        call.carry().finally(() => {
          admission?.release();
          running.delete(call);
          context.metrics.callsActive(running.size);
        }),
      );
      context.metrics.callsActive(running.size);
    };
    const failed = (error: unknown): void => {
      admission?.release();
      context.log.error({ reason: messageOf(error) }, 'a call could not be taken');
      response.send(500);
      noteRefused(context, request, trunk.name, 500, messageOf(error));
    };
    try {
      const facts = factsOf(request, trunk.name, names.sessionId, startedAt.getTime());
      if (pending === undefined) carry(facts, policy.decide(facts));
      else {
        pending.await(request, facts, failed, (decided) => {
          if (typeof decided !== 'string') {
            carry(facts, decided);
            return;
          }
          noteUncarried(context, request, trunk.name, names.sessionId, { outcome: decided, ...undecided[decided] });
          // A caller who gave up has been answered: the edge did that together with the CANCEL.
          if (decided === 'interrupted') response.send(503, { headers: { 'Retry-After': '5' } });
          admission?.release();
        });
      }
    } catch (error) {
      failed(error);
    }
  });
  // Trunks ask whether we are there; anybody else learns nothing.
  context.sip.srf.use('options', (request: SipRequest, response: SipResponse) => {
    if (setup.senderOf(request) === undefined) refuseStranger(context, request, response);
    else if (draining) response.send(503, { headers: retrySoon() });
    else response.send(200);
  });

  return {
    get calls() {
      return running.size;
    },
    get draining() {
      return draining;
    },
    running: new RunningCalls(() => [...running.keys()].flatMap((call) => (call.hasEnded ? [] : [call.controlled]))),
    async drain() {
      draining = true;
      await Promise.all([setup, ...former].map(async (each) => each.pending?.settled()));
      await Promise.all(running.values());
    },
    reload(changed) {
      const { policyService: _before, ...kept } = context;
      const before = setup;
      shared.recorders.know(allMembers(changed.settings.recording));
      setup = setUp({ ...kept, ...changed }, shared, before);
      before.context.destinations.close();
      former.add(before);
      return Promise.resolve(before.pending?.settled()).finally(() => former.delete(before));
    },
    async close() {
      draining = true;
      await Promise.all([setup, ...former].map(async (each) => each.pending?.close()));
      setup.context.destinations.close();
      const calls = [...running];
      await Promise.all(calls.map(([call]) => call.hangUp('the proxy is closing')));
      await Promise.all(calls.map(([, end]) => end));
      shared.recorders.close();
    },
  };
}

/** Spread, so that not all come back at once. */
const retrySoon = (): Record<string, string> => ({ 'Retry-After': `${1 + randomInt(5)}` });

function refuseStranger(context: ProxyContext, request: SipRequest, response: SipResponse): void {
  context.metrics.sipRejected('no-trunk');
  context.log.warn({ source: request.source_address, method: request.method }, 'refused: the source belongs to no trunk');
  response.send(403);
}

/** What becomes of a call that ended before it was decided whether it is recorded. */
const undecided = {
  cancelled: { sipStatus: 487, reason: 'never answered: the caller gave up' },
  interrupted: { sipStatus: 503, reason: 'never answered: the proxy is closing' },
} as const;

const noteRefused = (context: ProxyContext, request: SipRequest, trunk: string, sipStatus: number, reason: string): void =>
  noteUncarried(context, request, trunk, sessionNamesOf(request).sessionId, { outcome: 'refused', sipStatus, reason: `refused with ${sipStatus}: ${reason}` });

/** A call that never came to be one stands in the ledger all the same. */
function noteUncarried(context: ProxyContext, request: SipRequest, trunk: string, sessionId: string, end: Pick<CallEnd, 'outcome' | 'reason'> & { sipStatus: number }): void {
  const { ledger, log, metrics, node } = context;
  const [callId, atMs] = [randomUUID(), Date.now()];
  metrics.callEnded(end.outcome);
  log.info({ sessionId, trunk, ...end }, 'call not carried');
  ledger
    .callBegan({ callId, sessionId, trunk, from: partyOf(request.get('from')).aor, to: partyOf(request.get('to')).aor, startedAtMs: atMs, node })
    .then(() => ledger.callEnded(callId, { atMs, ...end, recording: 'excluded' }))
    .catch((error: unknown) => log.error({ sessionId, reason: messageOf(error) }, 'the ledger did not take an entry'));
}
