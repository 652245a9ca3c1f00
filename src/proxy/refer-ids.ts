/**
 * What a party calls its REFERs by, when several are under way: `Event: refer;id=` and the CSeq that the REFER
 * had (RFC 3515 §2.4.6). On the other side of a back-to-back call the same REFER has another CSeq. Pure.
 */
import type { SipHeaders } from '../sip/index.js';

/** More REFERs than anybody has under way in one call. */
const MAX = 32;

const numberOf = (cseq: string): string => cseq.trim().split(/\s/u)[0] ?? '';

export class ReferIds {
  /** By the number that the one who is asked knows, the number that the one who asks knows. */
  readonly #numbers = new Map<string, string>();

  /** A REFER has gone on; both as its CSeq header has it. */
  passed(before: string, after: string): void {
    const [oldest] = this.#numbers.keys();
    if (this.#numbers.size >= MAX && oldest !== undefined) this.#numbers.delete(oldest);
    this.#numbers.set(numberOf(after), numberOf(before));
  }

  /** Headers of a NOTIFY of the one who was asked, as the one who asked is to have them. */
  translate(headers: Readonly<SipHeaders>): SipHeaders {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        /^(?:event|o)$/iu.test(name)
          ? value.replace(/^(\s*refer\s*;(?:.*;)?\s*id\s*=\s*)(\d+)/iu, (whole, start: string, number: string) => {
              const known = this.#numbers.get(number);
              return known === undefined ? whole : `${start}${known}`;
            })
          : value,
      ]),
    );
  }
}
