/**
 * In which order the recorders of a group are asked for a session: pure.
 *
 * By priority; among those of one priority by load, where it differs much; and else by the session's own order, which is
 * the same at every proxy, so that calls of one session come together. One that has come back waits behind all others
 * for a falling share of the sessions.
 */
import { createHash } from 'node:crypto';

export interface Candidate {
  readonly uri: string;
  readonly priority: number;
  /** Sessions that run there. */
  readonly sessions: number;
  /** 1: takes its whole share; below: that much of it. */
  readonly share: number;
}

/** So much more is no more: what is known of the load is a moment old. */
const tieSessions = 5;
const tieShare = 0.1;

/** From 0 to below 1, the same wherever it is asked. */
function drawOf(sessionId: string, uri: string): number {
  return createHash('sha256').update(sessionId).update('\0').update(uri).digest().readUInt32BE(0) / 0x1_0000_0000;
}

export function inOrder(candidates: readonly Candidate[], sessionId: string): readonly Candidate[] {
  const drawn = candidates.map((candidate) => ({ candidate, draw: drawOf(sessionId, candidate.uri), level: 0, waits: false }));
  // Steps of load, from the least loaded of each priority on: comparing in pairs would not be an order.
  for (const priority of new Set(candidates.map((candidate) => candidate.priority))) {
    const peers = drawn.filter(({ candidate }) => candidate.priority === priority).sort((a, b) => a.candidate.sessions - b.candidate.sessions);
    let level = 0;
    let base = peers[0]?.candidate.sessions ?? 0;
    for (const peer of peers) {
      if (peer.candidate.sessions - base > Math.max(tieSessions, base * tieShare)) {
        level += 1;
        base = peer.candidate.sessions;
      }
      peer.level = level;
      peer.waits = peer.draw >= peer.candidate.share;
    }
  }
  return drawn.sort((a, b) => Number(a.waits) - Number(b.waits) || a.candidate.priority - b.candidate.priority || a.level - b.level || a.draw - b.draw).map(({ candidate }) => candidate);
}
