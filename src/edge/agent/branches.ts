/**
 * The peers that answer one request of ours: more than one when it was forked on its way, told apart
 * by their To tags (RFC 3261 §13.2.2.4, RFC 6665 §4.4.1).
 *
 * Owns       the early dialogs, and what is counted for each peer.
 * Leaves to  outgoing-request what becomes of the request.
 *
 * Invariant 1: at most `MAX_BRANCHES` are followed, more than any real forking makes.
 */
import type { Application } from '../app/application.js';
import { dialogOfClient } from '../dialog/dialog.js';
import { isAnswererNatted } from '../dialog/nat.js';
import { hasOption, headerOf, type RequestText, type SipRequest, type SipResponse } from '../message/sip-message.js';
import { parseNumber } from '../message/uri.js';
import type { Path } from '../transport/path.js';
import type { AgentContext, AppDialog } from './context.js';

const MAX_BRANCHES = 32;

export interface Origin {
  readonly request: RequestText;
  readonly callId: string;
  readonly localTag: string;
  readonly cseq: number;
}

/** What is known of one peer. */
interface Peer {
  dialog: AppDialog | undefined;
  /** Its last RSeq: each peer counts for itself (RFC 3262 §4). */
  rseq: number | undefined;
  /** The same, until its PRACK has been sent: a peer sends one at a time (RFC 3262 §3). */
  owed: number | undefined;
  /** Whether it has sent a session description. */
  described: boolean;
  /** Whether its 2xx has been seen to. */
  answered: boolean;
}

export class Branches {
  readonly #peers = new Map<string, Peer>();

  constructor(private readonly context: AgentContext, private readonly application: Application, private readonly origin: Origin) {}

  /** The dialog with whoever sent a message, made when there is none yet. */
  dialogWith(message: SipResponse | SipRequest, path: Path): AppDialog {
    const peer = this.#peer(message.kind === 'response' ? message.toTag : message.fromTag);
    if (peer?.dialog !== undefined) return peer.dialog;
    const dialog = this.strangerWith(message, path);
    if (peer !== undefined) {
      peer.dialog = dialog;
      // A dialog is for somebody: none is kept for an application that has gone.
      if (!this.application.gone) this.context.dialogs.add(dialog);
    }
    return dialog;
  }

  /** The same, to be kept by nobody: for one that is only to be acknowledged and ended. */
  strangerWith(message: SipResponse | SipRequest, path: Path): AppDialog {
    const { request, callId, localTag, cseq } = this.origin;
    const dialog = dialogOfClient(request, callId, localTag, cseq, message, path, this.application);
    if (message.kind === 'response') this.locate(dialog);
    return dialog;
  }

  /** Finds out whether a peer is where its Contact says; again when the route has changed. */
  locate(dialog: AppDialog): void {
    dialog.natted = this.context.natDetection && isAnswererNatted(dialog.target, dialog.routes, dialog.path);
  }

  /** Ends every early dialog but the one that was confirmed. */
  settle(confirmed: AppDialog | undefined): void {
    for (const peer of this.#peers.values()) {
      if (peer.dialog !== undefined && peer.dialog !== confirmed) this.context.dialogs.remove(peer.dialog);
      peer.dialog = undefined;
    }
  }

  /**
   * Whether a reliable provisional is next in its peer's order. One that is repeated is the application's
   * already; one after a gap must not be processed (RFC 3262 §4). What is not reliable has no order.
   */
  inOrder(response: SipResponse): boolean {
    if (!hasOption(response, 'require', '100rel')) return true;
    const rseq = parseNumber(headerOf(response, 'rseq') ?? '', 0xffff_ffff);
    if (rseq === undefined) return true;
    const peer = this.#peer(response.toTag);
    if (peer === undefined || (peer.rseq !== undefined && rseq !== peer.rseq + 1)) return false;
    peer.rseq = rseq;
    peer.owed = rseq;
    return true;
  }

  /** The dialog with the peer that awaits the PRACK for that RSeq, which is on its way from now on: an id names all of them. */
  awaitingPrack(rseq: number): AppDialog | undefined {
    for (const peer of this.#peers.values()) {
      if (peer.owed !== rseq) continue;
      peer.owed = undefined;
      return peer.dialog;
    }
    return undefined;
  }

  /** Notes whether a peer has described its session; early media counts as an answer. */
  heard(response: SipResponse): void {
    const peer = response.body === '' ? undefined : this.#peer(response.toTag);
    if (peer !== undefined) peer.described = true;
  }

  hasDescribed(tag: string): boolean {
    return this.#peers.get(tag)?.described === true;
  }

  /** Whether a 2xx of one more branch comes for the first time; false also when there are too many. */
  isNew(tag: string): boolean {
    const peer = this.#peer(tag);
    if (peer === undefined || peer.answered) return false;
    peer.answered = true;
    return true;
  }

  #peer(tag: string): Peer | undefined {
    const known = this.#peers.get(tag);
    if (known !== undefined || this.#peers.size >= MAX_BRANCHES) return known;
    const peer: Peer = { dialog: undefined, rseq: undefined, owed: undefined, described: false, answered: false };
    this.#peers.set(tag, peer);
    return peer;
  }
}
