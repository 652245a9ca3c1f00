/**
 * Headers that the edge fills in or corrects in what an application composed.
 *
 * Pure. An application writes requests and responses without knowing addresses: `@localhost`
 * stands for the place the message leaves from, and what it leaves out is supplied.
 */
import { header } from '../message/encode-message.js';
import { encodeNameAddr, parseNameAddr, tagOf } from '../message/name-addr.js';
import { paramOf } from '../message/params.js';
import type { Header } from '../message/sip-message.js';
import { encodeHostPort } from '../message/uri.js';
import type { Path } from '../transport/path.js';

/** Headers that are the edge's own business in whatever an application sends. */
const edgeOwned = new Set(['via', 'route', 'record-route', 'rseq', 'content-length', 'from', 'to', 'call-id', 'cseq', 'max-forwards']);

/** Headers in which `@localhost` is replaced. */
const placed = new Set(['from', 'to', 'contact', 'p-asserted-identity']);

const placeOf = (path: Path): string => encodeHostPort(path.local.address, path.local.port);

const LOCALHOST = /@localhost(?![\w.:-])/giu;

/** `@localhost` becomes the place the message leaves from. */
export const replaceLocalhost = (value: string, path: Path): string =>
  value.includes('@localhost') ? value.replace(LOCALHOST, `@${placeOf(path)}`) : value;

/** The Contact of the edge itself along a path. */
export const ownContact = (path: Path): string => `<sip:${placeOf(path)}${path.protocol === 'udp' ? '' : `;transport=${path.protocol}`}>`;

function placeContact(value: string, path: Path): string {
  const address = parseNameAddr(value);
  if (typeof address === 'string' || address.uri === '*') return value;
  const uri = replaceLocalhost(address.uri, path);
  // A peer that answers to `@localhost` must come back by the transport it was reached by.
  const moved = uri !== address.uri && path.protocol !== 'udp' && paramOf(uri.slice(uri.indexOf('@')), 'transport') === undefined;
  return encodeNameAddr({ ...address, uri: moved && !uri.includes(';') ? `${uri};transport=${path.protocol}` : uri });
}

/** What an application's headers become: the edge's own dropped, places filled in. */
export function applicationHeaders(headers: readonly Header[], path: Path): Header[] {
  const kept: Header[] = [];
  for (const each of headers) {
    if (edgeOwned.has(each.key)) continue;
    if (each.key === 'contact') kept.push({ ...each, value: placeContact(each.value, path) });
    else if (placed.has(each.key)) kept.push({ ...each, value: replaceLocalhost(each.value, path) });
    else kept.push(each);
  }
  return kept;
}

/** An address for From or To: in brackets, placed, with a tag if one is given and none is there. */
export function placedAddress(value: string, path: Path, tag?: string): string {
  const address = parseNameAddr(replaceLocalhost(value, path));
  if (typeof address === 'string') return value;
  const tagged = tag === undefined || tagOf(address) !== undefined ? address : { ...address, params: `${address.params};tag=${tag}` };
  return encodeNameAddr(tagged);
}

/**
 * Content-Type for a body: the application's, or application/sdp for what looks like SDP.
 * Undefined when there is a body that nobody named.
 */
export function contentType(headers: readonly Header[], body: string): Header | 'none' | undefined {
  if (body === '') return 'none';
  if (headers.some((each) => each.key === 'content-type')) return 'none';
  return body.startsWith('v=0') ? header('Content-Type', 'application/sdp') : undefined;
}
