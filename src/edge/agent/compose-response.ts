/** Responses as they leave: an application's wishes, and what a user agent server must add (RFC 3261 §8.2.6, §12.1.1). */
import { header } from '../message/encode-message.js';
import { headerOf, headersOf, type Header, type ResponseText, type SipRequest } from '../message/sip-message.js';
import { makeResponse } from '../transaction/make-response.js';
import type { Path } from '../transport/path.js';
import { applicationHeaders, contentType, ownContact } from './compose.js';

/** Whether a response of that status to that method makes or confirms a dialog. */
export const formsDialog = (method: string, status: number): boolean =>
  (method === 'INVITE' && status > 100 && status < 300) || (method === 'SUBSCRIBE' && status >= 200 && status < 300);

/** Whether the peer must be told where to send what follows. */
const needsContact = (method: string, status: number): boolean =>
  (method === 'INVITE' && status > 100 && status < 300) ||
  ((method === 'SUBSCRIBE' || method === 'UPDATE' || method === 'NOTIFY') && status >= 200 && status < 300);

export interface Answer {
  readonly toTag: string;
  /** The RSeq of a reliable provisional response (RFC 3262). */
  readonly rseq?: number;
  /** The dialog's Contact, where there is a dialog. */
  readonly contact?: string;
}

export function composeResponse(request: SipRequest, wish: ResponseText, answer: Answer, path: Path): ResponseText {
  const extra: Header[] = [];
  const forming = formsDialog(request.method, wish.status);
  if (forming) for (const value of headersOf(request, 'record-route')) extra.push(header('Record-Route', value));
  if (headerOf(wish, 'contact') === undefined && needsContact(request.method, wish.status)) {
    extra.push(header('Contact', answer.contact ?? ownContact(path)));
  }
  extra.push(...applicationHeaders(wish.headers, path));
  if (answer.rseq !== undefined) extra.push(header('RSeq', `${answer.rseq}`));
  const type = contentType(wish.headers, wish.body);
  if (type !== undefined && type !== 'none') extra.push(type);
  return makeResponse(request, wish.status, wish.reason, wish.status === 100 ? undefined : answer.toTag, extra, wish.body);
}
