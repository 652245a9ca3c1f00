/**
 * How a proxy knows a request again that it has forwarded before (RFC 3261 §16.3 step 4, RFC 5393 §4.2).
 *
 * Its branches carry a digest of what a routing decision is made from. The same digest in one of its own
 * Vias is a loop; its own Via with another digest a spiral, which is allowed. The method is left out, for
 * a CANCEL or ACK must get the branch of its INVITE, and so are the headers that those do not repeat.
 * Applications route by who sent a request, so that the sender, as its Via names it, belongs to it.
 */
import { createHash } from 'node:crypto';
import { headersOf, type SipRequest } from '../message/sip-message.js';
import { parseVia } from '../message/via.js';

const DIGEST_LENGTH = 16;

export function routingDigest(request: SipRequest): string {
  const { uri, callId, fromTag, cseq, via } = request;
  const decisive = [uri, ...headersOf(request, 'route'), callId, fromTag, `${cseq.number}`, via.host, `${via.port ?? ''}`];
  return createHash('sha1').update(decisive.join('\n'), 'latin1').digest('base64url').slice(0, DIGEST_LENGTH);
}

/** Whether a Via of ours, known by its `mark`, carries that digest. */
export const hasLooped = (request: SipRequest, mark: string, digest: string): boolean =>
  headersOf(request, 'via').some((value) => {
    if (!value.includes(mark)) return false;
    const via = parseVia(value);
    return typeof via !== 'string' && via.branch.startsWith(`${mark}.${digest}.`);
  });
