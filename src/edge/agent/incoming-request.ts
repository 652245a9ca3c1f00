/**
 * A peer's request in the hands of an application: from its arrival to its final response, and
 * for an INVITE to the ACK.
 *
 * Owns       the server transaction's answer, the retransmission of 2xx, the wait for the application.
 * Leaves to  its keeper finding it again; the dialog store the dialog it makes; reliable-provisionals
 *            and sessions what RFC 3262 and RFC 4028 add.
 *
 * Invariant 1: every INVITE gets a final response, whatever the application does or fails to do.
 */
import type { Application } from '../app/application.js';
import { keyOf, tlsIdentity } from '../app/extensions.js';
import { dialogIdOf, dialogOfServer } from '../dialog/dialog.js';
import { isSenderNatted } from '../dialog/nat.js';
import { encodeMessage, header } from '../message/encode-message.js';
import { parseNameAddr, tagOf } from '../message/name-addr.js';
import { hasOption, headerOf, type Header, type ResponseText, type SipRequest } from '../message/sip-message.js';
import type { OwnStatus } from '../message/statuses.js';
import { Retransmission } from '../transaction/retransmission.js';
import type { ServerTransaction } from '../transaction/server-transaction.js';
import type { CancelTimer } from '../timing.js';
import { composeResponse, formsDialog } from './compose-response.js';
import { metaOf, type AgentContext, type AppDialog } from './context.js';
import { ReliableProvisionals } from './reliable-provisionals.js';
import type { Sessions } from './sessions.js';

export interface IncomingKeeper {
  readonly context: AgentContext;
  readonly sessions: Sessions;
  /** It takes no more responses. */
  answered(incoming: IncomingRequest): void;
  /** A 2xx to INVITE was sent: the ACK of that dialog and CSeq is for this one. */
  expectAck(incoming: IncomingRequest, dialog: AppDialog): void;
  ackOver(incoming: IncomingRequest, dialog: AppDialog): void;
  /** Ends a dialog with a BYE of the edge's own, and tells its application. */
  hangUp(dialog: AppDialog, reason: string): void;
}

export class IncomingRequest {
  readonly transactionId: string;
  readonly receivedAt: number;
  dialog: AppDialog | undefined;
  readonly #inDialog: boolean;
  #tag: string;
  #answeredBefore = false;
  /** Whether a session description of ours has gone out in it. */
  #described = false;
  #closed = false;
  #wait: CancelTimer;
  #twoHundred: Retransmission | undefined;
  /** There are some once the application has sent one. */
  #reliable: ReliableProvisionals | undefined;

  constructor(
    private readonly keeper: IncomingKeeper,
    readonly transaction: ServerTransaction,
    readonly application: Application,
    dialog: AppDialog | undefined,
  ) {
    const { ids, environment } = keeper.context;
    this.transactionId = ids.uuid();
    this.receivedAt = environment.clock.now();
    this.dialog = dialog;
    this.#inDialog = dialog !== undefined;
    this.#tag = dialog?.localTag ?? ids.tag();
    this.#wait = environment.clock.after(environment.timing.unansweredMs, () => this.giveUp(480));
    transaction.attach({
      acknowledged: (ack) => this.acknowledged(ack),
      ended: () => this.#close(),
    });
  }

  get request(): SipRequest {
    return this.transaction.request;
  }

  get isInvite(): boolean {
    return this.request.method === 'INVITE';
  }

  /** Who has made an offer in it that is not answered: for UPDATE (RFC 3311 §5.2). Early media counts as an answer. */
  get openOffer(): 'ours' | 'theirs' | 'none' {
    if (!this.isInvite) return 'none';
    if (this.request.body !== '') return this.#described ? 'none' : 'theirs';
    return this.#reliable?.described === true ? 'ours' : 'none';
  }

  /** The tag that the edge's own answers to this request carry too. */
  get tag(): string {
    return this.#tag;
  }

  /** Passes the request to its application. */
  deliver(): void {
    const { path } = this.transaction;
    const meta = metaOf('network', path, this.transactionId, this.dialog?.id ?? '');
    // drachtio-srf answers a BYE by itself.
    if (this.request.method === 'BYE') this.application.promptness.asked(this);
    if (this.#inDialog) this.application.deliver(meta, encodeMessage(this.request));
    else this.application.deliver({ ...meta, receivedOn: path.local }, encodeMessage(this.keeper.context.tellTlsIdentity ? this.#identified() : this.request));
  }

  /** With who its sender has proved to be; what the sender says of that itself is worth nothing. */
  #identified(): SipRequest {
    const { request, transaction: { path: { identity } } } = this;
    const headers = request.headers.filter(({ key }) => key !== keyOf(tlsIdentity));
    if (identity !== undefined && identity.length > 0) headers.push(header(tlsIdentity, identity.join(', ')));
    return { ...request, headers };
  }

  /** The application's response. Answers the application under `messageId`. */
  respond(messageId: string, wish: ResponseText): void {
    const { transaction, application, request } = this;
    if (this.#closed || transaction.answered || this.#reliable?.answerWaits === true) {
      application.fail(messageId, 'Response not sent due to unknown transaction');
      return;
    }
    const reliable = this.isInvite && wish.status > 100 && wish.status < 200 && hasOption(wish, 'require', '100rel');
    if (reliable && !hasOption(request, 'supported', '100rel') && !hasOption(request, 'require', '100rel')) {
      application.fail(messageId, 'Remote endpoint does not support 100rel');
      return;
    }
    const forming = formsDialog(request.method, wish.status);
    if (forming && headerOf(request, 'contact') === undefined && wish.status >= 200) {
      // RFC 3261 §8.1.1.8: without a Contact there is nobody to send anything to in the dialog.
      this.#final(400);
      application.fail(messageId, 'Response not sent: the request has no Contact');
      return;
    }
    if (forming && wish.status >= 200 && this.#isMerged()) {
      this.#final(480);
      application.fail(messageId, 'dialog already exists, rejecting this request');
      return;
    }
    this.#takeTag(wish);
    const rseq = reliable ? this.#provisionals.number() : undefined;
    if (reliable && rseq === undefined) {
      application.fail(messageId, 'Response not sent: too many provisional responses wait for PRACK');
      return;
    }
    const contact = this.dialog?.contact;
    const { sessions } = this.keeper;
    const extra = sessions.headersFor(request, wish, this.dialog);
    const response = composeResponse(request, extra.length === 0 ? wish : { ...wish, headers: [...wish.headers, ...extra] }, {
      toTag: this.#tag,
      ...(rseq === undefined ? {} : { rseq }),
      ...(contact === undefined || contact === '' ? {} : { contact }),
    }, transaction.path);
    const text = encodeMessage(response);
    application.promptness.reacted(this);
    if (forming) this.#formDialog(response, wish.status >= 200);
    const dialogId = request.method === 'BYE' ? '' : (this.dialog?.id ?? '');
    application.echoResponse(messageId, metaOf('application', transaction.path, this.transactionId, dialogId), text);
    this.#answeredBefore ||= wish.status > 100;
    this.#described ||= response.body !== '';
    const send = (): void => {
      transaction.respond(wish.status, text);
    };
    const sendNow = (): void => {
      send();
      this.#recordAnswer(wish.status, text);
      if (this.dialog !== undefined) sessions.answered(request, response, this.dialog);
      this.#afterResponse(wish.status, text);
    };
    if (rseq !== undefined) {
      if (this.dialog !== undefined) sessions.answered(request, response, this.dialog);
      this.#afterResponse(wish.status, text);
      this.#provisionals.send({ rseq, described: response.body !== '', send });
    } else if (this.#reliable !== undefined && wish.status >= 200 && wish.status < 300) this.#reliable.beforeAnswer(sendNow);
    else sendNow();
  }

  /** The peer cancelled the INVITE: it is answered here, and the application is told. */
  cancelled(cancel: SipRequest): void {
    const meta = metaOf('network', this.transaction.path, this.transactionId, this.#inDialog || this.#answeredBefore ? (this.dialog?.id ?? '') : '');
    const { request } = this;
    this.#final(487, [], false);
    this.application.deliver(meta, encodeMessage(cancel));
    if (!this.#inDialog) this.keeper.context.facts.canceled(request);
  }

  /** The ACK to its 2xx. */
  acknowledged(ack: SipRequest): void {
    const { dialog } = this;
    if (this.#twoHundred === undefined || dialog === undefined) return;
    this.#twoHundred.stop();
    this.#twoHundred = undefined;
    this.keeper.ackOver(this, dialog);
    this.transaction.settle();
    const transactionId = this.#inDialog ? this.keeper.context.ids.uuid() : this.transactionId;
    dialog.owner.deliver({ ...metaOf('network', this.transaction.path, transactionId, dialog.id), protocol: '' }, encodeMessage(ack));
  }

  /** A PRACK for the provisional of that RSeq; false when none waits for it. */
  pracked(rseq: number): boolean {
    return this.#reliable?.acknowledged(rseq) === true;
  }

  /** Ends it without the application: it did not answer, or it is gone. */
  giveUp(status: OwnStatus, extra: readonly Header[] = []): void {
    if (this.#closed || this.transaction.answered) return;
    // A peer's non-INVITE transaction has long ended by itself (RFC 4320 §4.2).
    if (this.isInvite || status !== 480) this.#final(status, extra);
    else this.transaction.abandon();
  }

  /** Leaves the transaction to someone else, such as the proxy. */
  handOver(): ServerTransaction {
    this.#close();
    return this.transaction;
  }

  /** Stops every timer; for when the edge closes, and when the dialog ends. */
  stop(): void {
    this.#wait();
    this.#twoHundred?.stop();
    this.#twoHundred = undefined;
    this.#reliable?.stop();
  }

  #final(status: OwnStatus, extra: readonly Header[] = [], recorded = true): void {
    const text = this.keeper.context.layer.answer(this.transaction, status, this.#tag, extra);
    if (recorded) this.#recordAnswer(status, text);
    // The application has answered, and its 2xx was still held back: for it there is a call.
    if (this.#reliable?.answerWaits === true && this.dialog !== undefined) this.keeper.hangUp(this.dialog, 'ended before the answer could be sent');
    this.#afterResponse(status, '');
  }

  get #provisionals(): ReliableProvisionals {
    const { environment, ids } = this.keeper.context;
    // RFC 3262 §3: a provisional that nobody acknowledges ends the request.
    return (this.#reliable ??= new ReliableProvisionals(environment, (ids.cseq() & 0xffff) + 1, () => this.giveUp(504)));
  }

  /** Whether another copy of it, which came by another way, has been accepted: an id names one dialog. */
  #isMerged(): boolean {
    const { callId, fromTag } = this.request;
    const other = this.#inDialog ? undefined : this.keeper.context.dialogs.findById(dialogIdOf(callId, fromTag));
    return other !== undefined && other !== this.dialog && other.confirmed;
  }

  #recordAnswer(status: number, text: string): void {
    if (status >= 200 && this.isInvite && !this.#inDialog) this.keeper.context.facts.answered('application', 'uas', status, text);
  }

  #takeTag(wish: ResponseText): void {
    if (this.#answeredBefore || this.#inDialog) return;
    const to = headerOf(wish, 'to');
    const address = to === undefined ? 'bad-address' : parseNameAddr(to);
    if (typeof address !== 'string') this.#tag = tagOf(address) ?? this.#tag;
  }

  #formDialog(response: ResponseText, confirmed: boolean): void {
    const { context } = this.keeper;
    const contact = headerOf(response, 'contact') ?? '';
    if (this.dialog === undefined) {
      this.dialog = dialogOfServer(this.request, this.#tag, contact, this.transaction.path, this.application);
      this.dialog.natted = context.natDetection && isSenderNatted(this.request, this.transaction.path);
      context.dialogs.add(this.dialog);
    }
    if (contact !== '') this.dialog.contact = contact;
    if (!confirmed) return;
    this.dialog.confirmed = true;
    context.dialogs.prefer(this.dialog);
  }

  #afterResponse(status: number, text: string): void {
    const { environment, dialogs } = this.keeper.context;
    const { clock, timing } = environment;
    this.#answeredBefore ||= status > 100;
    if (status < 200) {
      this.#wait();
      this.#wait = clock.after(timing.ringingMs, () => this.giveUp(480));
      return;
    }
    this.#close();
    const { dialog } = this;
    if (!this.isInvite || status >= 300) this.transaction.settle();
    if (dialog === undefined) return;
    if (status >= 300) {
      if (!this.#inDialog) dialogs.remove(dialog);
      return;
    }
    if (!this.isInvite) return;
    this.keeper.expectAck(this, dialog);
    const over = (): void => {
      this.#twoHundred?.stop();
      this.#twoHundred = undefined;
      this.keeper.ackOver(this, dialog);
      this.transaction.settle();
    };
    this.#twoHundred = new Retransmission(environment, timing.t2Ms, () => {
      // A BYE has ended the dialog before the ACK came: nobody waits for the 2xx any more.
      if (dialog.ended) over();
      else this.transaction.respond(status, text);
    }, () => {
      over();
      if (!dialog.ended) this.keeper.hangUp(dialog, 'ACK timeout');
    });
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.application.promptness.forget(this);
    this.#wait();
    this.#reliable?.stop();
    this.keeper.answered(this);
  }
}
