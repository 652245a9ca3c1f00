/**
 * The session description in a message's body: the whole of it, or a part of several (RFC 5621 §3.1).
 *
 * Pure. Whatever else a body holds stays as it is, byte for byte.
 */
import { readBody } from './multipart.js';

const sdpType = 'application/sdp';

/** The SDP; empty when there is none, or when the body cannot be read. */
export function sdpIn(contentType: string | undefined, body: string): string {
  if (body === '') return '';
  const parts = readBody(contentType, body);
  return typeof parts === 'string' ? '' : (parts.find((part) => part.contentType === sdpType)?.content ?? '');
}

/** The body with another SDP in the place of its own. */
export function replaceSdp(contentType: string | undefined, body: string, sdp: string): string {
  const own = sdpIn(contentType, body);
  if (own === '' || own === sdp) return body;
  const at = body.indexOf(own);
  return body.slice(0, at) + sdp + body.slice(at + own.length);
}
