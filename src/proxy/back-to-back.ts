/**
 * A call as a transparent back-to-back pair of dialogs: the INVITE goes out again with what it said, and each
 * response comes back.
 *
 * The caller has one dialog with us from the first provisional response on, whichever branch of the callee
 * sent it: an edge gives one To tag to all responses to an INVITE.
 *
 * Owns       the INVITE, its responses and its CANCEL; the making of both dialogs.
 * Leaves to  its keeper the SDP and the end of the call; early-requests what else is said before the answer;
 *            pass-through what happens after it.
 *
 * Invariant 1: responses go to the caller in the order in which they came, however long their SDP takes.
 * Invariant 2: a 2xx of the callee is acknowledged, and ended when there is nobody to tell.
 */
import type { Side } from '../anchor/index.js';
import {
  byeWaitsFor, cancelInvite, dialogIdOf, dialogOfCallee, dialogOfCaller, hangUp, headersToPass, headersWithBody, invite, onCancel, onceAck, onceEnded, onUpdate, reachOf, replaceHeaders, replaceSdp, respond, sdpIn,
  type SipConnection, type SipDialog, type SipHeaders, type SipRequest, type SipResponse,
} from '../sip/index.js';
import { EarlyRequests } from './early-requests.js';
import { runningDialogsOf, type RunningDialogs } from './running-dialogs.js';
import { Turns } from './turns.js';

/** A caller that has not acknowledged a provisional response by then has lost it, and is told the answer all the same. */
const pracksWithinMs = 10_000;

export interface BackToBackOptions {
  readonly sip: SipConnection;
  readonly request: SipRequest;
  readonly response: SipResponse;
  /** The Request-URI of the outgoing INVITE, and where it is sent. */
  readonly target: string;
  readonly nextHop: string;
  /** Headers of the outgoing INVITE in addition to those of the incoming one, or in their place; From and To less their tags. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names, in lower case, of headers of the incoming INVITE that do not go on. */
  readonly strip: readonly string[];
  /** The SDP that the callee is offered; empty for a delayed offer. */
  readonly offer: string;
  /** Takes an SDP of one side and gives what the other side is to have; never rejects. */
  readonly exchange: (from: Side, sdp: string) => Promise<string>;
  /** The outgoing INVITE, once it is on its way: to be cancelled when the call is given up. */
  readonly onOutgoing: (request: SipRequest) => void;
  /** The callee has said something that the caller hears: from now on it is this callee or none. */
  readonly onHeard: () => void;
  /** The callee has answered; the caller is told from now on, and can't be told anything else. */
  readonly onAnswering: () => void;
}

/** The callee did not answer with 2xx, or the caller gave up. */
export class NotAnswered extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    /** What the callee said, if it did; the caller has not been told. */
    readonly response?: SipResponse,
  ) {
    super(`not answered: ${status} ${reason}`);
  }
}

/**
 * Rejects with NotAnswered, or with what kept the INVITE from being sent. The caller is then told nothing, unless
 * it gave up: another callee may be tried. Both dialogs hold what their far
 * ends send until pass-through takes over.
 */
export const connectBackToBack = (options: BackToBackOptions): Promise<Readonly<Record<Side, SipDialog>>> =>
  new Promise((resolve, reject) => {
    new Connecting(options, resolve, reject).begin();
  });

/** Of callers that were made an offer: the passing on of their answer to it. */
const answering = new WeakMap<SipDialog, Promise<void>>();

/** Resolves when the callee has all that it needs of the INVITE: after a delayed offer, the answer. */
export const offerAnswered = (caller: SipDialog): Promise<void> => answering.get(caller) ?? Promise.resolve();

class Connecting {
  readonly #running: RunningDialogs;
  readonly #early: EarlyRequests;
  /** Early dialogs, as the edge calls them. */
  readonly #earlyIds = new Set<string>();
  #outgoing: SipRequest | undefined;
  #cancelled = false;
  /** Connected or failed: what the caller says from now on is for others. */
  #over = false;
  readonly #turns = { caller: new Turns(), callee: new Turns() };

  constructor(
    private readonly options: BackToBackOptions,
    private readonly connected: (dialogs: Readonly<Record<Side, SipDialog>>) => void,
    private readonly failed: (error: unknown) => void,
  ) {
    this.#running = runningDialogsOf(options.sip.srf);
    this.#early = new EarlyRequests({
      turns: this.#turns,
      exchange: options.exchange,
      translate: (headers) => this.#running.translate(headers),
      onBye: (bye) => this.#cancel(headersToPass(bye)),
    });
  }

  begin(): void {
    const { request, response, sip, target, nextHop, offer } = this.options;
    onCancel(request, (cancel) => {
      if (this.#over) return;
      // The edge has answered already; drachtio-srf is told that nothing else can be.
      response.send(487);
      this.#cancel(headersToPass(cancel));
    });
    onUpdate(request, (update, itsResponse) => {
      if (!this.#over) this.#early.take('caller', update, itsResponse);
    });
    if (this.#cancelled) {
      this.#fail(new NotAnswered(487, 'the caller gave up'));
      return;
    }
    const { From = request.get('from'), To = request.get('to'), ...others } = this.options.headers;
    const headers = replaceHeaders(this.#running.translate(headersWithBody(request, this.options.strip)), {
      From: withoutTag(From), To: withoutTag(To), 'Max-Forwards': oneHopLess(request), ...others,
    });
    const body = offer === '' ? request.body : replaceSdp(typeOf(request), request.body, offer);
    invite({ srf: sip.srf, target, nextHop, headers, body, cause: request }, {
      sent: (outgoing) => {
        this.#outgoing = outgoing;
        this.options.onOutgoing(outgoing);
        if (this.#cancelled) cancelInvite(outgoing);
      },
      notSent: (error) => this.#fail(error),
      provisional: (ringing) => {
        if (ringing.status > 100) this.#ringing(ringing);
      },
      accepted: (outgoing, answer, acknowledge) => this.#accepted(outgoing, answer, acknowledge),
      refused: (refusal) => this.#inOrder(() => this.#refused(refusal)),
      update: (update, itsResponse) => this.#early.take('callee', update, itsResponse),
    });
  }

  #inOrder(run: () => Promise<void> | void): void {
    this.#turns.callee.take(run).catch((error: unknown) => this.#fail(error));
  }

  #cancel(headers: SipHeaders): void {
    this.#cancelled = true;
    if (this.#outgoing !== undefined) cancelInvite(this.#outgoing, headers);
  }

  #ringing(ringing: SipResponse): void {
    this.options.onHeard();
    this.#isEarly('callee', ringing);
    this.#inOrder(async () => {
      const { response } = this.options;
      if (response.finalResponseSent) return;
      const { status, reason } = ringing;
      const body = await this.#bodyFromCallee(ringing);
      await new Promise<void>((resolve) => {
        respond(response, { status, reason, headers: headersWithBody(ringing), body }, (_error, sent) => {
          if (sent !== undefined) {
            this.#isEarly('caller', response);
            if (ringing.has('rseq') && sent.has('rseq')) this.#early.expectPrack(sent.get('rseq'), ringing);
          }
          resolve();
        });
      });
    });
  }

  /** From now on requests of that side are possible. */
  #isEarly(side: Side, message: SipResponse): void {
    const id = dialogIdOf(message);
    this.#early.reach(side, reachOf(this.options.sip.srf, message));
    this.#earlyIds.add(id);
    this.#running.early(id, (request, response) => this.#early.take(side, request, response));
  }

  #accepted(outgoing: SipRequest, answer: SipResponse, acknowledge: (body: string) => void): void {
    const { sip, request, response, onHeard, onAnswering } = this.options;
    onHeard();
    // A delayed offer is answered by the caller's ACK (RFC 3261 §13.2.1).
    const offered = request.body !== '';
    let callee: SipDialog;
    try {
      callee = dialogOfCaller(sip.srf, outgoing, answer);
    } catch (error) {
      acknowledge('');
      if (!response.finalResponseSent) response.send(502);
      this.#fail(error);
      return;
    }
    if (response.finalResponseSent) {
      acknowledge('');
      this.#abandon(callee);
      return;
    }
    onAnswering();
    this.#inOrder(async () => {
      // The callee speaks once it is acknowledged: the anchor has to know by then where it does.
      const body = await this.#bodyFromCallee(answer);
      if (offered) acknowledge('');
      await this.#answerCaller(callee, answer, body, offered ? undefined : acknowledge);
    });
  }

  /** The callee has answered a call that is over. */
  #abandon(callee: SipDialog): void {
    void hangUp(callee, { Reason: 'SIP;cause=487;text="the caller gave up"' });
    this.#fail(new NotAnswered(487, 'the caller gave up'));
  }

  async #answerCaller(callee: SipDialog, answer: SipResponse, body: string, acknowledge: ((body: string) => void) | undefined): Promise<void> {
    const { sip, request, response } = this.options;
    await this.#early.acknowledged(pracksWithinMs);
    const { status, reason } = answer;
    respond(response, { status, reason, headers: headersWithBody(answer), body }, (error, sent) => {
      if (sent === undefined) {
        // Cancelled at the last moment.
        acknowledge?.('');
        this.#abandon(callee);
        return;
      }
      let caller: SipDialog;
      try {
        caller = dialogOfCallee(sip.srf, request, response, sent);
      } catch (reasonWhy) {
        acknowledge?.('');
        void hangUp(callee);
        this.#fail(reasonWhy ?? error);
        return;
      }
      if (acknowledge !== undefined) this.#awaitAnswerInAck({ caller, callee }, acknowledge);
      this.#over = true;
      this.#forgetEarly();
      this.#running.answered({ caller, callee });
      this.connected({ caller, callee });
    });
  }

  #awaitAnswerInAck({ caller, callee }: Readonly<Record<Side, SipDialog>>, acknowledge: (body: string) => void): void {
    const answer = new Promise<string>((resolve) => {
      let came = false;
      onceAck(caller, (ack) => {
        came = true;
        void this.#exchanged('caller', ack).then(resolve);
      });
      for (const dialog of [caller, callee]) onceEnded(dialog, () => came || resolve(''));
    });
    const acknowledged = answer.then(acknowledge);
    answering.set(caller, acknowledged);
    byeWaitsFor(callee, acknowledged);
  }

  #refused(refusal: SipResponse): void {
    const { status, reason } = refusal;
    this.#fail(this.#cancelled ? new NotAnswered(487, 'the caller gave up') : new NotAnswered(status, reason, refusal));
  }

  #fail(error: unknown): void {
    this.#over = true;
    this.#forgetEarly();
    this.failed(error);
  }

  #forgetEarly(): void {
    for (const id of this.#earlyIds) this.#running.forgetEarly(id);
    this.#earlyIds.clear();
  }

  #bodyFromCallee(message: SipResponse): Promise<string> {
    return this.#exchanged('callee', message);
  }

  async #exchanged(from: Side, message: SipRequest | SipResponse): Promise<string> {
    const sdp = sdpIn(typeOf(message), message.body);
    return sdp === '' ? message.body : replaceSdp(typeOf(message), message.body, await this.options.exchange(from, sdp));
  }
}

const typeOf = (message: SipRequest | SipResponse): string | undefined => (message.has('content-type') ? message.get('content-type') : undefined);

/** The tag belongs to the dialog, not to the party (RFC 3261 §19.3). */
const withoutTag = (header: string): string => header.replace(/;\s*tag=[^;,\s>]*/i, '');

/** Calls that go round in circles through us come to an end (RFC 7332). The edge has refused those with none left. */
function oneHopLess(request: SipRequest): string {
  const left = Number(request.has('max-forwards') ? request.get('max-forwards') : '70');
  return String(Number.isInteger(left) && left > 0 ? left - 1 : 69);
}
