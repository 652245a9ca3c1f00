/**
 * Network-based recording by a Cisco gateway (NBR): no metadata, a header for each line that says who speaks on it.
 * Pure, total.
 *
 *   X-Cisco-Recording-Participant: sip:708090@192.0.2.5;media-index="0"
 */

const maxHeaderChars = 16_384;
const mostLines = 32;

/** URIs by the place of their media line; empty when there are none. */
export function readRecordingParticipants(header: string | undefined): ReadonlyMap<number, string> {
  const participants = new Map<number, string>();
  if (header === undefined || header.length > maxHeaderChars) return participants;
  for (const value of header.split(',')) {
    const uri = /(?:sips?|tel):[^;>\s"]+/iu.exec(value)?.[0];
    const at = Number(/;\s*media-index\s*=\s*"?\s*(\d{1,2})\s*"?/iu.exec(value)?.[1]);
    if (uri !== undefined && Number.isInteger(at) && at < mostLines) participants.set(at, uri);
  }
  return participants;
}
