/**
 * What happens inside an answered call: each request of one side goes to the other, and its answer back.
 *
 * Owns       the crossing of in-dialog requests, and of the SDP in them through the anchor.
 * Leaves to  drachtio-srf both dialogs; TrunkCall the beginning and the end.
 *
 * Invariant 1: requests of the callee wait until the caller has acknowledged the answer: only then does it
 *              have a call to ask something in.
 * Invariant 2: an offer that is refused changes nothing: the anchor goes back to what was agreed before.
 */
import { otherSide, type AnchoredCall, type Side } from '../anchor/index.js';
import { Failure, messageOf } from '../errors/index.js';
import {
  byeWaitsFor, cancelInvite, headersToPass, headersWithBody, onceAck, onceEnded, releaseHeld, replaceSdp, requestInDialog, sdpIn, srfOf,
  type SipDialog, type SipRequest, type SipResponse,
} from '../sip/index.js';
import { offerAnswered } from './back-to-back.js';
import { runningDialogsOf } from './running-dialogs.js';

export interface PassThroughOptions {
  readonly dialogs: Readonly<Record<Side, SipDialog>>;
  readonly media: AnchoredCall;
  readonly onMediaChanged: () => void;
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

class PassThrough {
  /** The SDP that each side said last and the other took. */
  readonly #agreed: Record<Side, string>;
  /** What each side has sent before is on its way. */
  readonly #order: Record<Side, Promise<void>>;
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
    this.#order = { caller: offerAnswered(caller), callee: acknowledged.then(() => offerAnswered(caller)) };
  }

  begin(): void {
    for (const side of ['caller', 'callee'] as const) {
      const dialog = this.options.dialogs[side];
      const plain = this.#taking(side, (request) => Promise.resolve(request.body), (...passed) => this.#passRequest(side, ...passed));
      for (const method of plainMethods) dialog.on(method as 'info', plain);
      const offering = this.#taking(side, (request) => this.#exchange(side, request), (...passed) => this.#passOffer(side, ...passed));
      dialog.on('update', offering);
      dialog.on('modify', offering);
    }
    releaseHeld(this.options.dialogs.caller);
    releaseHeld(this.options.dialogs.callee);
  }

  #taking(
    side: Side, bodyOf: (request: SipRequest) => Promise<string>, pass: (request: SipRequest, response: SipResponse, body: string) => Promise<void>,
  ): (request: SipRequest, response: SipResponse) => void {
    return (request, response) => {
      this.#inOrder(side, () => bodyOf(request))
        .then((body) => pass(request, response, body))
        .catch((error: unknown) => {
          this.options.onTrouble(side, request.method, messageOf(error));
          if (!response.finalResponseSent) response.send(statusFor(error));
        });
    };
  }

  /** An SDP may take the anchor a while: what the same side sends after it does not overtake it. */
  #inOrder<T>(side: Side, run: () => Promise<T>): Promise<T> {
    const result = this.#order[side].then(run);
    this.#order[side] = result.then(nothing, nothing);
    return result;
  }

  async #passRequest(from: Side, request: SipRequest, response: SipResponse, body: string): Promise<void> {
    const other = this.options.dialogs[otherSide(from)];
    const headers = runningDialogsOf(srfOf(other)).translate(headersWithBody(request));
    const answer = await requestInDialog(other, { method: request.method, headers, body });
    response.send(answer.status, answer.reason, { headers: headersWithBody(answer.message), body: answer.body });
  }

  /** A re-INVITE or UPDATE: the offer, or the lack of one, goes to the other side, the answer comes back. */
  async #passOffer(from: Side, request: SipRequest, response: SipResponse, body: string): Promise<void> {
    const to = otherSide(from);
    const { method } = request;
    const answer = await requestInDialog(this.options.dialogs[to], {
      method, headers: headersWithBody(request), body,
      onSent: (outgoing) => followCancel(request, outgoing),
      onProvisional: (progress) => {
        // Acknowledged already where it was reliable: to the other side it is not.
        if (method === 'INVITE') response.send(progress.status, progress.reason, { headers: headersToPass(progress, ['require']) });
      },
    }).catch(async (error: unknown) => {
      await this.#goBack(from);
      throw error;
    });
    if (answer.status >= 300) {
      await this.#goBack(from);
      response.send(answer.status, answer.reason, { headers: headersWithBody(answer.message), body: answer.body });
      return;
    }
    const offer = sdpOf(request);
    if (offer !== '') this.#agreed[from] = offer;
    const answered = await this.#exchange(to, answer.message);
    if (answer.body !== '') this.#agreed[to] = sdpOf(answer.message);
    const { acknowledge } = answer;
    // Delayed offer (RFC 3261 §14.1): what came back is the offer, the answer is in the ACK of the side that asked.
    if (acknowledge !== undefined) this.#awaitAnswerInAck(from, acknowledge);
    response.send(answer.status, answer.reason, { headers: headersWithBody(answer.message), body: answered });
    if (acknowledge === undefined) this.options.onMediaChanged();
  }

  #awaitAnswerInAck(from: Side, acknowledge: (sdp: string) => void): void {
    const { dialogs, onMediaChanged, onTrouble } = this.options;
    this.#owing.set(from, acknowledge);
    onceAck(dialogs[from], (ack) => {
      if (!this.#owing.delete(from)) return;
      const passed = this.#inOrder(from, () => this.#exchange(from, ack)).then(
        (body) => {
          acknowledge(body);
          this.#agreed[from] = sdpOf(ack);
          onMediaChanged();
        },
        (error: unknown) => {
          acknowledge(ack.body);
          onTrouble(from, 'ACK', messageOf(error));
        },
      );
      byeWaitsFor(dialogs[otherSide(from)], passed);
    });
  }

  /** The body of a message as the other side is to have it. */
  async #exchange(from: Side, message: SipRequest | SipResponse): Promise<string> {
    const sdp = sdpOf(message);
    return sdp === '' ? message.body : replaceSdp(typeOf(message), message.body, await this.options.media.exchange(from, sdp));
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
