/**
 * The register of everything under way for applications, and the requests the edge makes in its
 * own name: the ACK and the BYE for calls that nobody else ends.
 *
 * Owns       the indexes by transaction id, by dialog and by awaited ACK.
 * Leaves to  incoming-request and outgoing-request their own lives.
 */
import type { Application, Meta } from '../app/application.js';
import { encodeMessage, header } from '../message/encode-message.js';
import type { Header } from '../message/sip-message.js';
import type { ClientUser } from '../transaction/client-transaction.js';
import { metaOf, sentMetaOf, type AgentContext, type AppDialog } from './context.js';
import { pathInDialog, requestInDialog } from './in-dialog.js';
import type { IncomingKeeper, IncomingRequest } from './incoming-request.js';
import { Orphans, type Report } from './orphans.js';
import type { OutgoingKeeper, OutgoingRequest } from './outgoing-request.js';
import { Sessions, type SessionKeeper } from './sessions.js';

const nobody: ClientUser = { response: () => undefined, timedOut: () => undefined, unreachable: () => undefined };

/** Long enough for an application to connect again; a 503 in a dialog ends only its transaction (RFC 5057 §5.1). */
export const retrySoon: readonly Header[] = [header('Retry-After', '5')];

const ackKey = (dialog: AppDialog, cseq: number): string => `${dialog.callId} ${dialog.localTag} ${dialog.remoteTag} ${cseq}`;

/** Headers of an INVITE that its ACK repeats (RFC 3261 §13.2.2.4). */
const credentials = new Set(['authorization', 'proxy-authorization']);

export class Calls implements IncomingKeeper, OutgoingKeeper, SessionKeeper {
  readonly sessions = new Sessions(this);
  readonly #incoming = new Map<string, IncomingRequest>();
  readonly #outgoing = new Map<string, OutgoingRequest>();
  /** The same, by the transaction of the peer and by Call-ID. */
  readonly #byTransaction = new Map<unknown, IncomingRequest>();
  readonly #byCallId = new Map<string, Set<IncomingRequest>>();
  readonly #awaitingAck = new Map<string, IncomingRequest>();
  /** The latest accepted INVITE of a dialog, whose ACK the application sends. */
  readonly #accepted = new WeakMap<AppDialog, OutgoingRequest>();
  /** Accepted INVITEs that nobody has acknowledged yet. */
  readonly #unacknowledged = new Set<OutgoingRequest>();
  readonly #reinvites = new Map<AppDialog, OutgoingRequest>();
  readonly #updates = new Map<AppDialog, OutgoingRequest>();
  /** Unfinished INVITEs and SUBSCRIBEs of ours, by the dialog id they may get. */
  readonly #forming = new Map<string, OutgoingRequest>();
  readonly #orphans: Orphans;
  #closed = false;

  constructor(readonly context: AgentContext) {
    this.#orphans = new Orphans(context, (dialog) => {
      if (dialog.method === 'INVITE') this.hangUp(dialog, 'application gone');
      // A subscription has no BYE: its peer's next request is answered 481 (RFC 6665 §4.4.1).
      else context.dialogs.remove(dialog);
    });
  }

  /** Entries of all registers: 0 when nothing is under way. */
  get size(): number {
    return [
      this.#incoming, this.#outgoing, this.#byTransaction, this.#byCallId, this.#awaitingAck, this.#unacknowledged, this.#reinvites, this.#updates, this.#forming,
    ].reduce((sum, register) => sum + register.size, this.sessions.awaited);
  }

  addIncoming(incoming: IncomingRequest): void {
    this.#incoming.set(incoming.transactionId, incoming);
    this.#byTransaction.set(incoming.transaction, incoming);
    const { callId } = incoming.request;
    const siblings = this.#byCallId.get(callId);
    if (siblings === undefined) this.#byCallId.set(callId, new Set([incoming]));
    else siblings.add(incoming);
  }

  incoming(transactionId: string, application: Application): IncomingRequest | undefined {
    const found = this.#incoming.get(transactionId);
    return found?.application === application ? found : undefined;
  }

  incomingOf(transaction: unknown): IncomingRequest | undefined {
    return this.#byTransaction.get(transaction);
  }

  /** The unanswered requests of a dialog. */
  incomingIn(dialog: AppDialog): IncomingRequest[] {
    return [...(this.#byCallId.get(dialog.callId) ?? [])].filter((incoming) => incoming.dialog === dialog);
  }

  addOutgoing(outgoing: OutgoingRequest): void {
    this.#outgoing.set(outgoing.identity.transactionId, outgoing);
    if (outgoing.dialog === undefined) this.#forming.set(`${outgoing.identity.callId} ${outgoing.identity.localTag}`, outgoing);
    else if (outgoing.isInvite) this.#reinvites.set(outgoing.dialog, outgoing);
    else if (outgoing.request.method === 'UPDATE') this.#updates.set(outgoing.dialog, outgoing);
  }

  outgoing(transactionId: string, application: Application): OutgoingRequest | undefined {
    const found = this.#outgoing.get(transactionId);
    return found?.application === application ? found : undefined;
  }

  /** The request of ours that a message from a peer may belong to before there is a dialog. */
  forming(callId: string, localTag: string): OutgoingRequest | undefined {
    return this.#forming.get(`${callId} ${localTag}`);
  }

  /** Our unanswered INVITE in a dialog. */
  pendingInvite(dialog: AppDialog): OutgoingRequest | undefined {
    return this.#reinvites.get(dialog);
  }

  /** Whether an INVITE of ours, the application's or the edge's own, is under way in a dialog. */
  oursPending(dialog: AppDialog): boolean {
    return this.#reinvites.has(dialog) || this.sessions.refreshing(dialog);
  }

  inviting(dialog: AppDialog): boolean {
    return this.oursPending(dialog) || this.incomingIn(dialog).some((incoming) => incoming.isInvite);
  }

  /** Who has made an offer in a dialog that is not answered (RFC 3311 §5.2). */
  openOffer(dialog: AppDialog): 'ours' | 'theirs' | 'none' {
    const ours = [this.#reinvites.get(dialog), this.#updates.get(dialog), this.forming(dialog.callId, dialog.localTag)];
    if (this.sessions.refreshing(dialog) || ours.some((outgoing) => outgoing?.offersIn(dialog))) return 'ours';
    for (const incoming of this.incomingIn(dialog)) if (incoming.openOffer !== 'none') return incoming.openOffer;
    return 'none';
  }

  acceptedIn(dialog: AppDialog): OutgoingRequest | undefined {
    return this.#accepted.get(dialog);
  }

  awaitingAck(dialog: AppDialog, cseq: number): IncomingRequest | undefined {
    return this.#awaitingAck.get(ackKey(dialog, cseq));
  }

  answered(incoming: IncomingRequest): void {
    this.#incoming.delete(incoming.transactionId);
    this.#byTransaction.delete(incoming.transaction);
    const siblings = this.#byCallId.get(incoming.request.callId);
    siblings?.delete(incoming);
    if (siblings?.size === 0) this.#byCallId.delete(incoming.request.callId);
  }

  expectAck(incoming: IncomingRequest, dialog: AppDialog): void {
    this.#awaitingAck.set(ackKey(dialog, incoming.request.cseq.number), incoming);
  }

  ackOver(incoming: IncomingRequest, dialog: AppDialog): void {
    this.#awaitingAck.delete(ackKey(dialog, incoming.request.cseq.number));
  }

  finished(outgoing: OutgoingRequest): void {
    this.#outgoing.delete(outgoing.identity.transactionId);
    const key = `${outgoing.identity.callId} ${outgoing.identity.localTag}`;
    if (this.#forming.get(key) === outgoing) this.#forming.delete(key);
    if (outgoing.dialog === undefined) return;
    for (const pending of [this.#reinvites, this.#updates]) if (pending.get(outgoing.dialog) === outgoing) pending.delete(outgoing.dialog);
  }

  expectAppAck(outgoing: OutgoingRequest, dialog: AppDialog): void {
    this.#accepted.set(dialog, outgoing);
    this.#unacknowledged.add(outgoing);
  }

  /** Sends an ACK to a 2xx; `extra` and `body` are the application's. Calls back with what was sent. */
  ack(
    outgoing: OutgoingRequest, dialog: AppDialog, extra: readonly Header[], body: string,
    done: (sent: { text: string; path: OutgoingRequest['path'] } | undefined) => void,
  ): void {
    const { context } = this;
    pathInDialog(context, dialog, (path) => {
      if (typeof path === 'string') {
        done(undefined);
        return;
      }
      const repeated = outgoing.request.headers.filter((each) => credentials.has(each.key));
      const ack = requestInDialog(
        context, dialog, { method: 'ACK', headers: [...repeated, ...extra], body }, outgoing.identity.cseq, context.ids.branch(), path,
      );
      if (typeof ack === 'string') {
        done(undefined);
        return;
      }
      const text = encodeMessage(ack);
      this.sessions.said(dialog, ack);
      // Forking may find further dialogs, which are acknowledged and ended beside the one that stands.
      if (outgoing.accepted === dialog) {
        outgoing.acknowledged(text, path);
        this.#unacknowledged.delete(outgoing);
      }
      path.send(text, () => undefined);
      done({ text, path });
    });
  }

  acknowledge(outgoing: OutgoingRequest, dialog: AppDialog): void {
    // Even if there is no way to send the ACK: nobody else will.
    if (outgoing.accepted === dialog) this.#unacknowledged.delete(outgoing);
    this.ack(outgoing, dialog, [], '', () => undefined);
  }

  hangUp(dialog: AppDialog, reason: string): void {
    const { context } = this;
    // Another branch's answer has the id of the dialog that stands: the application knows nothing of it.
    const wasKnown = context.dialogs.find(dialog.callId, dialog.localTag, dialog.remoteTag) === dialog;
    context.dialogs.remove(dialog);
    pathInDialog(context, dialog, (path) => {
      if (typeof path === 'string') return;
      const branch = context.ids.branch();
      dialog.localSeq += 1;
      const why = header('Reason', `SIP ;cause=200 ;text="${reason}"`);
      const bye = requestInDialog(context, dialog, { method: 'BYE', headers: [why], body: '' }, dialog.localSeq, branch, path);
      if (typeof bye === 'string') return;
      context.layer.request(bye, branch, path, nobody);
      if (!wasKnown) return;
      this.tellOwner(dialog, sentMetaOf(path, 'unsolicited', dialog.id), encodeMessage(bye));
      if (dialog.method === 'INVITE') context.facts.ended('application', reason.startsWith('Session') ? 'session-expired' : 'system-initiated-termination', bye);
    });
  }

  /** Tells a dialog's application what it did not ask for, now or when it comes back. */
  tellOwner(dialog: AppDialog, meta: Meta, text: string): void {
    if (dialog.owner.gone) this.#orphans.report(dialog.owner, meta, text);
    else dialog.owner.deliver(meta, text);
  }

  /**
   * An application is gone: its unanswered calls are answered, its own are cancelled or ended, its
   * dialogs wait for its return.
   */
  release(application: Application): void {
    if (this.#closed) return;
    const ending = new Set<AppDialog>();
    const reports: Report[] = [];
    for (const outgoing of [...this.#outgoing.values()]) {
      if (outgoing.application !== application) continue;
      if (outgoing.request.method === 'BYE' && outgoing.dialog !== undefined) ending.add(outgoing.dialog);
      outgoing.cancel([]);
    }
    for (const incoming of [...this.#incoming.values()]) {
      if (incoming.application !== application) continue;
      const { request, dialog, transaction } = incoming;
      if (request.method === 'BYE' && dialog !== undefined) {
        incoming.giveUp(200);
        reports.push({ meta: metaOf('application', transaction.path, 'unsolicited', dialog.id), text: encodeMessage(request) });
      } else incoming.giveUp(503, retrySoon);
    }
    const unsettled = [...this.#unacknowledged].filter((outgoing) => outgoing.application === application);
    for (const outgoing of unsettled) if (outgoing.accepted !== undefined) this.acknowledge(outgoing, outgoing.accepted);
    this.#orphans.keep(application, ending, reports);
    for (const { accepted, dialog, request } of unsettled) {
      // It knows no such dialog yet, or it owed the answer to the offer of the 2xx.
      if (accepted?.ended === false && (dialog === undefined || request.body === '')) this.hangUp(accepted, 'application gone');
    }
  }

  /** An application has authenticated: it may be one that was lost. */
  adopt(application: Application): void {
    this.#orphans.adopt(application);
  }

  close(): void {
    this.#closed = true;
    this.#orphans.close();
    this.sessions.close();
    for (const incoming of [...this.#incoming.values(), ...this.#awaitingAck.values()]) incoming.stop();
    for (const outgoing of [...this.#outgoing.values(), ...this.#unacknowledged]) outgoing.stop();
  }
}
