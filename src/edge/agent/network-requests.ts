/**
 * What peers send in dialogs, to the application that owns each; CANCELs and ACKs to what they belong to.
 *
 * Leaves to  the proxy what has a Route to this edge; new-requests what begins something;
 *            incoming-request the application's answer.
 */
import type { Admission, Verdict } from '../admission/admission.js';
import type { Application } from '../app/application.js';
import { contactUri } from '../dialog/dialog.js';
import { isSenderNatted } from '../dialog/nat.js';
import { isRoutedThrough } from '../dialog/route-set.js';
import { asksTooLittle, MIN_SESSION_SECONDS } from '../dialog/session-timer.js';
import { encodeMessage, header } from '../message/encode-message.js';
import { headerOf, type RequestText, type SipRequest } from '../message/sip-message.js';
import { parseNumber } from '../message/uri.js';
import type { ServerTransaction } from '../transaction/server-transaction.js';
import { isReliable, type Path } from '../transport/path.js';
import { retrySoon, type Calls } from './calls.js';
import { metaOf, type AppDialog } from './context.js';
import { IncomingRequest } from './incoming-request.js';

/** Requests in a dialog that may move the peer's target (RFC 3261 §12.2, RFC 3311, RFC 6665). */
const refreshing = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY']);

/** Requests that make sense only inside a dialog. */
const insideOnly = new Set(['BYE', 'UPDATE', 'PRACK']);

export class NetworkRequests {
  droppedSources = 0;

  constructor(
    private readonly calls: Calls,
    /** Whether a source may begin something. */
    private readonly heard: (address: string) => boolean,
    private readonly admission: Admission,
    /** Takes a request outside any dialog. */
    private readonly fresh: (transaction: ServerTransaction) => void,
  ) {}

  /** Judges a new request; one that ends something, or goes on with it, is let in always. */
  admits(request: RequestText | SipRequest, path: Path): Verdict {
    if (!this.hears(request, path)) return 'ignored';
    if ('toTag' in request && (request.toTag !== '' || request.method === 'CANCEL')) return 'admitted';
    return this.admission.judge(request.method, path.address);
  }

  hears(request: RequestText | SipRequest, path: Path): boolean {
    if (this.heard(path.address)) return true;
    if ('callId' in request && request.toTag !== '' && (this.#dialogOf(request) !== undefined || this.isForOthers(request))) return true;
    this.droppedSources += 1;
    return false;
  }

  /** Whether the route leads through this edge, and the dialog is none of its own: it only runs through. */
  isForOthers(request: SipRequest): boolean {
    const { hub } = this.calls.context;
    return isRoutedThrough(request, (uri) => hub.isOwnUri(uri)) && this.#dialogOf(request) === undefined;
  }

  /** A new request that is not for the proxy. */
  request(transaction: ServerTransaction): void {
    const { request } = transaction;
    const dialog = request.toTag === '' ? undefined : this.#dialogOf(request);
    if (dialog !== undefined) this.#inside(transaction, dialog);
    else if (request.toTag !== '' || insideOnly.has(request.method)) this.#unknown(transaction);
    else this.fresh(transaction);
  }

  ack(ack: SipRequest): void {
    const dialog = this.#dialogOf(ack);
    if (dialog !== undefined) this.calls.awaitingAck(dialog, ack.cseq.number)?.acknowledged(ack);
  }

  cancel(transaction: ServerTransaction, invite: ServerTransaction | undefined): void {
    const { layer, dialogs } = this.calls.context;
    const incoming = invite === undefined ? undefined : this.calls.incomingOf(invite);
    if (incoming !== undefined) {
      layer.answer(transaction, 200, incoming.tag);
      incoming.cancelled(transaction.request);
      return;
    }
    if (invite === undefined || invite.ended) {
      layer.answer(transaction, 481);
      return;
    }
    if (!invite.accepted) {
      // Already refused: the CANCEL has nothing left to do (RFC 3261 §9.2).
      layer.answer(transaction, 200);
      return;
    }
    layer.answer(transaction, 481);
    const { request } = invite;
    for (const dialog of dialogs.ofCall(request.callId)) {
      const waiting = dialog.remoteTag === request.fromTag ? this.calls.awaitingAck(dialog, request.cseq.number) : undefined;
      if (waiting === undefined) continue;
      waiting.stop();
      this.calls.ackOver(waiting, dialog);
      this.calls.hangUp(dialog, 'CANCEL after 200 OK');
    }
  }

  #dialogOf(request: SipRequest): AppDialog | undefined {
    const { dialogs } = this.calls.context;
    return dialogs.find(request.callId, request.toTag, request.fromTag);
  }

  /** A To tag that no dialog has: a NOTIFY may be early (RFC 6665 §4.4.1), all others are lost. */
  #unknown(transaction: ServerTransaction): void {
    const { layer, dialogs } = this.calls.context;
    const { request } = transaction;
    const dialog = dialogs.full ? undefined : this.calls.forming(request.callId, request.toTag)?.adopt(request, transaction.path);
    if (dialog !== undefined) {
      this.#inside(transaction, dialog);
      return;
    }
    if (request.method === 'INVITE') layer.answer(transaction, 100);
    layer.answer(transaction, 481);
  }

  #inside(transaction: ServerTransaction, dialog: AppDialog): void {
    const { layer, dialogs } = this.calls.context;
    const { request } = transaction;
    // RFC 3261 §12.2.2: what is older than the last request came out of order.
    if (dialog.remoteSeq !== undefined && request.cseq.number <= dialog.remoteSeq) {
      layer.answer(transaction, 500);
      return;
    }
    dialog.remoteSeq = request.cseq.number;
    if (dialog.owner.gone) {
      this.#orphaned(transaction, dialog);
      return;
    }
    if (isReliable(transaction.path)) dialog.path = transaction.path;
    switch (request.method) {
      case 'INVITE':
        if (!this.#mayReinvite(transaction, dialog)) return;
        break;
      case 'UPDATE':
        if (!this.#mayUpdate(transaction, dialog)) return;
        break;
      case 'PRACK':
        if (!this.#pracked(request, dialog)) {
          layer.answer(transaction, 481);
          return;
        }
        break;
      case 'BYE':
        // The application still answers it, but nothing else happens in the dialog any more.
        for (const incoming of this.calls.incomingIn(dialog)) incoming.giveUp(487);
        dialogs.remove(dialog);
        break;
      default:
    }
    if (refreshing.has(request.method)) this.#moveTarget(dialog, request, transaction.path);
    this.give(transaction, dialog.owner, dialog);
    if (request.method === 'BYE' && dialog.method === 'INVITE') this.calls.context.facts.ended('network', 'normal-release', request);
    if (dialog.method === 'SUBSCRIBE' && request.method === 'NOTIFY' && (headerOf(request, 'subscription-state') ?? '').startsWith('terminated')) {
      dialogs.remove(dialog);
    }
  }

  #moveTarget(dialog: AppDialog, request: SipRequest, path: Path): void {
    const target = contactUri(request);
    if (target === undefined) return;
    dialog.target = target;
    if (dialog.routes.length > 0 || path.protocol !== 'udp' || !this.calls.context.natDetection) return;
    dialog.natted = isSenderNatted(request, path);
    if (dialog.natted) dialog.path = path;
  }

  /** A request for an application that is gone and may come back: a BYE stands, all else has to be sent again. */
  #orphaned(transaction: ServerTransaction, dialog: AppDialog): void {
    const { layer, dialogs, facts } = this.calls.context;
    const { request, path } = transaction;
    if (request.method !== 'BYE') {
      layer.answer(transaction, 503, undefined, retrySoon);
      return;
    }
    layer.answer(transaction, 200);
    dialogs.remove(dialog);
    this.calls.tellOwner(dialog, metaOf('application', path, 'unsolicited', dialog.id), encodeMessage(request));
    if (dialog.method === 'INVITE') facts.ended('network', 'normal-release', request);
    transaction.settle();
  }

  /** RFC 3261 §14.2: one INVITE at a time in a dialog. */
  #mayReinvite(transaction: ServerTransaction, dialog: AppDialog): boolean {
    const { layer } = this.calls.context;
    layer.answer(transaction, 100);
    if (headerOf(transaction.request, 'contact') === undefined) {
      layer.answer(transaction, 400);
      return false;
    }
    if (this.calls.oursPending(dialog) || (transaction.request.body !== '' && this.calls.openOffer(dialog) === 'ours')) {
      layer.answer(transaction, 491);
      return false;
    }
    return this.#isLongEnough(transaction) && this.#isAlone(transaction, dialog);
  }

  /** RFC 3311 §5.2: one UPDATE at a time, and one offer. */
  #mayUpdate(transaction: ServerTransaction, dialog: AppDialog): boolean {
    const open = transaction.request.body === '' ? 'none' : this.calls.openOffer(dialog);
    if (open === 'ours') {
      this.calls.context.layer.answer(transaction, 491);
      return false;
    }
    if (open === 'theirs') {
      this.#comeLater(transaction);
      return false;
    }
    return this.#isLongEnough(transaction) && this.#isAlone(transaction, dialog);
  }

  /** RFC 4028 §6: a session may not be shorter than the shortest. */
  #isLongEnough(transaction: ServerTransaction): boolean {
    if (!asksTooLittle(transaction.request)) return true;
    this.calls.context.layer.answer(transaction, 422, undefined, [header('Min-SE', `${MIN_SESSION_SECONDS}`)]);
    return false;
  }

  /** Whether the peer has no unanswered request of that method in the dialog. */
  #isAlone(transaction: ServerTransaction, dialog: AppDialog): boolean {
    const { method } = transaction.request;
    if (!this.calls.incomingIn(dialog).some((incoming) => incoming.request.method === method)) return true;
    this.#comeLater(transaction);
    return false;
  }

  #comeLater(transaction: ServerTransaction): void {
    const { layer, ids } = this.calls.context;
    layer.answer(transaction, 500, undefined, [header('Retry-After', `${Math.floor(ids.chance() * 11)}`)]);
  }

  #pracked(request: SipRequest, dialog: AppDialog): boolean {
    // RAck is `response number, CSeq number, method` (RFC 3262 §7.2), and all three must fit.
    const [number = '', cseq = '', method] = (headerOf(request, 'rack') ?? '').trim().split(/[ \t]+/u);
    const rseq = parseNumber(number, 0xffff_ffff);
    const invited = parseNumber(cseq, 0xffff_ffff);
    if (rseq === undefined || method !== 'INVITE') return false;
    return this.calls.incomingIn(dialog).some((incoming) => incoming.isInvite && incoming.request.cseq.number === invited && incoming.pracked(rseq));
  }

  /** Hands a request to an application. */
  give(transaction: ServerTransaction, application: Application, dialog: AppDialog | undefined): void {
    const incoming = new IncomingRequest(this.calls, transaction, application, dialog);
    this.calls.addIncoming(incoming);
    incoming.deliver();
  }
}
