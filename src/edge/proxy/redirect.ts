/** Where a 3xx sends a proxy that follows it (RFC 3261 §16.5, §8.1.3.4). Pure. */
import { parseNameAddr } from '../message/name-addr.js';
import { paramOf } from '../message/params.js';
import { headersOf, type ResponseText } from '../message/sip-message.js';
import { parseUri } from '../message/uri.js';
import type { Target } from './challenges.js';

/** Its Contacts that can be reached by SIP, the most wanted first. */
export function redirectedTo(response: ResponseText): Target[] {
  return headersOf(response, 'contact')
    .flatMap((value) => {
      const address = parseNameAddr(value);
      if (typeof address === 'string' || typeof parseUri(address.uri) === 'string') return [];
      const q = Number(paramOf(address.params, 'q') ?? '1');
      return [{ uri: address.uri, q: Number.isFinite(q) ? q : 1 }];
    })
    .sort((a, b) => b.q - a.q)
    .map(({ uri }) => ({ uri, redirected: true }));
}
