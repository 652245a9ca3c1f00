/**
 * The `name-addr` and `addr-spec` forms of From, To, Contact, Route and Record-Route
 * (RFC 3261 §20.10: without brackets, parameters belong to the header).
 */
import { paramOf } from './params.js';

export interface NameAddr {
  /** What stands before the `<`, as written (quotes included), trimmed. */
  readonly display: string;
  /** The URI as written, without brackets. */
  readonly uri: string;
  /** The header parameters with their leading `;`, or the empty string. */
  readonly params: string;
}

export type NameAddrReason = 'bad-address';

/** The index of the `<` that opens the URI, skipping a quoted display name; -1 without one. */
function openingBracket(value: string): number {
  let quoted = false;
  for (let i = 0; i < value.length; i += 1) {
    const char = value[i];
    if (quoted) {
      if (char === '\\') i += 1;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '<') return i;
  }
  return -1;
}

export function parseNameAddr(value: string): NameAddr | NameAddrReason {
  const open = openingBracket(value);
  if (open === -1) {
    const semicolon = value.indexOf(';');
    const uri = (semicolon === -1 ? value : value.slice(0, semicolon)).trim();
    if (uri === '' || uri.includes('"') || uri.includes('>') || uri.includes(' ')) return 'bad-address';
    return { display: '', uri, params: semicolon === -1 ? '' : value.slice(semicolon).trim() };
  }
  const close = value.indexOf('>', open);
  if (close === -1) return 'bad-address';
  const uri = value.slice(open + 1, close).trim();
  const params = value.slice(close + 1).trim();
  if (uri === '' || (params !== '' && !params.startsWith(';'))) return 'bad-address';
  return { display: value.slice(0, open).trim(), uri, params };
}

/** Written with brackets always, so that URI parameters stay with the URI. */
export const encodeNameAddr = (address: NameAddr): string =>
  `${address.display === '' ? '' : `${address.display} `}<${address.uri}>${address.params}`;

/** The `tag` parameter; undefined when there is none or it is empty. */
export function tagOf(address: NameAddr): string | undefined {
  const tag = paramOf(address.params, 'tag');
  return tag === undefined || tag === '' ? undefined : tag;
}
