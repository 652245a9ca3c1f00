/** What a request becomes when a proxy forwards it (RFC 3261 §16.6). Pure. */
import { applicationHeaders } from '../agent/compose.js';
import { header } from '../message/encode-message.js';
import { headerOf, type Header, type RequestText, type SipResponse } from '../message/sip-message.js';
import { encodeHostPort, parseNumber } from '../message/uri.js';
import type { Path } from '../transport/path.js';

/** Where a proxy asks to stay in the way of a dialog's requests. */
const placeUri = (path: Path): string =>
  `<sip:${encodeHostPort(path.local.address, path.local.port)}${path.protocol === 'udp' ? '' : `;transport=${path.protocol}`};lr>`;

/**
 * The Record-Route entries for a request that comes in by one path and goes out by another, topmost
 * first: two when the places differ, so that each side is reached by its own transport (RFC 5658).
 */
export function recordRoutes(inward: Path, outward: Path): string[] {
  const [near, far] = [placeUri(inward), placeUri(outward)];
  return near === far ? [far] : [far, near];
}

/** Max-Forwards of the forwarded request; undefined when it may not be forwarded. */
export function nextMaxForwards(request: RequestText): number | undefined {
  const value = headerOf(request, 'max-forwards');
  if (value === undefined) return 70;
  const hops = parseNumber(value, 255);
  return hops === undefined ? 70 : hops === 0 ? undefined : hops - 1;
}

/**
 * Headers in a Request-URI are malformed, and must go no further (RFC 3261 §19.1.5). A `?` before the
 * `@` belongs to the user part.
 */
function withoutUriHeaders(uri: string): string {
  const question = uri.indexOf('?', uri.lastIndexOf('@') + 1);
  return question === -1 ? uri : uri.slice(0, question);
}

export interface Forwarding {
  readonly uri: string;
  readonly via: string;
  readonly maxForwards: number;
  /** Topmost first; none when the proxy does not stay. */
  readonly recordRoutes: readonly string[];
  /** The Route headers that are left. */
  readonly routes: readonly string[];
  readonly extra: readonly Header[];
  /** Keys of headers that are left out. */
  readonly strip?: readonly string[];
}

export function forwardRequest(request: RequestText, forwarding: Forwarding, outward: Path): RequestText {
  const recording = request.method === 'REGISTER' ? 'Path' : 'Record-Route';
  const headers: Header[] = [header('Via', forwarding.via), ...forwarding.recordRoutes.map((value) => header(recording, value))];
  if (recording === 'Path' && forwarding.recordRoutes.length > 0) headers.push(header('Require', 'path'));
  for (const value of forwarding.routes) headers.push(header('Route', value));
  const { strip = [] } = forwarding;
  for (const each of request.headers) if (each.key !== 'max-forwards' && each.key !== 'route' && !strip.includes(each.key)) headers.push(each);
  headers.push(header('Max-Forwards', `${forwarding.maxForwards}`), ...applicationHeaders(forwarding.extra, outward));
  return { ...request, uri: withoutUriHeaders(forwarding.uri), headers };
}

/** What a caller matches a response by, beside its Via (RFC 3261 §8.1.3.3, §17.1.3). */
const matched = new Set(['from', 'call-id', 'cseq']);

/**
 * A response on its way back to who sent the request (RFC 3261 §16.7): under the request's own Vias, and
 * what else it is matched by, so that the caller knows it whatever a target made of them.
 */
export function responseBack(request: RequestText, response: SipResponse): SipResponse {
  const headers = request.headers.filter((each) => each.key === 'via');
  // A 2xx that is repeated after the request has been let go: the Vias below ours are all there is to go by.
  if (headers.length === 0) return withoutTopVia(response);
  for (const each of response.headers) {
    if (each.key === 'via') continue;
    headers.push(matched.has(each.key) ? { ...each, value: headerOf(request, each.key) ?? each.value } : each);
  }
  return { ...response, headers };
}

/** A response on its way back: without the proxy's own Via, which is the topmost. */
export function withoutTopVia<M extends { readonly headers: readonly Header[] }>(message: M): M {
  const first = message.headers.findIndex((each) => each.key === 'via');
  return { ...message, headers: message.headers.filter((_, i) => i !== first) };
}
