/**
 * Number patterns as telephone people write them: `7100` is that number, `.` stands for any one digit, `!` at
 * the end for any rest, also none: `72.`, `8!`, `+44!`. What holds a letter is no number but a name: `alice`,
 * `alice@example.com`.
 *
 * Total: any text is a pattern or a reason, and matching never throws.
 */

export type PatternReason = 'empty' | 'bad-character' | 'rest-not-last' | 'too-long';

export interface NumberPattern {
  /** As written. */
  readonly text: string;
  /** Digits, `+`, `*`, `#` and the wildcards; or a whole name, which is compared as it is. */
  readonly kind: 'number' | 'name';
  /** Without the `!`. */
  readonly head: string;
  readonly open: boolean;
}

/** E.164 has fifteen digits; dialled strings with codes and pauses are longer, but not by much. */
const MAX_LENGTH = 64;
/** RFC 3966 §5.1.1: people write them, they mean nothing. */
const SEPARATORS = /[-() ]/gu;
const isDigit = (character: string | undefined): boolean => character !== undefined && character >= '0' && character <= '9';

export function parseNumberPattern(text: string): NumberPattern | PatternReason {
  if (text.length > MAX_LENGTH) return 'too-long';
  if (/[a-z]/iu.test(text)) return /\s/u.test(text) ? 'bad-character' : { text, kind: 'name', head: text, open: false };
  const bare = text.replace(SEPARATORS, '');
  if (bare === '') return 'empty';
  if (!/^\+?[0-9*#.!]+$/u.test(bare)) return 'bad-character';
  const open = bare.endsWith('!');
  const head = open ? bare.slice(0, -1) : bare;
  return head.includes('!') ? 'rest-not-last' : { text, kind: 'number', head, open };
}

/** A party of a call, as patterns are held against it. */
export interface Subscriber {
  /** The user part of its URI, without separators when it is a number. */
  readonly user: string;
  readonly host: string;
}

/** The user part as it is compared: a number loses its separators, a name stays. */
export const plainUser = (user: string): string => (/^\+?[-0-9*#() .]+$/u.test(user) ? user.replace(/[-() .]/gu, '') : user);

export function matchesNumber({ kind, head, open }: NumberPattern, { user, host }: Subscriber): boolean {
  if (kind === 'name') return head.includes('@') ? head.toLowerCase() === `${user}@${host}`.toLowerCase() : head === user;
  if (user.length < head.length || (!open && user.length !== head.length)) return false;
  for (let at = 0; at < head.length; at += 1) {
    const wanted = head[at];
    if (wanted === '.' ? !isDigit(user[at]) : wanted !== user[at]) return false;
  }
  return true;
}
