/** What an INVITE says of its call, as rules look at it. */
import { plainUser, type CallFacts, type Subscriber } from '../policy/index.js';
import { parseNameAddr, parseSipUri, type SipRequest } from '../sip/index.js';

function subscriberOf(uri: string): Subscriber {
  const parsed = parseSipUri(uri);
  // What cannot be read is nobody's number.
  return parsed === 'malformed' ? { user: '', host: '' } : { user: plainUser(parsed.user ?? ''), host: parsed.host };
}

function callerOf(from: string): Subscriber {
  const parsed = parseNameAddr(from);
  return parsed === 'malformed' ? { user: '', host: '' } : subscriberOf(parsed.uri);
}

/** The caller is who From names, the callee the number that was dialled: that of the Request-URI. */
export function factsOf(request: SipRequest, trunk: string, sessionId: string, atMs: number): CallFacts {
  const headers: Record<string, readonly string[]> = {};
  for (const [name, value] of Object.entries((request as { headers?: Record<string, string | string[]> }).headers ?? {})) {
    headers[name.toLowerCase()] = Array.isArray(value) ? value : [value];
  }
  return { sessionId, trunk, caller: callerOf(request.get('from')), callee: subscriberOf(request.uri), headers, atMs };
}
