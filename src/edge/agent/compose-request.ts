/** Requests as they leave: an application's wishes, and what a user agent must add (RFC 3261 §8.1.1, §12.2.1.1). */
import { header } from '../message/encode-message.js';
import { headerOf, type Header, type RequestText } from '../message/sip-message.js';
import type { Path } from '../transport/path.js';
import { applicationHeaders, contentType, ownContact, placedAddress } from './compose.js';

/** Requests that carry a Contact even if the application gives none. */
const contactOutside = new Set(['INVITE', 'SUBSCRIBE']);
const contactInside = new Set(['INVITE', 'SUBSCRIBE', 'REFER', 'UPDATE', 'NOTIFY']);

export interface Outside {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

export interface Drawn {
  readonly via: string;
  readonly tag: string;
  readonly callId: string;
  readonly cseq: number;
}

/** A request outside any dialog; `missing-content-type` when nobody says what the body is. */
export function composeOutside(wish: Outside, drawn: Drawn, path: Path): RequestText | 'missing content-type' {
  const type = contentType(wish.headers, wish.body);
  if (type === undefined) return 'missing content-type';
  const own = ownContact(path);
  const rest = applicationHeaders(wish.headers, path);
  const headers: Header[] = [
    header('Via', drawn.via),
    header('Max-Forwards', headerOf(wish, 'max-forwards') ?? '70'),
    header('From', placedAddress(headerOf(wish, 'from') ?? own, path, drawn.tag)),
    header('To', placedAddress(headerOf(wish, 'to') ?? `<${wish.uri}>`, path)),
    header('Call-ID', headerOf(wish, 'call-id') ?? drawn.callId),
    header('CSeq', `${drawn.cseq} ${wish.method}`),
  ];
  if (contactOutside.has(wish.method) && headerOf(wish, 'contact') === undefined) headers.push(header('Contact', own));
  headers.push(...rest);
  if (type !== 'none') headers.push(type);
  return { kind: 'request', method: wish.method, uri: wish.uri, headers, body: wish.body };
}

export interface Inside {
  readonly method: string;
  readonly uri: string;
  readonly routes: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: string;
  readonly contact: string;
  readonly via: string;
}

/** A request inside a dialog: the addresses, the route and the CSeq are the dialog's. */
export function composeInside(inside: Inside, wish: { readonly headers: readonly Header[]; readonly body: string }, path: Path): RequestText | 'missing content-type' {
  const type = contentType(wish.headers, wish.body);
  if (type === undefined) return 'missing content-type';
  const rest = applicationHeaders(wish.headers, path);
  const headers: Header[] = [
    header('Via', inside.via),
    ...inside.routes.map((value) => header('Route', value)),
    header('Max-Forwards', headerOf(wish, 'max-forwards') ?? '70'),
    header('From', inside.from),
    header('To', inside.to),
    header('Call-ID', inside.callId),
    header('CSeq', inside.cseq),
  ];
  if (contactInside.has(inside.method) && headerOf(wish, 'contact') === undefined) {
    headers.push(header('Contact', inside.contact === '' ? ownContact(path) : inside.contact));
  }
  headers.push(...rest);
  if (type !== 'none') headers.push(type);
  return { kind: 'request', method: inside.method, uri: inside.uri, headers, body: wish.body };
}
