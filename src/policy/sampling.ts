/**
 * A share of all calls, the same ones wherever it is asked: by the session ID alone, so that every proxy, and
 * a second look at the same call, come to the same answer. Of two shares the larger holds the smaller.
 */

/** A number from 0 to 1 (1 excluded) that is even over session IDs: FNV-1a, its bits mixed at the end as MurmurHash3 does. */
function positionOf(sessionId: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < sessionId.length; at += 1) hash = Math.imul(hash ^ sessionId.charCodeAt(at), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

export const isSampled = (sessionId: string, percent: number): boolean => positionOf(sessionId) * 100 < percent;
