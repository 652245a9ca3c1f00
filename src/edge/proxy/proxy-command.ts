/**
 * The `proxy` command: what an application wants done with a request it was given.
 *
 * `remainInDialog?|fullResponse?|followRedirects?|simultaneous or serial|<provisional>|<final>|<target>…`
 *
 * The message that follows has headers to add, and what app/extensions offers.
 */
import { failover, keyOf, millisecondsOf, retarget, strip } from '../app/extensions.js';
import { parseText } from '../message/parse-message.js';
import { headerOf, type Header } from '../message/sip-message.js';
import { parseNumber, parseUri } from '../message/uri.js';

export interface ProxyCommand {
  readonly recordRoute: boolean;
  readonly fullResponse: boolean;
  readonly followRedirects: boolean;
  readonly simultaneous: boolean;
  /** How long a target may say nothing at all; and how long it may take to answer finally. */
  readonly provisionalMs: number | undefined;
  readonly finalMs: number | undefined;
  readonly targets: readonly string[];
  /** Present: the next target is for one that fails, and for no later than this. */
  readonly failoverMs: number | undefined;
  /** The target takes the place of the Request-URI. */
  readonly retarget: boolean;
  /** Headers to add to what is forwarded, and keys of those to leave out. */
  readonly headers: readonly Header[];
  readonly strip: readonly string[];
}

export type ProxyReason = 'no-target' | 'too-many-targets' | 'bad-target' | 'bad-timeout' | 'bad-message';

/** drachtio-server holds ten, and overruns its memory with more. */
export const MAX_TARGETS = 20;

/** The longest that a timer runs: about 24 days. */
const MAX_TIMEOUT_MS = 0x7fff_ffff;

/** `1500ms`, `2s` or nothing. */
function parseTimeout(text: string): number | undefined | 'bad-timeout' {
  if (text === '') return undefined;
  const unit = text.endsWith('ms') ? 1 : text.endsWith('s') ? 1_000 : 0;
  if (unit === 0) return 'bad-timeout';
  const number = parseNumber(unit === 1 ? text.slice(0, -2) : text.slice(0, -1), Math.floor(MAX_TIMEOUT_MS / unit));
  return number === undefined ? 'bad-timeout' : number * unit;
}

const extensions = new Set([failover, retarget, strip].map(keyOf));

function extensionsOf(headers: readonly Header[]): Pick<ProxyCommand, 'failoverMs' | 'retarget' | 'headers' | 'strip'> {
  const valueOf = (name: string): string | undefined => headerOf({ headers }, keyOf(name));
  return {
    failoverMs: millisecondsOf(valueOf(failover)),
    retarget: valueOf(retarget) !== undefined,
    strip: (valueOf(strip) ?? '').split(',').map((name) => keyOf(name.trim())).filter((name) => name !== ''),
    headers: headers.filter(({ key }) => !extensions.has(key)),
  };
}

export function parseProxyCommand(tokens: readonly string[], text: string): ProxyCommand | ProxyReason {
  const [remain = '', full = '', follow = '', forking = '', provisional = '', final = '', ...targets] = tokens;
  const provisionalMs = parseTimeout(provisional);
  const finalMs = parseTimeout(final);
  if (provisionalMs === 'bad-timeout' || finalMs === 'bad-timeout') return 'bad-timeout';
  const named = targets.filter((target) => target !== '');
  if (named.length === 0) return 'no-target';
  if (named.length > MAX_TARGETS) return 'too-many-targets';
  if (named.some((target) => typeof parseUri(target) === 'string')) return 'bad-target';
  const message = text === '' ? undefined : parseText(text, 'application');
  if (typeof message === 'string') return 'bad-message';
  return {
    recordRoute: remain === 'remainInDialog',
    fullResponse: full === 'fullResponse',
    followRedirects: follow === 'followRedirects',
    simultaneous: forking === 'simultaneous',
    provisionalMs,
    finalMs,
    targets: named,
    ...extensionsOf(message?.headers ?? []),
  };
}
