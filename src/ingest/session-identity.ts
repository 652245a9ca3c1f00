/**
 * The ID that a call's legs share, out of the INVITE of one: pure.
 *
 * In the order of trust: Session-ID (RFC 7989), the UCID of Avaya (User-to-User, or a header of its own), Cisco-Guid,
 * the x-refci of a Cisco telephone's built-in bridge with its cluster, AudioCodes' call IDs, the group and then the
 * session of a recording session's metadata, the Call-ID. The last is a leg's own and joins none but its hops.
 */
import { nilSessionUuid, parseSessionId, readCiscoGuid, readUcid, type RecordingMetadata } from '../sip/index.js';
import { allOf, header, type SipOnTheWire } from './sip-message.js';

export interface SessionIdentity {
  readonly id: string;
  /** False: no ID was sent that several legs could share. */
  readonly shared: boolean;
}

/** What others chose is of any length; a longer one is none. */
const longestIdChars = 256;

export function identityOf(invite: Pick<SipOnTheWire, 'headers' | 'metadata' | 'callId'>): SessionIdentity {
  for (const read of readers) {
    const id = read(invite)?.trim() ?? '';
    if (id !== '' && id.length <= longestIdChars) return { id, shared: true };
  }
  return { id: invite.callId, shared: false };
}

type Reader = (invite: Pick<SipOnTheWire, 'headers' | 'metadata'>) => string | undefined;

const readers: readonly Reader[] = [
  ({ headers, metadata }) => firstSessionId([...sipSessionIds(metadata), ...allOf({ headers }, 'session-id')]),
  ({ headers, metadata }) => firstOf(['user-to-user', 'x-ucid', 'p-ucid'].flatMap((name) => allOf({ headers }, name)), readUcid) ?? metadata?.hints?.ucid,
  ({ headers }) => firstOf(allOf({ headers }, 'cisco-guid'), readCiscoGuid),
  (invite) => referenceOf(header(invite, 'from')),
  (invite) => header(invite, 'x-audc-call-id') ?? header(invite, 'ac-session-id'),
  ({ metadata }) => metadata?.groupId ?? metadata?.sessions[0]?.groupId,
  ({ metadata }) => metadata?.sessions[0]?.id,
];

const sipSessionIds = (metadata: RecordingMetadata | undefined): readonly string[] => metadata?.sessions[0]?.sipSessionIds ?? [];

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

function firstOf(values: readonly string[], read: (value: string) => string | undefined): string | undefined {
  for (const value of values) {
    const id = read(value);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** `x-refci` of a Cisco telephone's built-in bridge, which stands in its From. */
function referenceOf(from: string | undefined): string | undefined {
  const parameter = (name: string): string => new RegExp(`[;\\s]${name}=([^;>\\s]+)`, 'iu').exec(from ?? '')?.[1] ?? '';
  const reference = parameter('x-refci');
  return reference === '' ? undefined : `${reference}@${parameter('x-nearendclusterid')}`;
}
