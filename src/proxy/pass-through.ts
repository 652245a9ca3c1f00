/**
 * What happens inside an answered call: each request of one side goes to the other, and its answer back.
 *
 * Owns       the crossing of in-dialog requests, and of the SDP in them through the anchor.
 * Leaves to  drachtio-srf both dialogs; running-dialogs and refer-ids what a dialog or a REFER is called on the other side;
 *            back-to-back the beginning, RecordedCall the end.
 *
 * Invariant 1: requests of the callee wait until the caller has acknowledged the answer: only then does it
 *              have a call to ask something in.
 * Invariant 2: an offer that is refused changes nothing: the anchor goes back to what was agreed before.
 */
import { otherSide, type AnchoredCall, type Side } from '../anchor/index.js';
import { Failure, messageOf } from '../errors/index.js';
import {
  byeWaitsFor, cancelInvite, headersToPass, headersWithBody, onceAck, onceEnded, releaseHeld, replaceSdp, requestInDialog, sdpIn, srfOf,
  type DialogResponse, type InDialogRequest, type SipDialog, type SipRequest, type SipResponse,
} from '../sip/index.js';
import { offerAnswered } from './back-to-back.js';
import { ReferIds } from './refer-ids.js';
import { runningDialogsOf } from './running-dialogs.js';
import { Turns } from './turns.js';

export interface PassThroughOptions {
  readonly dialogs: Readonly<Record<Side, SipDialog>>;
  readonly media: AnchoredCall;
  readonly onMediaChanged: () => void;
  /** Headers that do not go on, in lower case. */
  readonly withheld: readonly string[];
  /** Looks at each request before it goes on; true: it has been answered and does not. */
  readonly onRequest: (side: Side, request: SipRequest, response: SipResponse) => boolean;
  /** A request of `side` could not be passed on and was answered with 4xx or 5xx. */
  readonly onTrouble: (side: Side, method: string, reason: string) => void;
}

/** Requests that carry no offer of the media we anchor. */
const plainMethods = ['info', 'message', 'notify', 'options', 'refer', 'subscribe'] as const;

/** What a sender of a request is told when it could not be passed on. */
function statusFor(error: unknown): number {
  if (!(error instanceof Failure)) return 500;
  if (error.code === 'SDP_UNUSABLE') return 488;
  return error.code === 'SIP_TIMEOUT' ? 408 : 500;
}

export function passThrough(options: PassThroughOptions): void {
  new PassThrough(options).begin();
}

/** A request on its way; `end` settles when it has been answered. */
interface Underway {
  readonly end: Promise<void>;
}

class PassThrough {
  /** The SDP that each side said last and the other took. */
  readonly #agreed: Record<Side, string>;
  /** What each side has sent before is on its way. */
  readonly #turns: Readonly<Record<Side, Turns>>;
  /** Of the REFERs that each side was asked. */
  readonly #referIds: Readonly<Record<Side, ReferIds>> = { caller: new ReferIds(), callee: new ReferIds() };
  /** Sides whose ACK is to bring the answer to the other's offer, and how that is passed on. */
  readonly #owing = new Map<Side, (sdp: string) => void>();

  constructor(private readonly options: PassThroughOptions) {
    const { caller, callee } = options.dialogs;
    this.#agreed = { caller: sdpIn(undefined, caller.remote.sdp), callee: sdpIn(undefined, callee.remote.sdp) };
    const acknowledged = new Promise<void>((resolve) => {
      onceAck(caller, () => resolve());
      onceEnded(caller, resolve);
    });
    // A BYE instead of the ACK: the other side waits for one all the same.
    for (const dialog of [caller, callee]) {
      onceEnded(dialog, () => {
        for (const acknowledge of this.#owing.values()) acknowledge('');
        this.#owing.clear();
      });
    }
    this.#turns = { caller: new Turns(offerAnswered(caller)), callee: new Turns(acknowledged.then(() => offerAnswered(caller))) };
  }

  begin(): void {
    for (const side of ['caller', 'callee'] as const) {
      const dialog = this.options.dialogs[side];
      const plain = this.#taking(side, (request, response) => this.#passRequest(side, request, response));
      for (const method of plainMethods) dialog.on(method as 'info', plain);
      const offering = this.#taking(side, (request, response) => this.#passOffer(side, request, response));
      dialog.on('update', offering);
      dialog.on('modify', offering);
    }
    releaseHeld(this.options.dialogs.caller);
    releaseHeld(this.options.dialogs.callee);
  }

  /** `pass` resolves with how the request is going to end once it is on its way. */
  #taking(side: Side, pass: (request: SipRequest, response: SipResponse) => Promise<Underway>): (request: SipRequest, response: SipResponse) => void {
    return (request, response) => {
      if (this.options.onRequest(side, request, response)) return;
      this.#inOrder(side, () => pass(request, response))
        .then(({ end }) => end)
        .catch((error: unknown) => {
          this.options.onTrouble(side, request.method, messageOf(error));
          if (!response.finalResponseSent) response.send(statusFor(error));
        });
    };
  }

  /** An SDP may take the anchor a while: what the same side sends after it does not overtake it, its BYE included. */
  #inOrder<T>(side: Side, run: () => Promise<T>): Promise<T> {
    const result = this.#turns[side].take(run);
    byeWaitsFor(this.options.dialogs[otherSide(side)], result);
    return result;
  }

  /** Sends a request on; its final response is dealt with in its turn. */
  #send(to: Side, request: InDialogRequest, answered: (answer: DialogResponse) => Promise<void>): Underway {
    let dealtWith: Promise<void> | undefined;
    const onFinal = (answer: DialogResponse): void => {
      dealtWith = this.#inOrder(to, () => answered(answer));
    };
    return { end: requestInDialog(this.options.dialogs[to], { ...request, onFinal }).then(() => dealtWith) };
  }

  #passRequest(from: Side, request: SipRequest, response: SipResponse): Promise<Underway> {
    const to = otherSide(from);
    const named = runningDialogsOf(srfOf(this.options.dialogs[to])).translate(headersWithBody(request, this.options.withheld));
    const { method, body } = request;
    const headers = method === 'NOTIFY' ? this.#referIds[from].translate(named) : named;
    const onSent = method !== 'REFER' ? nothing : (outgoing: SipRequest): void => this.#referIds[to].passed(request.get('cseq'), outgoing.get('cseq'));
    return Promise.resolve(
      this.#send(to, { method, headers, body, onSent }, (answer) => {
        response.send(answer.status, answer.reason, { headers: headersWithBody(answer.message), body: answer.body });
        return Promise.resolve();
      }),
    );
  }

  /** A re-INVITE or UPDATE: the offer, or the lack of one, goes to the other side, the answer comes back. */
  async #passOffer(from: Side, request: SipRequest, response: SipResponse): Promise<Underway> {
    const to = otherSide(from);
    const { method } = request;
    const body = await this.#exchange(from, request);
    const { end } = this.#send(
      to,
      {
        method, headers: headersWithBody(request, this.options.withheld), body,
        onSent: (outgoing) => followCancel(request, outgoing),
        onProvisional: (progress) => {
          // Acknowledged already where it was reliable: to the other side it is not.
          if (method === 'INVITE') response.send(progress.status, progress.reason, { headers: headersToPass(progress, ['require']) });
        },
      },
      (answer) => this.#passAnswer(from, request, response, answer),
    );
    return {
      end: end.catch(async (error: unknown) => {
        await this.#goBack(from);
        throw error;
      }),
    };
  }

  async #passAnswer(from: Side, request: SipRequest, response: SipResponse, answer: DialogResponse): Promise<void> {
    const to = otherSide(from);
    const { status, reason, message, acknowledge } = answer;
    if (status >= 300) {
      await this.#goBack(from);
      response.send(status, reason, { headers: headersWithBody(message), body: answer.body });
      return;
    }
    const body = await this.#exchange(to, message);
    this.#agree(from, request);
    this.#agree(to, message);
    // Delayed offer (RFC 3261 §14.1): what came back is the offer, the answer is in the ACK of the side that asked.
    if (acknowledge !== undefined) this.#awaitAnswerInAck(from, acknowledge);
    response.send(status, reason, { headers: headersWithBody(message), body });
    if (acknowledge === undefined) this.options.onMediaChanged();
  }

  #awaitAnswerInAck(from: Side, acknowledge: (sdp: string) => void): void {
    const { dialogs, onMediaChanged, onTrouble } = this.options;
    this.#owing.set(from, acknowledge);
    onceAck(dialogs[from], (ack) => {
      if (!this.#owing.delete(from)) return;
      void this.#inOrder(from, () => this.#exchange(from, ack)).then(
        (body) => {
          acknowledge(body);
          this.#agree(from, ack);
          onMediaChanged();
        },
        (error: unknown) => {
          acknowledge(ack.body);
          onTrouble(from, 'ACK', messageOf(error));
        },
      );
    });
  }

  /** The body of a message as the other side is to have it. */
  async #exchange(from: Side, message: SipRequest | SipResponse): Promise<string> {
    const sdp = sdpOf(message);
    return sdp === '' ? message.body : replaceSdp(typeOf(message), message.body, await this.options.media.exchange(from, sdp));
  }

  #agree(side: Side, message: SipRequest | SipResponse): void {
    const sdp = sdpOf(message);
    if (sdp !== '') this.#agreed[side] = sdp;
  }

  async #goBack(side: Side): Promise<void> {
    const agreed = this.#agreed[side];
    // What could be carried before can be carried again; if not, the call has ended.
    if (agreed !== '') await this.options.media.exchange(side, agreed).catch(nothing);
  }
}

const nothing = (): void => undefined;

const typeOf = (message: SipRequest | SipResponse): string | undefined => (message.has('content-type') ? message.get('content-type') : undefined);
const sdpOf = (message: SipRequest | SipResponse): string => sdpIn(typeOf(message), message.body);

/** The asking side may take a re-INVITE back (RFC 3261 §9). */
function followCancel(request: SipRequest, outgoing: SipRequest): void {
  request.on('cancel', () => cancelInvite(outgoing));
}
