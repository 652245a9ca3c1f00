/**
 * One call from INVITE to ledger entry.
 *
 * A call that is to be recorded runs as a transparent back-to-back pair of dialogs with the media anchored
 * in between; any other is proxied, its media past us. The call never waits for the record side: the
 * recording session and the ledger follow it and may fail alone, unless a rule makes the recording mandatory.
 *
 * Owns       both dialogs, the anchored media and the recording session of this call, and their end.
 * Leaves to  policy/ whether it is recorded; pass-through.ts what happens inside the answered call.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { otherSide, type AnchoredCall, type Side } from '../anchor/index.js';
import { Failure, messageOf } from '../errors/index.js';
import type { CallEnd } from '../ledger/index.js';
import type { Decision, Policy } from '../policy/index.js';
import {
  hangUp,
  headersWithBody,
  proxyRequest,
  readBody,
  type SipDialog,
  type SipRequest,
  type SipResponse,
} from '../sip/index.js';
import { connectBackToBack } from './back-to-back.js';
import { partyOf, sessionNamesOf, type SessionNames } from './call-names.js';
import { passThrough } from './pass-through.js';
import type { ProxyContext } from './context.js';
import { factsOf } from './facts-of.js';
import { RecordingClient } from './recording-client.js';
import { requestUriFor, type Trunk } from './trunks.js';

/** The last packets of a call are still on their way when its BYE is here. */
const lastPacketsMs = 150;
/** How long a closing proxy waits for the answers to its BYEs. */
const byeWithinMs = 2_000;

/** Why the proxy ends a call by itself. */
interface Closing {
  readonly outcome: 'interrupted' | 'refused';
  /** What a caller that still waits is answered. */
  readonly sipStatus: number;
  readonly reason: string;
  /** What the far ends are told: no more than concerns them. */
  readonly told: string;
}

/** What a call that is recorded has beside its dialogs. */
interface Kept {
  readonly media: AnchoredCall;
  readonly recording: RecordingClient;
}

export class TrunkCall {
  readonly #context: ProxyContext;
  readonly #trunk: Trunk;
  readonly #request: SipRequest;
  readonly #response: SipResponse;
  readonly callId = randomUUID();
  readonly #names: SessionNames;
  readonly #startedAt = new Date();
  readonly #decision: Decision;
  /** Absent for a call that is not recorded: its media goes past us. */
  readonly #kept: Kept | undefined;
  #dialogs: Readonly<Record<Side, SipDialog>> | undefined;
  #lostReason: string | undefined;
  /** The anchor could not take an SDP: the parties speak past it from then on. */
  #pastAnchor = false;
  /** The INVITE to the callee, for as long as it may have to be cancelled. */
  #outgoing: SipRequest | undefined;
  /** The callee has answered, the caller is being told. */
  #answering = false;
  /** Why the proxy ends the call, once it does. */
  #closing: Closing | undefined;
  #answered = false;
  #ended = false;
  #tellOver: () => void = () => undefined;
  /** Resolves when everything of the call is closed. */
  readonly #over = new Promise<void>((resolve) => (this.#tellOver = resolve));

  get sessionId(): string {
    return this.#names.sessionId;
  }

  constructor(context: ProxyContext, policy: Policy, trunk: Trunk, request: SipRequest, response: SipResponse) {
    this.#context = context;
    this.#trunk = trunk;
    this.#request = request;
    this.#response = response;
    this.#names = sessionNamesOf(request);
    this.#decision = policy.decide(factsOf(request, trunk.name, this.sessionId, this.#startedAt.getTime()));
    this.#kept = this.#decision.record === 'never' ? undefined : this.#keep();
  }

  #keep(): Kept {
    const { anchor, sip, settings } = this.#context;
    const media = anchor.openCall(this.sessionId);
    const recording = new RecordingClient({
      sip,
      settings: settings.recording,
      media,
      sessionId: this.sessionId,
      sipSessionId: this.#names.header,
      startedAt: this.#startedAt,
      caller: partyOf(this.#request.get('from')),
      callee: partyOf(this.#request.get('to')),
      onLost: (reason) => this.#lost(reason),
    });
    return { media, recording };
  }

  #lost(reason: string): void {
    this.#lostReason = reason;
    const { log } = this.#context;
    if (this.#decision.mandatory && !this.#ended) {
      log.warn({ sessionId: this.sessionId, reason, decidedBy: this.#decision.decidedBy }, 'the call is ended: it must not go on without its recording');
      void this.#close({
        outcome: this.#answered ? 'interrupted' : 'refused', sipStatus: this.#decision.refuseWith, told: 'the call cannot be recorded',
        reason: `its recording is mandatory (${this.#decision.decidedBy}) and was lost: ${reason}`,
      });
    } else log.warn({ sessionId: this.sessionId, reason }, 'the call goes on without its recording');
  }

  /** Carries the call to its end; resolves when everything of it is closed. Never rejects. */
  async carry(): Promise<void> {
    const { log, ledger } = this.#context;
    log.info({ sessionId: this.sessionId, trunk: this.#trunk.name, record: this.#decision.record, decidedBy: this.#decision.decidedBy }, 'call began');
    this.#note(
      ledger.callBegan({
        callId: this.callId,
        sessionId: this.sessionId,
        trunk: this.#trunk.name,
        from: partyOf(this.#request.get('from')).aor,
        to: partyOf(this.#request.get('to')).aor,
        startedAtMs: this.#startedAt.getTime(),
        node: this.#context.node,
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
    const dialogs = this.#dialogs;
    if (dialogs === undefined) {
      // Being answered this moment: #connect will find that we are closing.
      if (this.#answering || this.#response.finalResponseSent) return;
      this.#response.send(end.sipStatus, end.sipStatus === 503 ? { headers: { 'Retry-After': '5' } } : {});
      this.#outgoing?.cancel(() => undefined);
      await this.#end(end);
      return;
    }
    const headers = { Reason: `SIP;cause=${end.sipStatus};text="${told}"` };
    const byes = Promise.all([hangUp(dialogs.caller, headers), hangUp(dialogs.callee, headers)]);
    // A far end that is gone answers nothing, and its BYE would be repeated for 32 s (RFC 3261 timer F).
    await Promise.race([byes, delay(byeWithinMs, undefined, { ref: false })]);
    await this.#end({ outcome: 'interrupted', reason: end.reason });
  }

  async #connect(): Promise<void> {
    const kept = this.#kept;
    if (kept === undefined) {
      await this.#carryPast();
      return;
    }
    let offer: string;
    let toCallee = '';
    try {
      offer = this.#offer();
      if (offer !== '') toCallee = await kept.media.exchange('caller', offer);
    } catch (error) {
      await this.#carryUnrecorded(messageOf(error));
      return;
    }
    this.#dialogs = await connectBackToBack({
      sip: this.#context.sip,
      request: this.#request,
      response: this.#response,
      target: requestUriFor(this.#request.uri, this.#trunk.nextHop),
      nextHop: this.#trunk.nextHopText,
      headers: { 'Session-ID': this.#names.header },
      offer: offer === '' ? '' : toCallee,
      exchange: (from, sdp) => this.#exchange(kept, from, sdp),
      onOutgoing: (request) => {
        this.#outgoing = request;
        // It is on its way already when we learn of it, and the call may have been ended meanwhile.
        if (this.#closing !== undefined) request.cancel(() => undefined);
      },
      onAnswering: () => (this.#answering = true),
    });
    this.#answered = true;
    this.#note(this.#context.ledger.callAnswered(this.callId, Date.now()));
    passThrough({
      dialogs: this.#dialogs,
      media: kept.media,
      onMediaChanged: () => void kept.recording.mediaChanged(),
      onTrouble: (side, method, reason) =>
        this.#context.log.warn({ sessionId: this.sessionId, side, method, reason }, 'a request inside the call could not be passed on'),
    });
    this.#followHangUps(this.#dialogs);
    if (this.#closing !== undefined) await this.#close(this.#closing);
    await this.#over;
  }

  #followHangUps(dialogs: Readonly<Record<Side, SipDialog>>): void {
    for (const side of ['caller', 'callee'] as const) {
      dialogs[side].on('destroy', (bye) => {
        void hangUp(dialogs[otherSide(side)], headersWithBody(bye), bye.body);
        void this.#end({ outcome: 'answered', sipStatus: 200, reason: `hung up by the ${side}` });
      });
    }
  }

  /** The anchor cannot take it: carried all the same, and the ledger says why there is no recording. */
  async #carryUnrecorded(reason: string): Promise<void> {
    const { mandatory, refuseWith, decidedBy } = this.#decision;
    if (mandatory) {
      this.#context.log.warn({ sessionId: this.sessionId, reason, decidedBy }, 'the call is refused: it cannot be recorded and must be');
      this.#response.send(refuseWith);
      await this.#end({ outcome: 'refused', sipStatus: refuseWith, reason: `its recording is mandatory (${decidedBy}) and cannot be made: ${reason}` });
      return;
    }
    this.#context.log.warn({ sessionId: this.sessionId, reason }, 'the call is carried without its recording');
    this.#lostReason = reason;
    await this.#carryPast();
  }

  /** Proxied with Record-Route, media untouched. */
  async #carryPast(): Promise<void> {
    const headers = this.#request.has('session-id') ? {} : { 'Session-ID': this.#names.header };
    const target = requestUriFor(this.#request.uri, this.#trunk.nextHop);
    const status = await proxyRequest(this.#context.sip.srf, this.#request, target.startsWith('sip') ? target : this.#trunk.nextHopText, headers);
    if (status === 200) await this.#end({ outcome: 'answered', sipStatus: status, reason: 'carried without the anchor' });
    else await this.#end(failedEnd({ status: status ?? 408 }));
  }

  /** An SDP of the answer or of a delayed offer: the call goes on even when the anchor cannot take it. */
  async #exchange({ media, recording }: Kept, from: Side, sdp: string): Promise<string> {
    if (this.#pastAnchor) return sdp;
    try {
      const passed = await media.exchange(from, sdp);
      void recording.mediaChanged();
      return passed;
    } catch (error) {
      this.#pastAnchor = true;
      this.#lost(messageOf(error));
      return sdp;
    }
  }

  async #end(end: Omit<CallEnd, 'atMs'>): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const { log, ledger, metrics } = this.#context;
    const atMs = Date.now();
    if (this.#kept !== undefined) {
      await delay(lastPacketsMs);
      this.#kept.recording.end();
      await this.#kept.media.close();
    }
    metrics.callEnded(end.outcome);
    const recording = this.#recordingState(end);
    // What has a capture is counted by the stitcher.
    if (recording.recording !== undefined) metrics.recordingEnded(recording.recording);
    log.info({ sessionId: this.sessionId, outcome: end.outcome, sipStatus: end.sipStatus, reason: end.reason }, 'call ended');
    this.#note(ledger.callEnded(this.callId, { ...end, ...recording, atMs }));
    this.#tellOver();
  }

  /** What the ledger says of the recording now: nothing while a capture exists, the stitcher knows more. */
  #recordingState(end: Omit<CallEnd, 'atMs'>): { recording?: 'lost' | 'excluded'; reason: string } {
    const recording = this.#kept?.recording;
    if (recording === undefined) return { recording: 'excluded', reason: `not to be recorded: ${this.#decision.decidedBy}` };
    if (recording.accepted) return { reason: end.reason };
    if (end.outcome === 'refused') return { recording: 'excluded', reason: end.reason };
    if (this.#lostReason !== undefined) return { recording: 'lost', reason: this.#lostReason };
    if (!this.#answered) return { recording: 'excluded', reason: `never answered: ${end.reason}` };
    if (!recording.asked) return { recording: 'excluded', reason: 'the call has no audio that can be recorded' };
    return { recording: 'lost', reason: 'no recorder had answered when the call ended' };
  }

  /** The SDP of the INVITE: its whole body, or that part of a multipart body; empty when it has none. */
  #offer(): string {
    const { body } = this.#request;
    if (body === '') return '';
    const parts = readBody(this.#request.has('content-type') ? this.#request.get('content-type') : undefined, body);
    if (typeof parts === 'string') throw new Failure('SDP_UNUSABLE', `the body of the INVITE cannot be read: ${parts}`);
    return parts.find((part) => part.contentType === 'application/sdp')?.content ?? '';
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
