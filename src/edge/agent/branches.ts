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

export class Branches {
  readonly #early = new Map<string, AppDialog>();
  /** The last RSeq of each peer: each counts for itself (RFC 3262 §4). */
  readonly #lastRseq = new Map<string, number>();
  /** Peers that have sent a session description. */
  readonly #describing = new Set<string>();
  readonly #refused = new Set<string>();

  constructor(private readonly context: AgentContext, private readonly application: Application, private readonly origin: Origin) {}

  /** The dialog with whoever sent a message, made when there is none yet. */
  dialogWith(peer: SipResponse | SipRequest, path: Path): AppDialog {
    const tag = peer.kind === 'response' ? peer.toTag : peer.fromTag;
    const known = this.#early.get(tag);
    if (known !== undefined) return known;
    const dialog = this.strangerWith(peer, path);
    if (this.#early.size < MAX_BRANCHES) {
      this.#early.set(tag, dialog);
      this.context.dialogs.add(dialog);
    }
    return dialog;
  }

  /** The same, to be kept by nobody: for one that is only to be acknowledged and ended. */
  strangerWith(peer: SipResponse | SipRequest, path: Path): AppDialog {
    const { request, callId, localTag, cseq } = this.origin;
    const dialog = dialogOfClient(request, callId, localTag, cseq, peer, path, this.application);
    if (peer.kind === 'response') this.locate(dialog);
    return dialog;
  }

  /** Finds out whether a peer is where its Contact says; again when the route has changed. */
  locate(dialog: AppDialog): void {
    dialog.natted = this.context.natDetection && isAnswererNatted(dialog.target, dialog.routes, dialog.path);
  }

  /** Ends every early dialog but the one that was confirmed. */
  settle(confirmed: AppDialog | undefined): void {
    for (const early of this.#early.values()) if (early !== confirmed) this.context.dialogs.remove(early);
    this.#early.clear();
  }

  /**
   * Whether a reliable provisional is next in its peer's order. One that is repeated is the application's
   * already; one after a gap must not be processed (RFC 3262 §4). What is not reliable has no order.
   */
  inOrder(response: SipResponse): boolean {
    if (!hasOption(response, 'require', '100rel')) return true;
    const rseq = parseNumber(headerOf(response, 'rseq') ?? '', 0xffff_ffff);
    if (rseq === undefined) return true;
    const last = this.#lastRseq.get(response.toTag);
    if (last === undefined ? this.#lastRseq.size >= MAX_BRANCHES : rseq !== last + 1) return false;
    this.#lastRseq.set(response.toTag, rseq);
    return true;
  }

  /** Notes whether a peer has described its session; early media counts as an answer. */
  heard(response: SipResponse): void {
    if (response.body !== '' && this.#describing.size < MAX_BRANCHES) this.#describing.add(response.toTag);
  }

  hasDescribed(tag: string): boolean {
    return this.#describing.has(tag);
  }

  /** Whether a 2xx of one more branch comes for the first time; false also when there are too many. */
  isNew(tag: string): boolean {
    if (this.#refused.has(tag) || this.#refused.size >= MAX_BRANCHES) return false;
    this.#refused.add(tag);
    return true;
  }
}
