/** What a server does to the top Via of a request it receives (RFC 3261 §18.2.1, RFC 3581 §4). */
import type { RequestText } from '../message/sip-message.js';
import { paramOf, withoutParam } from '../message/params.js';
import { encodeVia, type Via } from '../message/via.js';
import { isReliable, type Path } from '../transport/path.js';

/**
 * Fills in `rport` where it was asked for and `received` where the sender is not who it says. What the
 * sender put there itself is dropped: responses follow it.
 */
export function stampVia<Request extends RequestText & { readonly via: Via }>(request: Request, path: Path): Request {
  const { via } = request;
  const asked = paramOf(via.params, 'rport') !== undefined;
  const differs = via.host !== path.address;
  if (!asked && !differs && paramOf(via.params, 'received') === undefined) return request;
  let params = withoutParam(withoutParam(via.params, 'rport'), 'received');
  if (asked) params += `;rport=${path.port}`;
  if (asked || differs) params += `;received=${path.address}`;
  const stamped = { ...via, params };
  const first = request.headers.findIndex((each) => each.key === 'via');
  const headers = request.headers.map((each, i) => (i === first ? { ...each, value: encodeVia(stamped) } : each));
  return { ...request, via: stamped, headers };
}

/** The port that responses go to over UDP: the source's when `rport` was asked for, else the Via's. */
export function replyPort({ via }: { readonly via: Via }, path: Path): number {
  if (isReliable(path) || paramOf(via.params, 'rport') !== undefined) return path.port;
  return via.port ?? 5060;
}
