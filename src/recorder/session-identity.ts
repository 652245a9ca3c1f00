/**
 * Which call a recording session is of: the unique ID that all captures of one call share. Pure.
 *
 * Makers give several; the most trustworthy that is there counts, so that whoever else records the call comes to the
 * same. RFC 7989's halves change places with the side that sends them: both orders are one call.
 */
import { createHash } from 'node:crypto';
import { bridgedCallOf, makersCallId, nilSessionUuid, parseSessionId, type BodyPart, type BuiltInBridge, type RecordingMetadata } from '../sip/index.js';
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
  if (bridge !== undefined) return [shortened(bridgedCallOf(bridge))];
  for (const value of [...(metadata?.sessions[0]?.sipSessionIds ?? []), header('session-id')]) {
    const ids = value === undefined ? undefined : halves(value, metadata?.control !== undefined);
    if (ids !== undefined) return ids;
  }
  const values = (name: string): readonly string[] => [header(name) ?? []].flat();
  const id = makersCallId({ values, parts, metadata, configuredHeader });
  return id === undefined ? undefined : [shortened(id)];
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
