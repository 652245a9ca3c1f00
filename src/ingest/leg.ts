/**
 * One leg of a call: a dialog (RFC 3261 §12) on one hop, from its INVITE to its BYE, as somebody sees it who only
 * watches: messages may be missing, doubled, or from before the capture began.
 *
 * Leaves to  leg-media.ts what SDP means; calls.ts which legs are one call.
 */
import type { Endpoint } from './endpoints.js';
import type { LegMedia, MediaPlace } from './leg-media.js';
import type { SipOnTheWire } from './sip-message.js';
import type { Side } from './rtp-rules.js';

/** @typeParam S what stands for the call that it is a leg of */
export class Leg<S = unknown> {
  readonly callId: string;
  readonly callerTag: string;
  /** Where its first message came from and went to. */
  readonly source: Endpoint;
  readonly target: Endpoint;
  readonly branch: string;
  readonly from: string;
  readonly to: string;
  readonly startedAtMs: number;
  /** The capture began when the leg was there already. */
  readonly joinedLate: boolean;
  answeredAtMs: number | undefined;
  endedAtMs: number | undefined;
  /** Final status of the INVITE; undefined when none came. */
  status: number | undefined;
  /** True: the capture has no end of it. */
  endUnseen = false;
  lastAtMs: number;
  #calleeTag: string | undefined;
  #inviteCseq: number;
  /** By who asked and method: the CSeq of the last request that had an SDP. */
  readonly #offers = new Map<string, number>();
  readonly #lastSdp: Partial<Record<Side, string>> = {};

  constructor(
    first: SipOnTheWire,
    readonly media: LegMedia,
    public session: S,
    /** The one that calls here is the one that was called before (a transfer). */
    readonly swapped: boolean,
  ) {
    this.callId = first.callId;
    this.callerTag = first.fromTag;
    const isRequest = first.status === undefined;
    [this.source, this.target] = isRequest ? [first.source, first.target] : [first.target, first.source];
    this.branch = first.branch;
    this.from = first.fromUri;
    this.to = first.toUri;
    this.startedAtMs = this.lastAtMs = first.atMs;
    this.joinedLate = !isRequest || first.toTag !== '';
    this.#inviteCseq = first.method === 'INVITE' ? first.cseq : -1;
    if (this.joinedLate) this.#calleeTag = first.toTag;
  }

  /** Takes a message; the places of media that it names. */
  receive(message: SipOnTheWire): readonly MediaPlace[] {
    this.lastAtMs = message.atMs;
    const sender = this.#senderOf(message);
    if (message.status === undefined) this.#request(message, sender);
    else this.#response(message, message.status, sender);
    if (message.metadata !== undefined) this.media.learn(message.metadata);
    // What another branch says when one has answered is of no dialog any more (RFC 3261 §13.2.2.4).
    const ofAnotherBranch = message.status !== undefined && sender === 'callee' && this.answeredAtMs !== undefined && message.toTag !== this.#calleeTag;
    if (message.sdp === '' || ofAnotherBranch || (this.endedAtMs !== undefined && this.answeredAtMs !== undefined)) return [];
    return this.#sdp(message, sender);
  }

  /** Whether packets are its now; some come after the BYE, which takes another way. */
  isLive(nowMs: number): boolean {
    return this.endedAtMs === undefined || nowMs - this.endedAtMs < lastPacketsMs;
  }

  end(atMs: number): void {
    this.endedAtMs ??= atMs;
  }

  #request({ method, cseq, toTag, fromTag, atMs }: SipOnTheWire, sender: Side): void {
    if (method === 'INVITE' && toTag === '' && sender === 'caller') {
      this.#inviteCseq = Math.max(this.#inviteCseq, cseq);
      // After a challenge or a redirection it tries again (RFC 3261 §8.1.3).
      if (this.answeredAtMs === undefined) this.endedAtMs = this.status = undefined;
    }
    // The caller may end a dialog that it has no use for, when several answered (RFC 3261 §13.2.2.4).
    const ofThisDialog = this.#calleeTag === undefined || [toTag, fromTag].includes(this.#calleeTag);
    if (method === 'BYE' && ofThisDialog) this.end(atMs);
    if (method === 'CANCEL' && this.answeredAtMs === undefined) this.end(atMs);
  }

  #response({ method, cseq, toTag, atMs }: SipOnTheWire, status: number, sender: Side): void {
    if (status >= 300 && this.#offers.get(`${otherOf(sender)} ${method}`) === cseq) this.media.withdraw(otherOf(sender));
    if (method !== 'INVITE' || sender !== 'callee' || status < 200 || this.answeredAtMs !== undefined) return;
    if (cseq < this.#inviteCseq) return;
    this.status = status;
    if (status >= 300) {
      this.end(atMs);
      return;
    }
    this.answeredAtMs = atMs;
    // A CANCEL that came too late.
    this.endedAtMs = undefined;
    this.#calleeTag = toTag;
  }

  /** RFC 3264, RFC 3261 §13.2.1, RFC 3262 §5, RFC 3311: what answers an offer and what is one. */
  #sdp({ method, cseq, status, sdp }: SipOnTheWire, sender: Side): readonly MediaPlace[] {
    const inviteHadOffer = [...this.#offers.keys()].some((key) => key.endsWith(' INVITE'));
    const answers = status === undefined ? method === 'ACK' || (method === 'PRACK' && !inviteHadOffer) : this.#offers.get(`${otherOf(sender)} ${method}`) === cseq;
    if (status === undefined && !answers) this.#offers.set(`${sender} ${method}`, cseq);
    // A repeated one may still answer a new offer.
    if (this.#lastSdp[sender] === sdp && !answers) return [];
    this.#lastSdp[sender] = sdp;
    return this.media.take(sender, sdp, answers);
  }

  /** A response goes to whom the From names. */
  #senderOf({ status, fromTag }: SipOnTheWire): Side {
    return (fromTag === this.callerTag) === (status === undefined) ? 'caller' : 'callee';
  }
}

const lastPacketsMs = 2_000;
const otherOf = (side: Side): Side => (side === 'caller' ? 'callee' : 'caller');
