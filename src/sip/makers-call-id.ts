/**
 * What makers call the call that an INVITE is of, where it has no RFC 7989 Session-ID: the most trustworthy that is there.
 * Pure. Of any length: whoever uses it has a bound.
 */
import { ciscoGuidInGtd, readCiscoGuid } from './cisco-guid.js';
import { readGenesysUuid } from './genesys-uuid.js';
import type { BodyPart } from './multipart.js';
import type { RecordingMetadata } from './siprec-metadata.js';
import { readUcid } from './ucid.js';

export interface CallClues {
  /** All values of a header, by its name in small letters. */
  readonly values: (header: string) => readonly string[];
  readonly parts: readonly BodyPart[];
  /** Of a recording session. */
  readonly metadata: RecordingMetadata | undefined;
  /** A header that the configuration names. */
  readonly configuredHeader?: string | undefined;
}

/** Without white space around it; undefined where nothing names the call. */
export function makersCallId({ values, parts, metadata, configuredHeader }: CallClues): string | undefined {
  const read = (header: string, as: (value: string) => string | undefined): string | undefined => firstOf(values(header), as);
  const plain = (header: string): string | undefined => values(header)[0];
  const [session] = metadata?.sessions ?? [];
  const gtd = parts.find(({ contentType }) => contentType === 'application/gtd')?.content;
  const ids = [
    read('user-to-user', readUcid) ?? read('x-ucid', readUcid) ?? read('p-ucid', readUcid),
    metadata?.hints?.ucid,
    // Avaya's SBC has it as the ID of the session; other makers' IDs are no UCID of the long form.
    session !== undefined && /^00FA08/iu.test(session.id) ? readUcid(session.id) : undefined,
    read('cisco-guid', readCiscoGuid),
    gtd === undefined ? undefined : ciscoGuidInGtd(gtd),
    plain('x-audc-call-id'),
    plain('ac-session-id'),
    // After what the SBC calls its session: this one is of the whole call, whose legs an SBC may record each by itself.
    read('x-genesys-calluuid', readGenesysUuid),
    metadata?.hints?.genesysUuid,
    session?.groupId ?? metadata?.groupId,
    session?.id,
    configuredHeader === undefined ? undefined : plain(configuredHeader.toLowerCase()),
  ];
  return ids.map((id) => id?.trim() ?? '').find((id) => id !== '');
}

/** A header may have several values, with commas between them. */
function firstOf(values: readonly string[], read: (value: string) => string | undefined): string | undefined {
  for (const value of values.flatMap((all) => all.split(',', 32))) {
    const found = read(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
