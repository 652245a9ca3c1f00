/**
 * One target of a proxied request: its client transaction, its timers, its CANCEL.
 *
 * Owns       the transaction, timer C, and the timeouts the application asked for.
 * Leaves to  the session which responses go back, and which target comes next.
 */
import type { Header, RequestText, SipResponse } from '../message/sip-message.js';
import { cancelOf, type ClientUser } from '../transaction/client-transaction.js';
import type { HopSearch } from '../transaction/hop-search.js';
import type { CancelTimer } from '../timing.js';
import type { Path } from '../transport/path.js';
import type { ProxyContext } from './proxy-context.js';

export interface BranchUser {
  /** A provisional above 100, a final, or a 2xx again. */
  branchResponse(branch: ProxyBranch, response: SipResponse, path: Path): void;
  /** It has ended without a response: nothing came, or nothing could be sent. */
  branchFailed(branch: ProxyBranch): void;
  /** It said nothing in the time the application gave it; it may still answer. */
  branchSilent(branch: ProxyBranch): void;
}

const nobody: ClientUser = { response: () => undefined, timedOut: () => undefined, unreachable: () => undefined };

export class ProxyBranch implements ClientUser {
  #cancelWanted = false;
  /** Why, in the words of whoever wanted it (RFC 3326). */
  #reason: readonly Header[] = [];
  #cancelSent = false;
  #heard = false;
  #ended = false;
  #settled = false;
  /** By when it has to answer finally, and to be gone once it is cancelled. */
  #deadline: CancelTimer | undefined;
  /** By when it has to say anything at all. */
  #silence: CancelTimer | undefined;
  #timerC: CancelTimer | undefined;

  constructor(
    private readonly context: Pick<ProxyContext, 'environment' | 'layer' | 'running'>,
    private readonly user: BranchUser,
    /** The request, at the place of the target it is tried at. */
    private readonly search: HopSearch,
  ) {}

  /** As it was forwarded; undefined after `settle`. */
  get request(): RequestText | undefined {
    return this.#settled ? undefined : this.search.request;
  }

  /** Whether a final response, or the end without one, is still to come. */
  get pending(): boolean {
    return !this.#ended;
  }

  /** False when there are too many transactions. */
  send(provisionalMs: number | undefined, finalMs: number | undefined): boolean {
    if (!this.search.start(this)) return false;
    this.context.running.add(this);
    const { clock } = this.context.environment;
    if (provisionalMs !== undefined) {
      this.#silence = clock.after(provisionalMs, () => {
        if (!this.#heard) this.#giveUp();
      });
    }
    if (finalMs !== undefined) this.#deadline = clock.after(finalMs, () => this.#giveUp());
    this.#armTimerC();
    return true;
  }

  /** It was answered and forwarded: what is repeated of it now only passes through. */
  settle(): void {
    this.#settled = true;
    this.search.settle();
  }

  /** Asks it to stop; sent at once or with its first provisional (RFC 3261 §9.1). */
  cancel(reason: readonly Header[]): void {
    if (this.#ended || this.#settled) return;
    this.search.stop();
    if (this.search.request.method !== 'INVITE') return;
    if (!this.#cancelWanted) this.#reason = reason;
    this.#cancelWanted = true;
    if (this.search.proceeding) this.#sendCancel();
  }

  response(response: SipResponse, path: Path): void {
    this.#heard = true;
    this.#silence?.();
    if (response.status >= 200) this.#end();
    else {
      this.#armTimerC();
      if (this.#cancelWanted) this.#sendCancel();
      if (response.status === 100) return;
    }
    this.user.branchResponse(this, response, path);
  }

  timedOut(): void {
    this.#fail();
  }

  unreachable(): void {
    this.#fail();
  }

  stop(): void {
    this.#deadline?.();
    this.#silence?.();
    this.#timerC?.();
    this.#deadline = this.#silence = this.#timerC = undefined;
  }

  /** The target had its time: it is cancelled, and counts as having failed. */
  #giveUp(): void {
    if (this.#ended) return;
    this.stop();
    this.cancel([]);
    this.user.branchSilent(this);
  }

  #armTimerC(): void {
    this.#timerC?.();
    if (this.#settled || this.search.request.method !== 'INVITE' || this.#cancelWanted) return;
    this.#timerC = this.context.environment.clock.after(this.context.environment.timing.timerCMs, () => this.#giveUp());
  }

  #sendCancel(): void {
    if (this.#cancelSent || this.#settled) return;
    this.#cancelSent = true;
    this.stop();
    this.context.layer.request(cancelOf(this.search.request, this.#reason), this.search.branch, this.search.path, nobody);
    // RFC 3261 §9.1: no answer in 64 T1, and it is taken as cancelled.
    this.#deadline = this.context.environment.clock.after(64 * this.context.environment.timing.t1Ms, () => {
      this.search.abandon();
      this.#fail();
    });
  }

  #fail(): void {
    if (this.#ended) return;
    this.#end();
    this.user.branchFailed(this);
  }

  #end(): void {
    this.#ended = true;
    this.context.running.delete(this);
    this.stop();
  }
}
