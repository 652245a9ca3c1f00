/**
 * The session timers of dialogs (RFC 4028): what requests and responses agree on is noted here, and
 * kept by refreshing the session or by ending the call.
 *
 * Owns       the timers, and what refreshes are under way.
 * Leaves to  dialog/session-timer every rule; refresh-request the message itself.
 *
 * Invariant 1: a dialog that has ended has no timer.
 */
import {
  agreeAsClient, agreeAsServer, minSeOf, refreshAfterMs, refusalOf, sessionTable, startOf, yieldMs,
  type Agreement, type SessionEvent, type SessionState,
} from '../dialog/session-timer.js';
import { copyOf, headerOf, type Header, type RequestText, type ResponseText, type SipRequest, type SipResponse } from '../message/sip-message.js';
import type { CancelTimer } from '../timing.js';
import type { AgentContext, AppDialog } from './context.js';
import { RefreshRequest } from './refresh-request.js';

/** What applications are told, in the words of drachtio-server. */
const EXPIRED = 'Session timer expired';

/** Requests that wait for a refresh to end; more than an application can mean to send. */
const MAX_WAITING = 8;

export interface SessionKeeper {
  readonly context: AgentContext;
  /** Whether an INVITE of either side is under way in the dialog. */
  inviting(dialog: AppDialog): boolean;
  hangUp(dialog: AppDialog, reason: string): void;
}

/** Messages whose 2xx agrees on a session timer (RFC 4028 §3). */
const refreshes = (method: string): boolean => method === 'INVITE' || method === 'UPDATE';

/** Sends a refresh, and calls back with its answer, if one came. */
type Refresh = (seconds: number, minSeconds: number, answered: (response: SipResponse | undefined) => void) => void;

class Session {
  #state: SessionState;
  readonly #expiry: CancelTimer;
  #timer: CancelTimer = () => undefined;
  #seconds: number;
  #minSeconds = 0;

  constructor(
    private readonly keeper: SessionKeeper,
    private readonly dialog: AppDialog,
    readonly agreement: Agreement,
    private readonly refresh: Refresh,
    private readonly agreed: (response: SipResponse) => void,
  ) {
    this.#seconds = agreement.seconds;
    this.#state = startOf(agreement);
    this.#expiry = this.#after(agreement.seconds * 1_000, 'expired');
    if (agreement.ours) this.#timer = this.#after(refreshAfterMs(agreement.seconds, keeper.context.ids.chance()), 'due');
  }

  stop(): void {
    this.#state = 'over';
    this.#expiry();
    this.#timer();
  }

  #after(ms: number, event: SessionEvent): CancelTimer {
    return this.keeper.context.environment.clock.after(ms, () => this.#feed(event));
  }

  #feed(event: SessionEvent): void {
    const transition = sessionTable[this.#state][event];
    if (transition === undefined) return;
    const [next, effect] = transition;
    this.#state = next;
    this.#timer();
    if (next === 'yielding') this.#timer = this.#after(yieldMs(this.dialog.role === 'uac', this.keeper.context.ids.chance()), 'again');
    if (effect === 'hang-up') this.keeper.hangUp(this.dialog, EXPIRED);
    else if (effect === 'refresh') {
      // RFC 3261 §14.1: one INVITE at a time; the other one may refresh the session as well.
      if (this.keeper.inviting(this.dialog)) this.#feed('busy');
      else this.refresh(this.#seconds, this.#minSeconds, (response) => this.#answered(response));
    }
  }

  #answered(response: SipResponse | undefined): void {
    if (this.#state === 'over') return;
    const event = response === undefined ? 'lost' : refusalOf(response.status);
    if (event === 'too-small' && response !== undefined) {
      this.#minSeconds = minSeOf(response) ?? this.#minSeconds;
      this.#seconds = Math.max(this.#seconds, this.#minSeconds);
    }
    if (event !== undefined) this.#feed(event);
    else if (response !== undefined) this.agreed(response);
  }
}

export class Sessions {
  readonly #running = new Map<AppDialog, Session>();
  /** Dialogs with a refresh under way, and what is to happen when it has its answer. */
  readonly #refreshing = new Map<AppDialog, { readonly request: RefreshRequest; readonly waiting: (() => void)[] }>();

  constructor(private readonly keeper: SessionKeeper) {}

  get size(): number {
    return this.#running.size;
  }

  /** Refreshes that are still awaited. */
  get awaited(): number {
    return this.#refreshing.size;
  }

  /** Whether the edge's own re-INVITE is under way in a dialog. */
  refreshing(dialog: AppDialog): boolean {
    return this.#refreshing.has(dialog);
  }

  /** Runs something when that re-INVITE has its answer; false when there is nothing to wait for. */
  afterRefresh(dialog: AppDialog, run: () => void): boolean {
    const waiting = this.#refreshing.get(dialog)?.waiting;
    if (waiting === undefined || waiting.length >= MAX_WAITING) return false;
    waiting.push(run);
    return true;
  }

  /** The dialog is being ended: its session is not kept any longer. */
  stop(dialog: AppDialog): void {
    this.#set(dialog, undefined);
  }

  /** Headers that a 2xx to the peer's INVITE or UPDATE still needs. */
  headersFor(request: SipRequest, response: ResponseText, dialog: AppDialog | undefined): readonly Header[] {
    if (!refreshes(request.method) || response.status < 200 || response.status >= 300) return [];
    return agreeAsServer(request, response, this.#agreement(dialog))?.extra ?? [];
  }

  /** A response to the peer has gone out in a dialog. */
  answered(request: SipRequest, response: ResponseText, dialog: AppDialog): void {
    if (!refreshes(request.method) || response.status >= 300) return;
    this.said(dialog, response);
    if (response.status < 200) return;
    this.#set(dialog, agreeAsServer(request, response, this.#agreement(dialog))?.agreement);
  }

  /** A 2xx of the peer has come to a request of ours in a dialog. */
  accepted(request: RequestText, response: SipResponse, dialog: AppDialog): void {
    if (request.method === 'PRACK') this.said(dialog, request);
    if (!refreshes(request.method)) return;
    this.said(dialog, request);
    const agreement = agreeAsClient(response, this.#agreement(dialog));
    if (agreement !== 'unchanged') this.#set(dialog, agreement === 'off' ? undefined : agreement);
  }

  /** Notes the session description in a message of ours that the peer has. */
  said(dialog: AppDialog, message: RequestText | ResponseText): void {
    const type = headerOf(message, 'content-type') ?? 'application/sdp';
    // An UPDATE may bring something else, which is nothing to be repeated.
    if (message.body !== '' && /^\s*(?:application\/sdp|multipart\/)/iu.test(type)) dialog.offered = { type: copyOf(type), body: copyOf(message.body) };
  }

  close(): void {
    for (const session of this.#running.values()) session.stop();
    this.#running.clear();
    for (const { request } of this.#refreshing.values()) request.stop();
  }

  #agreement(dialog: AppDialog | undefined): Agreement | undefined {
    return dialog === undefined ? undefined : this.#running.get(dialog)?.agreement;
  }

  #set(dialog: AppDialog, agreement: Agreement | undefined): void {
    const before = this.#running.get(dialog);
    this.#running.delete(dialog);
    if (agreement !== undefined && !dialog.ended) {
      const refresh: Refresh = (...how) => this.#refresh(dialog, ...how);
      this.#running.set(dialog, new Session(this.keeper, dialog, agreement, refresh, (response) => this.#refreshed(dialog, response)));
      dialog.release = () => this.stop(dialog);
    }
    before?.stop();
  }

  /** Our refresh was accepted: no Session-Expires in the answer means no timer from now on (RFC 4028 §7.2). */
  #refreshed(dialog: AppDialog, response: SipResponse): void {
    const agreement = agreeAsClient(response, undefined);
    this.#set(dialog, typeof agreement === 'string' ? undefined : agreement);
  }

  #refresh(dialog: AppDialog, seconds: number, minSeconds: number, answered: (response: SipResponse | undefined) => void): void {
    const waiting: (() => void)[] = [];
    const request = new RefreshRequest(this.keeper.context, dialog, minSeconds, (response) => {
      this.#refreshing.delete(dialog);
      answered(response);
      for (const run of waiting) run();
    });
    this.#refreshing.set(dialog, { request, waiting });
    request.send(seconds);
  }
}
