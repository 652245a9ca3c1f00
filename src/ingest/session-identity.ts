/**
 * The ID that a call's legs share, out of the INVITE of one: pure.
 *
 * What pairs both calls of a Cisco telephone's built-in bridge, which have Session-IDs of their own; the Session-ID (RFC
 * 7989); what makers call the call (sip/makers-call-id.ts); the Call-ID. The last is a leg's own and joins none but its hops.
 */
import { bridgedCallOf, makersCallId, nilSessionUuid, parseSessionId, readBuiltInBridge } from '../sip/index.js';
import { allOf, header, type SipOnTheWire } from './sip-message.js';

export interface SessionIdentity {
  readonly id: string;
  /** False: no ID was sent that several legs could share. */
  readonly shared: boolean;
}

/** What others chose is of any length; a longer one is none. */
const longestIdChars = 256;

export function identityOf(invite: Pick<SipOnTheWire, 'headers' | 'parts' | 'metadata' | 'callId'>): SessionIdentity {
  const { parts, metadata } = invite;
  const values = (name: string): readonly string[] => allOf(invite, name);
  const bridge = readBuiltInBridge(header(invite, 'from') ?? '');
  const ids = [
    bridge === undefined ? undefined : bridgedCallOf(bridge),
    firstSessionId([...(metadata?.sessions[0]?.sipSessionIds ?? []), ...values('session-id')]),
    makersCallId({ values, parts, metadata }),
  ];
  const id = ids.find((one) => one !== undefined && one.length <= longestIdChars);
  return id === undefined ? { id: invite.callId, shared: false } : { id, shared: true };
}

/** The half of the side that called; of one that knows only its peer, that one. */
function firstSessionId(values: readonly string[]): string | undefined {
  for (const value of values) {
    const parsed = parseSessionId(value);
    if (parsed === 'malformed') continue;
    const id = parsed.local === nilSessionUuid ? parsed.remote : parsed.local;
    if (id !== nilSessionUuid) return id;
  }
  return undefined;
}
