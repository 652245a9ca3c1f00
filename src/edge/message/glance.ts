/**
 * A glance at an INVITE that would begin a call: what is needed to turn it away, at a fraction of what reading
 * it costs. Who has no time to take calls should not spend it on those that are not taken.
 *
 * Leaves to  parse-message everything that is out of the ordinary: nothing is said of it here, wrong or right.
 */
import { knownName } from './header-names.js';
import type { Header, RequestText } from './sip-message.js';
import { MAGIC_COOKIE, parseVia, type Via } from './via.js';

/** Of its headers, those that a response repeats (RFC 3261 §8.2.6.2). Not a message that may be acted upon. */
export interface Glimpse extends RequestText {
  readonly via: Via;
}

const START = 'INVITE ';
const END = ' SIP/2.0';
const BLANK = 0x20;
const TAB = 0x09;
/** A dialog, a folded line or a quoted NUL, a list where one is expected: for others to read. */
const UNUSUAL: Readonly<Record<string, RegExp>> = {
  via: /[,\r\n\0]/u,
  from: /[\r\n\0]/u,
  to: /[\r\n\0]|;[ \t]*tag[ \t]*=/iu,
  'call-id': /[\r\n\0]/u,
  cseq: /[\r\n\0]/u,
};
/** Via, From, To, Call-ID and CSeq. */
const ALL = 5;

/** Undefined for anything but an INVITE outside any dialog, written as nearly all are. */
export function glanceAtCall(text: string): Glimpse | undefined {
  if (!text.startsWith(START)) return undefined;
  let at = text.indexOf('\r\n');
  const start = at === -1 ? '' : text.slice(0, at);
  if (!start.endsWith(END)) return undefined;
  const headers: Header[] = [];
  let via: Via | undefined;
  let vias = 0;
  for (at += 2; ;) {
    const end = text.indexOf('\r\n', at);
    const first = text.charCodeAt(at);
    if (end === -1 || first === BLANK || first === TAB) return undefined;
    if (end === at) break;
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon > end) return undefined;
    const known = knownName(text.slice(at, colon));
    const unusual = known === undefined ? undefined : UNUSUAL[known.key];
    if (known !== undefined && unusual !== undefined) {
      const { key, name } = known;
      const value = text.slice(colon + 1, end).trim();
      if (unusual.test(value)) return undefined;
      if (key === 'via') {
        vias += 1;
        const parsed = parseVia(value);
        if (typeof parsed === 'string') return undefined;
        via ??= parsed;
      } else if (headers.some((each) => each.key === key)) return undefined;
      headers.push({ key, name, value });
    }
    at = end + 2;
  }
  if (via === undefined || headers.length - vias + 1 !== ALL) return undefined;
  if (!via.branch.startsWith(MAGIC_COOKIE) || via.branch.length === MAGIC_COOKIE.length) return undefined;
  return { kind: 'request', method: 'INVITE', uri: start.slice(START.length, -END.length), headers, body: '', via };
}
