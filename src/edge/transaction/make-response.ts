/** A response to a request, with the headers that RFC 3261 §8.2.6.2 has it repeat. */
import { header } from '../message/encode-message.js';
import { headersOf, type Header, type RequestText, type ResponseText } from '../message/sip-message.js';
import { paramOf } from '../message/params.js';

/**
 * `toTag` is added to the To header unless it has a tag. Works on any request that can be
 * answered at all, malformed ones included.
 */
export function makeResponse(
  request: RequestText, status: number, reason: string, toTag: string | undefined, extra: readonly Header[] = [], body = '',
): ResponseText {
  const headers: Header[] = headersOf(request, 'via').map((value) => header('Via', value));
  for (const each of request.headers) {
    if (each.key === 'from' || each.key === 'call-id' || each.key === 'cseq') headers.push(each);
    else if (each.key === 'timestamp' && status === 100) headers.push(each);
    else if (each.key === 'to') headers.push(header('To', withTag(each.value, toTag)));
  }
  headers.push(...extra);
  return { kind: 'response', status, reason, headers, body };
}

function withTag(to: string, tag: string | undefined): string {
  if (tag === undefined) return to;
  const close = to.lastIndexOf('>');
  const params = close === -1 ? to.slice(Math.max(0, to.indexOf(';'))) : to.slice(close + 1);
  if (paramOf(params.startsWith(';') ? params : '', 'tag') !== undefined) return to;
  return `${to};tag=${tag}`;
}
