/** Request validation: whether a request may be forwarded at all (RFC 3261 §16.3). Pure. */
import { header } from '../message/encode-message.js';
import { headersOf, type Header, type SipRequest } from '../message/sip-message.js';
import type { OwnStatus } from '../message/statuses.js';
import { nextMaxForwards } from './forward-request.js';
import { hasLooped } from './loop.js';

export interface Refusal {
  readonly status: OwnStatus & (420 | 482 | 483);
  readonly extra: readonly Header[];
}

/** Steps 3 to 5: hops left, no loop, nothing required of the proxy; it has no extension to offer. */
export function refusalOf(request: SipRequest, mark: string, digest: string): Refusal | undefined {
  if (nextMaxForwards(request) === undefined) return { status: 483, extra: [] };
  if (hasLooped(request, mark, digest)) return { status: 482, extra: [] };
  const required = headersOf(request, 'proxy-require').join(', ');
  if (required !== '' && request.method !== 'CANCEL') return { status: 420, extra: [header('Unsupported', required)] };
  return undefined;
}
