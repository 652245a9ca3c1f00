/**
 * Session timers (RFC 4028): what two peers agreed on, and what follows from it as time passes. Pure.
 *
 * `uac` and `uas` are the roles in the INVITE or UPDATE that carried the header, not in the dialog:
 * they change places with whoever sends the next one.
 */
import { header } from '../message/encode-message.js';
import { paramOf } from '../message/params.js';
import { hasOption, headerOf, type Header } from '../message/sip-message.js';
import { parseNumber } from '../message/uri.js';

/** No session expires sooner (RFC 4028 §4). */
export const MIN_SESSION_SECONDS = 90;

interface Headers {
  readonly headers: readonly Header[];
}

export interface SessionExpires {
  readonly seconds: number;
  readonly refresher: 'uac' | 'uas' | undefined;
}

export function sessionExpiresOf(message: Headers): SessionExpires | undefined {
  const value = headerOf(message, 'session-expires');
  if (value === undefined) return undefined;
  const semicolon = value.indexOf(';');
  const seconds = parseNumber((semicolon === -1 ? value : value.slice(0, semicolon)).trim(), 0x7fff_ffff);
  if (seconds === undefined) return undefined;
  const refresher = semicolon === -1 ? undefined : paramOf(value.slice(semicolon), 'refresher')?.toLowerCase();
  return { seconds, refresher: refresher === 'uac' || refresher === 'uas' ? refresher : undefined };
}

/** Longest interval that is armed: a day, for what a peer may ask has no bound. */
const MAX_SESSION_SECONDS = 86_400;

const bounded = (seconds: number): number => Math.min(Math.max(seconds, MIN_SESSION_SECONDS), MAX_SESSION_SECONDS);

export interface Agreement {
  readonly seconds: number;
  /** Whether this side is to refresh the session. */
  readonly ours: boolean;
}

/**
 * What a 2xx that is about to be sent agrees on, and the headers it still needs for that (RFC 4028 §9).
 * `before` is what has been in force. Undefined: the session has no timer (any more).
 */
export function agreeAsServer(
  request: Headers, response: Headers, before: Agreement | undefined,
): { readonly agreement: Agreement; readonly extra: readonly Header[] } | undefined {
  const answered = sessionExpiresOf(response);
  if (answered !== undefined) {
    return { agreement: { seconds: bounded(answered.seconds), ours: answered.refresher === 'uas' }, extra: [] };
  }
  const asked = sessionExpiresOf(request);
  // Who names no refresher leaves it to us: as it was, and as drachtio-server does, not begun on our own account.
  const refresher = asked?.refresher ?? (before === undefined ? undefined : before.ours ? 'uas' : 'uac');
  if (asked === undefined || refresher === undefined) return undefined;
  const seconds = bounded(asked.seconds);
  const extra = [header('Session-Expires', `${seconds};refresher=${refresher}`)];
  if (refresher === 'uac' && hasOption(request, 'supported', 'timer') && !hasOption(response, 'require', 'timer')) {
    extra.push(header('Require', 'timer'));
  }
  return { agreement: { seconds, ours: refresher === 'uas' }, extra };
}

/**
 * What a 2xx from the peer agrees on (RFC 4028 §7.2); `off` when it says that the session has no timer
 * although the peer was to refresh it, `unchanged` when it says nothing that matters.
 */
export function agreeAsClient(response: Headers, before: Agreement | undefined): Agreement | 'off' | 'unchanged' {
  const answered = sessionExpiresOf(response);
  if (answered !== undefined) return { seconds: bounded(answered.seconds), ours: answered.refresher !== 'uas' };
  return before?.ours === false ? 'off' : 'unchanged';
}

/** Whether a request asks for less than can be granted: it is answered 422 (RFC 4028 §6). */
export const asksTooLittle = (request: Headers): boolean => (sessionExpiresOf(request)?.seconds ?? MIN_SESSION_SECONDS) < MIN_SESSION_SECONDS;

/** The least that a 422 wants, if it says so. */
export const minSeOf = (response: Headers): number | undefined =>
  parseNumber((headerOf(response, 'min-se') ?? '').split(';')[0]?.trim() ?? '', MAX_SESSION_SECONDS);

/**
 * `watching` the peer refresh; `resting` until we must; our refresh under way (`refreshing`, or `raising`
 * after the peer has asked for longer); `yielding` to another INVITE; `refused`, to end at expiry.
 */
export type SessionState = 'watching' | 'resting' | 'refreshing' | 'raising' | 'yielding' | 'refused' | 'over';

/**
 * `due`: time to refresh. `busy`: another INVITE is under way. `glare`: 491. `too-small`: 422. `refusal`: any
 * other failure. `lost`: 408, 481, or no answer. `again`: time to try once more. `expired`: time is up.
 */
export type SessionEvent = 'due' | 'busy' | 'glare' | 'too-small' | 'refusal' | 'lost' | 'again' | 'expired';

export type SessionEffect = 'refresh' | 'hang-up';

type Row = Readonly<Partial<Record<SessionEvent, readonly [SessionState, SessionEffect?]>>>;

const expiring: Row = { expired: ['over', 'hang-up'] };
const refreshing: Row = {
  ...expiring, busy: ['yielding'], glare: ['yielding'], lost: ['over', 'hang-up'], refusal: ['refused'], 'too-small': ['raising', 'refresh'],
};

/** RFC 4028 §10. A 2xx is not in it: it makes a new agreement, which begins anew. */
export const sessionTable: Readonly<Record<SessionState, Row>> = {
  watching: expiring,
  resting: { ...expiring, due: ['refreshing', 'refresh'] },
  refreshing,
  raising: { ...refreshing, 'too-small': ['refused'] },
  yielding: { ...expiring, again: ['refreshing', 'refresh'] },
  refused: expiring,
  over: {},
};

export const startOf = (agreement: Agreement): SessionState => (agreement.ours ? 'resting' : 'watching');

/** When to refresh: half way, give or take five seconds, so that a thousand calls do not do it at once. `chance` is in [0, 1). */
export const refreshAfterMs = (seconds: number, chance: number): number => seconds * 500 + Math.round(chance * 10_000) - 5_000;

/** How long to wait after a 491 (RFC 3261 §14.1): whoever owns the Call-ID waits longer. */
export const yieldMs = (ownsCallId: boolean, chance: number): number => Math.round((ownsCallId ? 2_100 + chance * 1_900 : chance * 2_000) / 10) * 10;

/** What the response to a refresh means; undefined for a 2xx. */
export function refusalOf(status: number): SessionEvent | undefined {
  if (status < 300) return undefined;
  if (status === 408 || status === 481) return 'lost';
  return status === 491 ? 'glare' : status === 422 ? 'too-small' : 'refusal';
}
