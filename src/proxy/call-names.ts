/** By what names a call is known: its session ID and its parties, out of its INVITE. */
import { randomBytes } from 'node:crypto';
import { encodeSessionId, newSessionUuid, nilSessionUuid, parseNameAddr, parseSessionId, type SipRequest } from '../sip/index.js';
import type { Party } from './recording-body.js';

export interface SessionNames {
  readonly sessionId: string;
  /** The Session-ID header for the other side (RFC 7989). */
  readonly header: string;
}

/** The session ID that the caller gave, or a new one. */
export function sessionNamesOf(request: SipRequest): SessionNames {
  const given = request.has('session-id') ? parseSessionId(request.get('session-id')) : 'malformed';
  const sessionId = given === 'malformed' || given.local === nilSessionUuid ? newSessionUuid(randomBytes) : given.local;
  return { sessionId, header: encodeSessionId({ local: sessionId, remote: given === 'malformed' ? nilSessionUuid : given.remote }) };
}

/** Of a From or To header. */
export function partyOf(header: string): Party {
  const parsed = parseNameAddr(header);
  if (parsed === 'malformed') return { aor: header };
  return { aor: parsed.uri, ...(parsed.name === undefined ? {} : { name: parsed.name }) };
}
