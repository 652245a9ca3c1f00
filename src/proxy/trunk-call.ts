/**
 * One call from INVITE to ledger entry.
 *
 * A call that is to be recorded runs as a transparent back-to-back pair of dialogs with the media anchored
 * in between; any other is proxied, its media past us. The call never waits for the record side: the
 * recording session and the ledger follow it and may fail alone, unless a rule makes the recording mandatory.
 *
 * Owns       the state of this call, its ledger entries, and its end.
 * Leaves to  its opener whether it is recorded; recorded-call.ts and proxied-call.ts the two ways of carrying it.
 */
import { randomUUID } from 'node:crypto';
import { toldBy } from '../anchor/index.js';
import { messageOf } from '../errors/index.js';
import type { CallEnd } from '../ledger/index.js';
import type { CallFacts, Decision } from '../policy/index.js';
import type { SipRequest, SipResponse } from '../sip/index.js';
import { partyOf, type SessionNames } from './call-names.js';
import type { CallContext } from './destinations.js';
import { carryProxied } from './proxied-call.js';
import type { AwaitedEnd } from './proxied-ends.js';
import { RecordedCall } from './recorded-call.js';
import { termsOf, type RecordingTerms } from './recording-terms.js';
import type { Destination } from './routes.js';
import type { Controlled } from './running-calls.js';
import { forkingHeader } from './switch-forks.js';
import type { Trunk } from './trunks.js';
import { UnrecordedStretches } from './unrecorded.js';

/** Why the proxy ends a call by itself. */
interface Closing {
  readonly outcome: 'interrupted' | 'refused';
  /** What a caller that still waits is answered. */
  readonly sipStatus: number;
  readonly reason: string;
  /** What the far ends are told: no more than concerns them. */
  readonly told: string;
}

/** What is settled of a call before it is carried. */
export interface Entry {
  readonly names: SessionNames;
  readonly startedAt: Date;
  readonly facts: CallFacts;
  readonly decision: Decision;
}

export class TrunkCall {
  readonly #context: CallContext;
  readonly #trunk: Trunk;
  readonly #request: SipRequest;
  readonly #response: SipResponse;
  readonly callId = randomUUID();
  readonly #names: SessionNames;
  readonly #startedAt: Date;
  readonly #decision: Decision;
  readonly #terms: RecordingTerms;
  /** Absent when no route has a place for it. */
  readonly #destination: Destination | undefined;
  /** Absent for a call that is not recorded, or goes nowhere. */
  readonly #recorded: RecordedCall | undefined;
  /** Of a call that is proxied, and answered: its end, which is awaited. */
  #proxied: AwaitedEnd | undefined;
  #lostReason: string | undefined;
  readonly #unrecorded = new UnrecordedStretches();
  /** Why the proxy ends the call, once it does. */
  #closing: Closing | undefined;
  #ended = false;
  #tellOver: () => void = () => undefined;
  /** Resolves when everything of the call is closed. */
  readonly #over = new Promise<void>((resolve) => (this.#tellOver = resolve));

  get sessionId(): string {
    return this.#names.sessionId;
  }

  /** True from the moment in which its end is on its way to the ledger. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** The switch forks the media and records, and is told that it shall; a Cisco gateway copies to a recording session of ours. */
  get #bySwitch(): boolean {
    const { none } = this.#context.settings.anchor;
    return this.#decision.record !== 'never' && none !== undefined && toldBy(this.#decision.tell, none) === 'header';
  }

  /** As it is looked at, and commanded, from outside. */
  get controlled(): Controlled {
    const [from, to] = [partyOf(this.#request.get('from')).aor, partyOf(this.#request.get('to')).aor];
    const facts = { sessionId: this.sessionId, trunk: this.#trunk.name, from, to, startedAtMs: this.#startedAt.getTime() };
    return { facts, control: this.#lostReason === undefined && !this.#ended ? this.#recorded?.control : undefined };
  }

  constructor(context: CallContext, { names, startedAt, facts, decision }: Entry, trunk: Trunk, request: SipRequest, response: SipResponse) {
    this.#context = context;
    this.#trunk = trunk;
    this.#request = request;
    this.#response = response;
    this.#names = names;
    this.#startedAt = startedAt;
    this.#decision = decision;
    this.#terms = termsOf(decision, context.settings, startedAt.getTime());
    this.#destination = context.destinations.of(facts);
    if (decision.record === 'never' || this.#destination === undefined || this.#bySwitch) return;
    this.#recorded = new RecordedCall({
      context, trunk, request, response, names, startedAt, decision,
      terms: this.#terms,
      hops: this.#destination.hops,
      closing: () => this.#closing !== undefined,
      onLost: (reason, forMs) => this.#lost(reason, forMs),
      onResumed: () => this.#resumed(),
      onTakenOver: ({ reason, ms }) => this.#unrecorded.takenOver(reason, Date.now(), ms),
      onSilent: () => this.#silent(),
      onHungUp: (side) => void this.#end({ outcome: 'answered', sipStatus: 200, reason: `hung up by the ${side}` }),
    });
  }

  /** A call that is dead and that nobody has told us of. Before its answer it may well be silent. */
  #silent(): void {
    if (this.#recorded?.answered !== true || this.#closing !== undefined || this.#ended) return;
    const reason = `neither party has sent any media for ${this.#context.settings.anchor.relay?.mediaTimeoutSeconds ?? 0} s`;
    this.#context.log.warn({ sessionId: this.sessionId, reason }, 'the call is ended');
    void this.#close({ outcome: 'interrupted', sipStatus: 408, told: 'no media', reason });
  }

  #lost(reason: string, forMs: number): void {
    this.#lostReason = reason;
    this.#unrecorded.lost(reason, Date.now(), forMs);
    const { log } = this.#context;
    if (this.#decision.mandatory && !this.#ended) {
      log.warn({ sessionId: this.sessionId, reason, decidedBy: this.#decision.decidedBy }, 'the call is ended: it must not go on without its recording');
      void this.#close({
        outcome: this.#recorded?.answered === true ? 'interrupted' : 'refused', sipStatus: this.#decision.refuseWith, told: 'the call cannot be recorded',
        reason: `its recording is mandatory (${this.#decision.decidedBy}) and was lost: ${reason}`,
      });
    } else log.warn({ sessionId: this.sessionId, reason }, this.#ended ? 'the end of the call may be missing from its recording' : 'the call goes on without its recording');
  }

  #resumed(): void {
    this.#lostReason = undefined;
    this.#unrecorded.resumed(Date.now());
    this.#context.log.info({ sessionId: this.sessionId }, 'the call is recorded again');
  }

  /** Carries the call to its end; resolves when everything of it is closed. Never rejects. */
  async carry(): Promise<void> {
    const { log, ledger } = this.#context;
    const { record, decidedBy } = this.#decision;
    log.info({ sessionId: this.sessionId, trunk: this.#trunk.name, to: this.#destination?.by, record, decidedBy }, 'call began');
    if (record !== 'never') for (const unknown of this.#terms.unknown) log.warn({ sessionId: this.sessionId, decidedBy }, unknown);
    const retention = this.#recorded === undefined ? {} : { retention: this.#terms.retention };
    this.#note(
      ledger.callBegan({
        callId: this.callId,
        sessionId: this.sessionId,
        trunk: this.#trunk.name,
        from: partyOf(this.#request.get('from')).aor,
        to: partyOf(this.#request.get('to')).aor,
        startedAtMs: this.#startedAt.getTime(),
        node: this.#context.node,
        ...retention,
      }),
    );
    try {
      // A call that was ended while it rang is over, whatever comes of its INVITEs.
      await Promise.race([this.#connect(), this.#over]);
    } catch (error) {
      await this.#end(this.#closing === undefined ? failedEnd(error) : { outcome: this.#closing.outcome, reason: this.#closing.reason });
    }
  }

  /** The proxy is closing. */
  hangUp(reason: string): Promise<void> {
    return this.#close({ outcome: 'interrupted', sipStatus: 503, reason, told: reason });
  }

  /** Ends the call on both sides, in whatever state it is. */
  async #close(closing: Closing): Promise<void> {
    this.#closing = closing;
    const { told, ...end } = closing;
    const recorded = this.#recorded;
    if (recorded?.answered !== true) {
      // Being answered this moment: #connect will find that we are closing.
      if (recorded?.answering === true) return;
      if (this.#proxied !== undefined) {
        // Its dialog is the parties' own: it goes on past us.
        this.#proxied.forget();
        return;
      }
      if (this.#response.finalResponseSent) return;
      this.#response.send(end.sipStatus, end.sipStatus === 503 ? { headers: { 'Retry-After': '5' } } : {});
      recorded?.giveUp();
      await this.#end(end);
      return;
    }
    await recorded.hangUp({ Reason: `SIP;cause=${end.sipStatus};text="${told}"` });
    await this.#end({ outcome: 'interrupted', reason: end.reason });
  }

  async #connect(): Promise<void> {
    const recorded = this.#recorded;
    if (this.#destination === undefined) {
      // RFC 3261 §21.4.5: the number is none of those that there is a way to.
      this.#response.send(404);
      await this.#end({ outcome: 'refused', sipStatus: 404, reason: 'no route fits it, and its trunk has no next hop' });
      return;
    }
    if (recorded === undefined) {
      await this.#carryPast(this.#destination);
      return;
    }
    try {
      await recorded.prepare();
    } catch (error) {
      await this.#carryUnrecorded(this.#destination, messageOf(error));
      return;
    }
    await recorded.connect();
    this.#note(this.#context.ledger.callAnswered(this.callId, Date.now()));
    if (this.#closing !== undefined) await this.#close(this.#closing);
    await this.#over;
  }

  /** The anchor cannot take it: carried all the same, and the ledger says why there is no recording. */
  async #carryUnrecorded(destination: Destination, reason: string): Promise<void> {
    const { mandatory, refuseWith, decidedBy } = this.#decision;
    if (mandatory) {
      this.#context.log.warn({ sessionId: this.sessionId, reason, decidedBy }, 'the call is refused: it cannot be recorded and must be');
      this.#response.send(refuseWith);
      await this.#end({ outcome: 'refused', sipStatus: refuseWith, reason: `its recording is mandatory (${decidedBy}) and cannot be made: ${reason}` });
      return;
    }
    this.#context.log.warn({ sessionId: this.sessionId, reason }, 'the call is carried without its recording');
    this.#lostReason = reason;
    await this.#carryPast(destination);
  }

  async #carryPast({ hops }: Destination): Promise<void> {
    const awaited = this.#context.proxiedEnds.await(this.#request.get('call-id'));
    const { none } = this.#context.settings.anchor;
    const headers = none === undefined || !this.#bySwitch ? {} : forkingHeader(none, this.sessionId);
    const status = await carryProxied({ context: this.#context, trunk: this.#trunk, hops, request: this.#request, sessionIdHeader: this.#names.header, headers });
    if (status === undefined || status >= 300) {
      awaited?.forget();
      await this.#end(failedEnd({ status: status ?? 408 }));
      return;
    }
    this.#note(this.#context.ledger.callAnswered(this.callId, Date.now()));
    this.#proxied = awaited;
    const end = await awaited?.end;
    await this.#end({ outcome: 'answered', sipStatus: status, reason: end === 'hung up' ? 'hung up' : 'its end is not known, it was carried without the anchor' });
  }

  async #end(end: Omit<CallEnd, 'atMs'>): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const { log, ledger, metrics } = this.#context;
    const atMs = Date.now();
    await this.#recorded?.close();
    metrics.callEnded(end.outcome);
    const recording = this.#recordingState(end);
    const tags = this.#recorded?.control.tags ?? {};
    // What has a capture is counted by the stitcher.
    if (recording.recording !== undefined) metrics.recordingEnded(recording.recording);
    log.info({ sessionId: this.sessionId, outcome: end.outcome, sipStatus: end.sipStatus, reason: end.reason }, 'call ended');
    const unrecorded = this.#unrecorded.until(atMs);
    const told = { announced: this.#recorded?.notices.told, ...(Object.keys(tags).length === 0 ? {} : { tags }), ...(unrecorded.length === 0 ? {} : { unrecorded }) };
    this.#note(ledger.callEnded(this.callId, { ...end, ...recording, ...told, atMs }));
    this.#tellOver();
  }

  /** What the ledger says of the recording now: nothing while a capture exists, the stitcher knows more. */
  #recordingState(end: Omit<CallEnd, 'atMs'>): { recording?: 'lost' | 'excluded'; reason: string } {
    if (this.#destination === undefined) return { recording: 'excluded', reason: end.reason };
    // Whether a capture has come of it is seen later.
    if (this.#bySwitch) return end.outcome === 'answered' ? { reason: end.reason } : { recording: 'excluded', reason: `never answered: ${end.reason}` };
    if (this.#recorded === undefined) return { recording: 'excluded', reason: `not to be recorded: ${this.#decision.decidedBy}` };
    const { recording, control, answered } = this.#recorded;
    if (recording.accepted) return { reason: end.reason };
    // Nothing is lost that nobody wanted.
    if (!control.kept && answered) return { recording: 'excluded', reason: 'on demand: nobody asked' };
    if (end.outcome === 'refused') return { recording: 'excluded', reason: end.reason };
    if (this.#lostReason !== undefined) return { recording: 'lost', reason: this.#lostReason };
    if (!answered) return { recording: 'excluded', reason: `never answered: ${end.reason}` };
    if (!recording.asked) return { recording: 'excluded', reason: 'the call has no audio that can be recorded' };
    return { recording: 'lost', reason: 'no recorder had answered when the call ended' };
  }

  /** The ledger follows the call; its failure is told, never felt. */
  #note(entry: Promise<void>): void {
    entry.catch((error: unknown) => {
      this.#context.log.error({ sessionId: this.sessionId, reason: messageOf(error) }, 'the ledger did not take an entry');
    });
  }
}

function failedEnd(error: unknown): Omit<CallEnd, 'atMs'> {
  const status = (error as { status?: unknown }).status;
  if (status === 487) return { outcome: 'cancelled', sipStatus: 487, reason: 'the caller gave up' };
  if (typeof status === 'number') return { outcome: 'rejected', sipStatus: status, reason: `the next hop answered ${status}` };
  return { outcome: 'failed', reason: messageOf(error) };
}
