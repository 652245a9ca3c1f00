/**
 * The way of a call that is to be recorded: back to back, its media anchored in between, its recording beside it.
 *
 * Owns       both dialogs, the anchored media, the recording session and what the parties are told of it, and which next
 *            hop is tried.
 * Leaves to  back-to-back the making of the dialogs, pass-through what happens inside the answered call; TrunkCall
 *            the ledger, and when the call ends.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { otherSide, type AnchoredCall, type Side } from '../anchor/index.js';
import { Failure, messageOf } from '../errors/index.js';
import type { Decision } from '../policy/index.js';
import { systemClock } from '../recorder-pool/index.js';
import { edgeExtensions, hangUp, headersWithBody, onCancel, readBody, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import { connectBackToBack, NotAnswered, offerAnswered } from './back-to-back.js';
import { partyOf, type SessionNames } from './call-names.js';
import { CallControl } from './call-control.js';
import { CallRecording } from './call-recording.js';
import type { CallContext } from './destinations.js';
import { tryInTurn } from './failover.js';
import type { NextHop } from './next-hops.js';
import { Notices } from './notices.js';
import { backToBackInvite } from './outgoing-invite.js';
import { passThrough } from './pass-through.js';
import type { TakenOver } from './recording-client.js';
import { wishesOn, type RecordingTerms } from './recording-terms.js';
import { commandHeaders } from './sip-commands.js';
import { SipControl } from './sip-control.js';
import type { Trunk } from './trunks.js';

/** The last packets of a call are still on their way when its BYE is here. */
const lastPacketsMs = 150;
/** How long a closing proxy waits for the answers to its BYEs. */
const byeWithinMs = 2_000;

export interface RecordedCallOptions {
  readonly context: CallContext;
  readonly trunk: Trunk;
  /** The next hops in the order to try them. */
  readonly hops: readonly NextHop[];
  readonly request: SipRequest;
  readonly response: SipResponse;
  readonly names: SessionNames;
  readonly startedAt: Date;
  readonly decision: Decision;
  readonly terms: RecordingTerms;
  /** Whether the call is being ended by the proxy. */
  readonly closing: () => boolean;
  /** There will be no recording, or not all of it; it has no recorder for so long already. May be told more than once. */
  readonly onLost: (reason: string, forMs: number) => void;
  /** There is one again. */
  readonly onResumed: () => void;
  /** Another recorder has it. */
  readonly onTakenOver: (taken: TakenOver) => void;
  /** The parties send no media any more, and neither is on hold. */
  readonly onSilent: () => void;
  /** A party hung up; the other is being told. */
  readonly onHungUp: (side: Side) => void;
}

export class RecordedCall {
  readonly recording: CallRecording;
  readonly control: CallControl;
  readonly notices: Notices;
  /** What the parties' own messages say of the recording. */
  readonly #sipControl: SipControl;
  readonly #media: AnchoredCall;
  #toCallee = '';
  #dialogs: Readonly<Record<Side, SipDialog>> | undefined;
  /** The anchor could not take an SDP: the parties speak past it from then on. */
  #pastAnchor = false;
  /** The INVITE to the callee, for as long as it may have to be cancelled. */
  #outgoing: SipRequest | undefined;
  /** A callee has said something that the caller heard. */
  #heard = false;
  /** The callee has answered, the caller is being told. */
  #answering = false;
  #cancelled = false;

  constructor(private readonly options: RecordedCallOptions) {
    const { context, names, trunk, request, startedAt, decision, terms } = options;
    const { anchor, announcements, sip, settings, log, metrics } = context;
    this.#sipControl = new SipControl({ dtmf: settings.policy.dtmf, obeys: trunk.obeys, control: () => this.control, now: Date.now });
    this.#media = anchor.openCall(names.sessionId, {
      came: { address: request.source_address, ciscoGuid: request.has('cisco-guid') ? request.get('cisco-guid') : undefined },
      onDigit: this.#sipControl.listener,
      dtmfMasked: terms.dtmfMasked,
      decrypt: decision.decrypt,
      onSilent: options.onSilent,
      // Ports are taken for the next hop that is tried first, and serve those after it.
      networks: { caller: trunk.network, callee: options.hops[0]?.network },
    });
    this.control = new CallControl({
      decision,
      media: this.#media,
      now: Date.now,
      onChanged: () => {
        this.notices.changed();
        void this.recording.changed();
      },
      onCommand: (command, source, { state, refused }) => {
        metrics.recordingCommand(source, refused === undefined);
        log.info({ sessionId: names.sessionId, command, source, state, refused }, refused === undefined ? 'recording commanded' : 'a command to the recording was refused');
      },
    });
    this.notices = new Notices({
      decision,
      media: this.#media,
      announcements,
      recording: () => this.control.state === 'recording',
      onAnnounced: (name, outcomes) => {
        const { sessionId } = names;
        for (const outcome of Object.values(outcomes)) metrics.announced(outcome);
        if (Object.values(outcomes).every((outcome) => outcome === 'played' || outcome === 'cut')) log.info({ sessionId, name, ...outcomes }, 'announced');
        else log.warn({ sessionId, name, ...outcomes }, 'an announcement could not be played to all that should hear it');
      },
      onBeepFailed: (outcomes) => log.warn({ sessionId: names.sessionId, ...outcomes }, 'the beep cannot be played to all that should hear it'),
    });
    const { sessionId } = names;
    this.recording = new CallRecording({
      sip, terms,
      settings: settings.recording,
      pool: context.recorders,
      media: this.#media,
      session: { sessionId, sipSessionId: names.header, startedAt, caller: partyOf(request.get('from')), callee: partyOf(request.get('to')) },
      wishes: () => wishesOn(terms, this.control.wishes),
      clock: systemClock,
      onRecorderFailed: (reason) => log.warn({ sessionId, reason }, 'a recorder failed, another of its group is asked'),
      onTakenOver: (taken) => {
        const { recorder, cause, ms } = taken;
        metrics.recorderTakenOver(cause, ms / 1_000);
        log.info({ sessionId, recorder, cause, ms: Math.round(ms) }, 'another recorder has taken over');
        options.onTakenOver(taken);
      },
      onCopyLost: (reason) => log.warn({ sessionId, reason }, 'the call is recorded once, not twice'),
      onLost: (reason, forMs) => this.#lost(reason, forMs),
      onResumed: () => {
        this.notices.resume();
        options.onResumed();
      },
    });
    this.#sipControl.look('caller', request);
  }

  /** Whether both parties speak. */
  get answered(): boolean {
    return this.#dialogs !== undefined;
  }

  /** Whether the callee's answer is on its way to the caller, who cannot be told anything else. */
  get answering(): boolean {
    return this.#answering;
  }

  /** Shows the caller's offer to the anchor. @throws when the anchor cannot take it. */
  async prepare(): Promise<void> {
    const offer = this.#offer();
    if (offer !== '') this.#toCallee = await this.#media.exchange('caller', offer);
  }

  /** Calls one next hop after the other; the caller is told how it ended. @throws the failure of the last one. */
  async connect(): Promise<void> {
    const { context, hops, names, request, response } = this.options;
    onCancel(request, () => (this.#cancelled = true));
    const { withinMs } = context.settings.failover;
    try {
      this.#dialogs = await tryInTurn(
        {
          hops, withinMs,
          now: () => performance.now(),
          over: () => this.#heard || this.#answering || this.#cancelled || response.finalResponseSent || this.options.closing(),
          onFailed: (hop, error) => context.log.warn({ sessionId: names.sessionId, hop: hop.label, reason: messageOf(error) }, 'a next hop failed, another is tried'),
        },
        (hop) => this.#callOut(hop),
      );
    } catch (error) {
      this.#refuse(error);
      // Whatever the callee made of it: the caller was told 487 by the edge.
      throw this.#cancelled ? { status: 487 } : error;
    }
    this.#join(this.#dialogs);
  }

  /** The call is given up before it is answered: no callee rings on. */
  giveUp(): void {
    this.#outgoing?.cancel(() => undefined);
  }

  /** BYE to both parties. */
  async hangUp(headers: Record<string, string>): Promise<void> {
    if (this.#dialogs === undefined) return;
    const byes = Promise.all([hangUp(this.#dialogs.caller, headers), hangUp(this.#dialogs.callee, headers)]);
    // A far end that is gone answers nothing, and its BYE would be repeated for 32 s (RFC 3261 timer F).
    await Promise.race([byes, delay(byeWithinMs, undefined, { ref: false })]);
  }

  /** Ends the recording, and closes what carried the media. */
  async close(): Promise<void> {
    this.notices.end();
    await delay(lastPacketsMs);
    await this.recording.end();
    await this.#media.close();
  }

  async #callOut(hop: NextHop): Promise<Readonly<Record<Side, SipDialog>>> {
    const { context, trunk, hops, names, request, response } = this.options;
    const { target, headers, strip } = backToBackInvite(request, trunk, hop);
    const bounded = context.sip.embedded && hops.length > 1 ? { [edgeExtensions.answerWithin]: `${context.settings.failover.answerWithinMs}` } : {};
    const ours = this.#media.headers ?? {};
    this.#outgoing = undefined;
    try {
      return await connectBackToBack({
        sip: context.sip,
        request,
        response,
        target,
        nextHop: hop.text,
        headers: { ...headers, ...ours, ...bounded, 'Session-ID': names.header },
        strip: [...strip, ...Object.keys(ours).map((name) => name.toLowerCase()), ...this.#withheld],
        offer: this.#toCallee,
        exchange: (from, sdp) => this.#exchange(from, sdp),
        onOutgoing: (outgoing) => {
          this.#outgoing = outgoing;
          // It is on its way already when we learn of it, and the call may have been ended meanwhile.
          if (this.options.closing()) outgoing.cancel(() => undefined);
        },
        onHeard: () => (this.#heard = true),
        onAnswering: () => (this.#answering = true),
      });
    } catch (error) {
      const said = error instanceof NotAnswered ? error.response : undefined;
      if (said?.status === 503 && said.has('retry-after')) context.destinations.retryAfter(hop, said.get('retry-after'));
      throw error;
    }
  }

  /** The caller hears what the last next hop said, if it has not heard anything final. */
  #refuse(error: unknown): void {
    const { response } = this.options;
    if (response.finalResponseSent || this.#cancelled) return;
    const said = error instanceof NotAnswered ? error.response : undefined;
    if (said === undefined) {
      response.send(error instanceof NotAnswered ? error.status : 500);
      return;
    }
    const { status, reason, body } = said;
    // Where else to try is the parties' business (RFC 3261 §8.1.3.4, §21.4.22).
    const contact = said.has('contact') && (status < 400 || status === 485) ? { Contact: said.get('contact') } : {};
    response.send(status, reason, { headers: { ...headersWithBody(said), ...contact }, body: body === '' ? undefined : body });
  }

  #join(dialogs: Readonly<Record<Side, SipDialog>>): void {
    const { context: { log }, names: { sessionId } } = this.options;
    passThrough({
      dialogs,
      media: this.#media,
      withheld: this.#withheld,
      onRequest: (side, request, response) => this.#sipControl.answer(side, request, response),
      onMediaChanged: () => void this.recording.changed(),
      onTrouble: (side, method, reason) => log.warn({ sessionId, side, method, reason }, 'a request inside the call could not be passed on'),
    });
    for (const side of ['caller', 'callee'] as const) {
      dialogs[side].on('destroy', (bye) => {
        void hangUp(dialogs[otherSide(side)], headersWithBody(bye), bye.body);
        this.options.onHungUp(side);
      });
    }
    // After a delayed offer the caller's media is known with its ACK.
    void offerAnswered(dialogs.caller).then(() => this.notices.connected());
  }

  #lost(reason: string, forMs: number): void {
    this.notices.suspend();
    this.options.onLost(reason, forMs);
  }

  /** An SDP of the answer or of a delayed offer: the call goes on even when the anchor cannot take it. */
  async #exchange(from: Side, sdp: string): Promise<string> {
    if (this.#pastAnchor) return sdp;
    try {
      const passed = await this.#media.exchange(from, sdp);
      void this.recording.changed();
      if (from === 'callee' && this.#answering && this.#toCallee !== '') this.notices.answering();
      return passed;
    } catch (error) {
      this.#pastAnchor = true;
      this.#lost(messageOf(error), 0);
      return sdp;
    }
  }

  /** Where one side's word counts, the other's must not reach who else may obey it. */
  get #withheld(): readonly string[] {
    return this.options.trunk.obeys.length === 0 ? [] : commandHeaders;
  }

  /** The SDP of the INVITE: its whole body, or that part of a multipart body; empty when it has none. */
  #offer(): string {
    const { request } = this.options;
    if (request.body === '') return '';
    const parts = readBody(request.has('content-type') ? request.get('content-type') : undefined, request.body);
    if (typeof parts === 'string') throw new Failure('SDP_UNUSABLE', `the body of the INVITE cannot be read: ${parts}`);
    return parts.find((part) => part.contentType === 'application/sdp')?.content ?? '';
  }
}
