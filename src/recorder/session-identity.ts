/**
 * Which call a recording session is of: the unique ID that all captures of one call share. Pure.
 *
 * Makers give several; the most trustworthy that is there counts, so that whoever else records the call comes to the
 * same. RFC 7989's halves change places with the side that sends them: both orders are one call.
 */
import { createHash } from 'node:crypto';
import { ciscoGuidInGtd, nilSessionUuid, parseSessionId, readCiscoGuid, readGenesysUuid, readUcid, type BodyPart, type RecordingMetadata } from '../sip/index.js';
import type { BuiltInBridge } from './cisco-bib.js';
import type { RecordingRequest } from './request.js';

export interface SessionClues {
  readonly request: RecordingRequest;
  readonly parts: readonly BodyPart[];
  readonly metadata: RecordingMetadata | undefined;
  readonly bridge: BuiltInBridge | undefined;
  /** A header that the configuration names. */
  readonly configuredHeader: string | undefined;
}

const longestSessionIdBytes = 128;

/**
 * IDs that the call may be known by, at least one. The first is taken unless a ledger knows the call by another, which
 * is so where it was entered before both halves were known.
 */
export function sessionIdsOf(clues: SessionClues): readonly [string, ...string[]] {
  const callId = clues.request.callId.trim();
  return givenIdsOf(clues) ?? [shortened(callId === '' ? 'unnamed' : callId)];
}

/** The same, as far as the client names the call: undefined where there is nothing but the Call-ID of the session itself. */
export function givenIdsOf({ request, parts, metadata, bridge, configuredHeader }: SessionClues): readonly [string, ...string[]] | undefined {
  const { header } = request;
  // Both calls of a built-in bridge have a Session-ID of their own; what pairs them is this.
  if (bridge !== undefined) return [shortened(`${bridge.refci}@${bridge.cluster}`)];
  const session = metadata?.sessions[0];
  for (const value of [...(session?.sipSessionIds ?? []), header('session-id')]) {
    const ids = value === undefined ? undefined : halves(value, metadata?.control !== undefined);
    if (ids !== undefined) return ids;
  }
  const gtd = parts.find(({ contentType }) => contentType === 'application/gtd')?.content;
  const clues = [
    first(header('user-to-user'), readUcid),
    metadata?.hints?.ucid,
    // Avaya's SBC has it as the ID of the session; other makers' IDs are no UCID of the long form.
    session !== undefined && /^00FA08/iu.test(session.id) ? readUcid(session.id) : undefined,
    first(header('cisco-guid'), readCiscoGuid),
    gtd === undefined ? undefined : ciscoGuidInGtd(gtd),
    header('x-audc-call-id'),
    header('ac-session-id'),
    // After what the SBC calls its session: this one is of the whole call, whose legs an SBC may record each by itself.
    first(header('x-genesys-calluuid'), readGenesysUuid),
    metadata?.hints?.genesysUuid,
    session?.groupId ?? metadata?.groupId,
    session?.id,
    configuredHeader === undefined ? undefined : header(configuredHeader),
  ];
  const id = clues.map((clue) => clue?.trim() ?? '').find((clue) => clue !== '');
  return id === undefined ? undefined : [shortened(id)];
}

/** A header that may have several values, with commas between them. */
function first(values: string | undefined, read: (value: string) => string | undefined): string | undefined {
  for (const value of values?.split(',', 32) ?? []) {
    const found = read(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @param ours a client of ours knows the call by the first half */
function halves(value: string, ours: boolean): readonly [string, ...string[]] | undefined {
  const parsed = parseSessionId(value);
  if (parsed === 'malformed' || parsed.local === nilSessionUuid) return undefined;
  const { local, remote } = parsed;
  if (ours || remote === nilSessionUuid) return [local];
  return local < remote ? [local, remote] : [remote, local];
}

/** What others chose is of any length, a file name is not: a longer ID is known by its digest. */
const shortened = (id: string): string => (Buffer.byteLength(id) <= longestSessionIdBytes ? id : createHash('sha256').update(id).digest('hex'));
