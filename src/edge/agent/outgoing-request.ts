/**
 * A request that an application sent: from the first byte to its final response, and for an INVITE
 * to the ACK and the repeated 2xx.
 *
 * Owns       its CANCEL, the ACK that answers repeated 2xx.
 * Leaves to  the client transaction retransmission and the ACK to failures; branches the dialogs it
 *            may become.
 *
 * Invariant 1: a 2xx to INVITE is acknowledged, by the application or in its place.
 * Invariant 2: an application that was told of silence hears nothing more, and what the peer says after it is ended.
 */
import type { Application } from '../app/application.js';
import { contactUri } from '../dialog/dialog.js';
import { encodeMessage } from '../message/encode-message.js';
import { copyOf, headerOf, headersOf, type Header, type RequestText, type SipRequest, type SipResponse } from '../message/sip-message.js';
import { phraseOf, type OwnStatus } from '../message/statuses.js';
import { cancelOf, type ClientUser } from '../transaction/client-transaction.js';
import type { HopSearch } from '../transaction/hop-search.js';
import { makeResponse } from '../transaction/make-response.js';
import type { CancelTimer } from '../timing.js';
import { isReliable, type Path } from '../transport/path.js';
import { Branches } from './branches.js';
import { applicationHeaders } from './compose.js';
import { metaOf, sentMetaOf, type AgentContext, type AppDialog } from './context.js';
import type { Sessions } from './sessions.js';

export interface OutgoingKeeper {
  readonly context: AgentContext;
  readonly sessions: Sessions;
  /** It awaits nothing any more, and can't be cancelled. */
  finished(outgoing: OutgoingRequest): void;
  /** A 2xx came: the application's next ACK in that dialog is for this one. */
  expectAppAck(outgoing: OutgoingRequest, dialog: AppDialog): void;
  /** Sends the ACK to a 2xx in the application's place. */
  acknowledge(outgoing: OutgoingRequest, dialog: AppDialog): void;
  hangUp(dialog: AppDialog, reason: string): void;
}

export interface OutgoingIdentity {
  readonly transactionId: string;
  readonly callId: string;
  readonly localTag: string;
  readonly cseq: number;
}

/** What the dialogs and the ACKs are made from of branches that answer when one has already (RFC 3261 §13.2.2.4). */
const ofFurtherBranches = new Set(['from', 'contact', 'authorization', 'proxy-authorization']);

const nobody: ClientUser = { response: () => undefined, timedOut: () => undefined, unreachable: () => undefined };

export class OutgoingRequest implements ClientUser {
  #sent = false;
  #made: Branches | undefined;
  #cancel: RequestText | undefined;
  #done = false;
  #wait: CancelTimer = () => undefined;
  #accepted: AppDialog | undefined;
  #ack: { readonly text: string; readonly path: Path } | undefined;
  /** By when anything at all has to come. */
  #silence: CancelTimer | undefined;
  #givenUp = false;

  constructor(
    private readonly keeper: OutgoingKeeper,
    readonly application: Application,
    readonly identity: OutgoingIdentity,
    /** The request, at the place it is tried at. */
    private readonly search: HopSearch,
    readonly dialog: AppDialog | undefined,
    /** How long the peer may say nothing at all; absent: as long as the transaction lasts. */
    private readonly answerWithinMs?: number,
  ) {}

  /** Made for requests that are answered by more than a status. */
  get #branches(): Branches {
    const { identity: { callId, localTag, cseq }, search } = this;
    return (this.#made ??= new Branches(this.keeper.context, this.application, {
      get request() {
        return search.request;
      },
      callId, localTag, cseq,
    }));
  }

  get request(): RequestText {
    return this.search.request;
  }

  get path(): Path {
    return this.search.path;
  }

  get isInvite(): boolean {
    return this.request.method === 'INVITE';
  }

  /** The dialog that its 2xx made or confirmed. */
  get accepted(): AppDialog | undefined {
    return this.#accepted;
  }

  /** Whether it makes an offer that nothing in the dialog has answered yet. */
  offersIn(dialog: AppDialog): boolean {
    return !this.#done && this.request.body !== '' && this.#made?.hasDescribed(dialog.remoteTag) !== true;
  }

  get cancelling(): boolean {
    return this.#cancel !== undefined;
  }

  /** False when there are too many transactions. */
  send(): boolean {
    this.#sent = this.search.start(this);
    if (this.#sent && !this.#done && this.answerWithinMs !== undefined) {
      this.#silence = this.keeper.context.environment.clock.after(this.answerWithinMs, () => this.#giveUp());
    }
    return this.#sent;
  }

  response(response: SipResponse, path: Path): void {
    this.#silence?.();
    if (response.status < 200) this.#provisional(response, path);
    else if (response.status < 300 && this.isInvite) this.#inviteAccepted(response, path);
    else this.#final(response.status, encodeMessage(response), path, response);
  }

  timedOut(): void {
    this.#fail(408);
  }

  unreachable(): void {
    this.#fail(503);
  }

  /** Cancels the INVITE; undefined when it has a final response already. Sent once a provisional came. */
  cancel(headers: readonly Header[]): RequestText | undefined {
    if (this.#done || !this.isInvite || !this.#sent) return undefined;
    this.search.stop();
    const kept = applicationHeaders(headers, this.path).filter((each) => each.key !== 'contact' && each.key !== 'content-type');
    this.#cancel ??= cancelOf(this.request, kept);
    if (this.search.proceeding) this.#sendCancel();
    return this.#cancel;
  }

  /** Remembers the ACK to the 2xx, to repeat it whenever the 2xx is repeated. */
  acknowledged(text: string, path: Path): void {
    this.#ack = { text: copyOf(text), path };
    this.#wait();
    this.search.settle(ofFurtherBranches);
  }

  /** A request from the peer of a dialog that this one has not confirmed yet, such as an early NOTIFY. */
  adopt(request: SipRequest, path: Path): AppDialog | undefined {
    if (this.request.method !== 'SUBSCRIBE' || request.method !== 'NOTIFY') return undefined;
    return this.#branches.dialogWith(request, path);
  }

  /** The early dialog whose peer awaits the PRACK for that RSeq. */
  awaitingPrack(rseq: number): AppDialog | undefined {
    return this.#made?.awaitingPrack(rseq);
  }

  stop(): void {
    this.#silence?.();
    this.#wait();
  }

  #provisional(response: SipResponse, path: Path): void {
    if (this.#done) return;
    // Timer B has been called off: from now on only this one ends it.
    if (this.isInvite) this.#waitAgain();
    if (response.status === 100) {
      if (this.#cancel !== undefined) this.#sendCancel();
      return;
    }
    let dialog = this.dialog;
    if (this.isInvite && dialog === undefined && response.toTag !== '') dialog = this.#branches.dialogWith(response, path);
    if (this.isInvite) {
      if (!this.#branches.inOrder(response)) return;
      this.#branches.heard(response);
    }
    this.#tell(encodeMessage(response), path, dialog?.id ?? '');
    if (this.#cancel !== undefined) this.#sendCancel();
  }

  #inviteAccepted(response: SipResponse, path: Path): void {
    if (this.#accepted !== undefined) {
      this.#acceptedAgain(response, path);
      return;
    }
    const dialog = this.dialog ?? this.#branches.dialogWith(response, path);
    dialog.confirmed = true;
    dialog.target = contactUri(response) ?? dialog.target;
    if (this.dialog === undefined) {
      dialog.routes = headersOf(response, 'record-route').map(copyOf).reverse();
      if (isReliable(path)) dialog.path = path;
      this.#branches.locate(dialog);
    }
    this.#accepted = dialog;
    const { dialogs, environment } = this.keeper.context;
    this.#branches.settle(dialog);
    dialogs.prefer(dialog);
    this.#finish();
    this.keeper.expectAppAck(this, dialog);
    if (dialog.ended) {
      this.#acceptedTooLate(response, path, dialog);
      return;
    }
    if (this.#givenUp) {
      // It went elsewhere meanwhile: this dialog is nobody's.
      dialogs.remove(dialog);
      this.keeper.acknowledge(this, dialog);
      this.keeper.hangUp(dialog, 'answered too late');
      return;
    }
    this.keeper.sessions.accepted(this.request, response, dialog);
    if (this.application.gone) {
      this.keeper.acknowledge(this, dialog);
      this.keeper.hangUp(dialog, 'application gone');
      return;
    }
    this.#wait = environment.clock.after(64 * environment.timing.t1Ms, () => {
      if (this.#ack !== undefined) return;
      this.application.promptness.forget(this);
      this.keeper.acknowledge(this, dialog);
      this.keeper.hangUp(dialog, 'no ACK from the application');
    });
    // Where the peer made the offer, the ACK answers it, and may wait for somebody else's answer.
    if (this.request.body !== '') this.application.promptness.asked(this);
    const text = encodeMessage(response);
    this.#tell(text, path, dialog.id);
    if (this.dialog === undefined) this.keeper.context.facts.answered('network', 'uac', response.status, text);
  }

  /** A BYE has ended the dialog meanwhile: whoever sent the 2xx needs the ACK all the same (RFC 3261 §13.2.2.4). */
  #acceptedTooLate(response: SipResponse, path: Path, dialog: AppDialog): void {
    // The ACK lets go of what the request was.
    const terminated = encodeMessage(makeResponse(this.request, 487, phraseOf(487), undefined));
    this.keeper.acknowledge(this, dialog);
    if (this.dialog !== undefined) {
      this.#tell(encodeMessage(response), path, dialog.id);
      return;
    }
    // The application said BYE to an early dialog: for it the call never came to be, and the peer must learn that.
    this.keeper.hangUp(dialog, 'ended before the answer');
    this.#tell(terminated, this.path, '');
  }

  /** The 2xx once more, or one of another branch that forking found (RFC 3261 §13.2.2.4). */
  #acceptedAgain(response: SipResponse, path: Path): void {
    if (response.toTag === this.#accepted?.remoteTag) {
      this.#ack?.path.send(this.#ack.text, () => undefined);
      return;
    }
    if (this.dialog !== undefined || !this.#branches.isNew(response.toTag)) return;
    const other = this.#branches.strangerWith(response, path);
    this.keeper.acknowledge(this, other);
    this.keeper.hangUp(other, 'another branch has answered');
  }

  #final(status: number, text: string, path: Path, response: SipResponse | undefined): void {
    if (this.#done) return;
    let { dialog } = this;
    const { dialogs } = this.keeper.context;
    const { method } = this.request;
    if (dialog === undefined && method === 'SUBSCRIBE' && status < 300 && response !== undefined && response.toTag !== '') {
      dialog = this.#branches.dialogWith(response, path);
      dialog.confirmed = true;
      dialog.target = contactUri(response) ?? dialog.target;
      dialogs.prefer(dialog);
      // Nobody knows of it: its NOTIFYs are answered 481, which ends it (RFC 6665 §4.4.1).
      if (this.application.gone) dialogs.remove(dialog);
    }
    this.#made?.settle(dialog);
    this.#finish();
    if (this.dialog !== undefined && response !== undefined && status < 300) this.keeper.sessions.accepted(this.request, response, this.dialog);
    this.#tell(text, path, dialog?.id ?? '');
    if (this.isInvite && this.dialog === undefined && !this.#givenUp) this.keeper.context.facts.answered('network', 'uac', status, text);
    if (this.dialog === undefined || status === 401 || status === 407) return;
    const ended = method === 'BYE' || (this.dialog.method === 'SUBSCRIBE' && this.#endsSubscription(status));
    if (ended) dialogs.remove(this.dialog);
    this.search.settle();
  }

  #endsSubscription(status: number): boolean {
    if (status === 481 || status === 408) return true;
    return this.request.method === 'NOTIFY' && (headerOf(this.request, 'subscription-state') ?? '').startsWith('terminated');
  }

  /** A final response that no peer sent. */
  #fail(status: OwnStatus): void {
    this.#final(status, encodeMessage(makeResponse(this.request, status, phraseOf(status), undefined)), this.path, undefined);
  }

  #sendCancel(): void {
    const cancel = this.#cancel;
    if (cancel === undefined || this.#done || this.#cancelSent) return;
    this.#cancelSent = true;
    this.keeper.context.layer.request(cancel, this.search.branch, this.path, nobody);
    const { clock, timing } = this.keeper.context.environment;
    this.#wait();
    // RFC 3261 §9.1: a peer that never answers the INVITE has let it go.
    this.#wait = clock.after(64 * timing.t1Ms, () => this.#expire(487));
  }

  #cancelSent = false;

  #waitAgain(): void {
    if (this.#cancelSent) return;
    const { clock, timing } = this.keeper.context.environment;
    this.#wait();
    this.#wait = clock.after(timing.ringingMs, () => {
      this.cancel([]);
    });
  }

  #expire(status: OwnStatus): void {
    this.search.abandon();
    this.#fail(status);
  }

  /** Nothing has come: told as a timeout, and cancelled as soon as it can be (RFC 3261 §9.1). */
  #giveUp(): void {
    if (this.#done) return;
    // One that the application has cancelled by now is over for it likewise.
    const status = this.#cancel === undefined ? 408 : 487;
    const text = encodeMessage(makeResponse(this.request, status, phraseOf(status), undefined));
    this.#tell(text, this.path, '');
    this.keeper.context.facts.answered('network', 'uac', status, text);
    this.#givenUp = true;
    this.cancel([]);
  }

  #finish(): void {
    this.#done = true;
    this.#silence?.();
    this.#wait();
    this.keeper.finished(this);
  }

  #tell(text: string, path: Path, dialogId: string): void {
    if (!this.#givenUp) this.application.deliver(metaOf('network', path, this.identity.transactionId, dialogId), text);
  }

  /** What the application is told when the request has gone out. */
  echo(messageId: string): void {
    this.application.echoRequest(messageId, sentMetaOf(this.path, this.identity.transactionId, ''), encodeMessage(this.request));
  }
}
