/**
 * The re-INVITE with which the edge itself refreshes a session (RFC 4028 §7.4): it repeats the last
 * session description of ours, and its 2xx is acknowledged here; the application hears nothing of it.
 *
 * Leaves to  sessions when to refresh, and what an answer means.
 */
import { contactUri } from '../dialog/dialog.js';
import { MIN_SESSION_SECONDS } from '../dialog/session-timer.js';
import { encodeMessage, header } from '../message/encode-message.js';
import type { RequestText, SipResponse } from '../message/sip-message.js';
import { cancelOf, type ClientTransaction, type ClientUser } from '../transaction/client-transaction.js';
import type { CancelTimer } from '../timing.js';
import type { Path } from '../transport/path.js';
import type { AgentContext, AppDialog } from './context.js';
import { pathInDialog, requestInDialog } from './in-dialog.js';

const nobody: ClientUser = { response: () => undefined, timedOut: () => undefined, unreachable: () => undefined };

interface Sent {
  readonly invite: RequestText;
  readonly branch: string;
  readonly path: Path;
  readonly transaction: ClientTransaction;
}

export class RefreshRequest implements ClientUser {
  #cseq = 0;
  #sent: Sent | undefined;
  /** Runs from the first provisional on, when the transaction waits for nothing any more. */
  #wait: CancelTimer | undefined;
  #answered = false;
  #ack: { readonly text: string; readonly path: Path } | undefined;

  constructor(
    private readonly context: AgentContext,
    private readonly dialog: AppDialog,
    private readonly minSeconds: number,
    /** Called once, with the final response, or with nothing when none came or nothing could be sent. */
    private readonly done: (response: SipResponse | undefined) => void,
  ) {}

  send(seconds: number): void {
    const { context, dialog } = this;
    pathInDialog(context, dialog, (path) => {
      if (dialog.ended || typeof path === 'string') {
        this.#finish(undefined);
        return;
      }
      const branch = context.ids.branch();
      this.#cseq = dialog.localSeq += 1;
      const { offered } = dialog;
      const headers = [
        header('Session-Expires', `${seconds};refresher=uac`),
        header('Min-SE', `${Math.max(this.minSeconds, MIN_SESSION_SECONDS)}`),
        header('Supported', 'timer'),
        ...(offered === undefined ? [] : [header('Content-Type', offered.type)]),
      ];
      const invite = requestInDialog(context, dialog, { method: 'INVITE', headers, body: offered?.body ?? '' }, this.#cseq, branch, path);
      const transaction = typeof invite === 'string' ? undefined : context.layer.request(invite, branch, path, this);
      if (typeof invite === 'string' || transaction === undefined) this.#finish(undefined);
      else this.#sent = { invite, branch, path, transaction };
    });
  }

  stop(): void {
    this.#wait?.();
  }

  response(response: SipResponse): void {
    if (response.status < 200) {
      // Nobody is rung for a refresh: who is there answers it at once.
      this.#wait ??= this.#after64T1(() => this.#cancel());
      return;
    }
    if (response.status < 300) this.#acknowledge(response);
    this.#finish(response);
  }

  timedOut(): void {
    this.#finish(undefined);
  }

  unreachable(): void {
    this.#finish(undefined);
  }

  /** RFC 3261 §9.1: what does not answer the CANCEL either is given up. */
  #cancel(): void {
    if (this.#sent === undefined) return;
    const { invite, branch, path, transaction } = this.#sent;
    this.context.layer.request(cancelOf(invite, []), branch, path, nobody);
    this.#wait = this.#after64T1(() => {
      transaction.abandon();
      this.#finish(undefined);
    });
  }

  #after64T1(run: () => void): CancelTimer {
    const { clock, timing } = this.context.environment;
    return clock.after(64 * timing.t1Ms, run);
  }

  #finish(response: SipResponse | undefined): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#wait?.();
    this.done(response);
  }

  /** The ACK to the 2xx; the same again whenever the 2xx comes again (RFC 3261 §13.2.2.4). */
  #acknowledge(response: SipResponse): void {
    const { context, dialog } = this;
    if (this.#ack !== undefined) {
      this.#ack.path.send(this.#ack.text, () => undefined);
      return;
    }
    dialog.target = contactUri(response) ?? dialog.target;
    pathInDialog(context, dialog, (path) => {
      if (typeof path === 'string') return;
      const ack = requestInDialog(context, dialog, { method: 'ACK', headers: [], body: '' }, this.#cseq, context.ids.branch(), path);
      if (typeof ack === 'string') return;
      this.#ack = { text: encodeMessage(ack), path };
      path.send(this.#ack.text, () => undefined);
    });
  }
}
