/**
 * Recording sessions that nothing names, paired by where their media comes from and when they began. Pure.
 *
 * Some clients open one recording session for each direction of a call, and say nothing that tells which two belong
 * together. What is left is the habit of one machine that sets up one call: both come from it, one right after the other,
 * and their media from neighbouring ports of one address. A guess, so its bounds are tight, and where more than two would
 * do nobody is paired: strangers in one recording are worse than a call in two.
 *
 * Owns       which session has no name, which two are one call, what is remembered for it and for how long.
 * Leaves to  session-identity.ts what names a call; the recorder the clock.
 */
import { isWebSocket } from '../sip/index.js';
import { partiesOf } from './line-parties.js';
import type { LineRole } from './line-roles.js';
import { isRecordable, type RecordingOffer } from './offer.js';
import { givenIdsOf, type SessionClues } from './session-identity.js';

export interface UnnamedSession {
  /** What it is called for want of a better. */
  readonly sessionId: string;
  /** Address that its INVITE came from. */
  readonly source: string;
  /** Where the media of its one line comes from, as the SDP says. */
  readonly address: string;
  readonly port: number;
  /** Place of that line among the m-lines, and whom it brings when it stands alone. */
  readonly index: number;
  readonly role: LineRole;
}

/** What a session takes over from the one that it is paired with. */
export interface Pairing {
  readonly sessionId: string;
  /** By the place of its line: the role that the other session's line has not. */
  readonly roles: ReadonlyMap<number, LineRole>;
}

const pairedWithinMs = 2_000;
/**
 * RTP has an even port and RTCP the odd one above it (RFC 3550 §11): of two pairs that are allotted one after the other
 * the RTP ports are 2 apart, or 4 where the pair between them went to something else, as to another call or to video.
 */
const portsApart = [2, 4];
const mostRemembered = 2_000;
/** What an SDP has in place of an address that is not told (RFC 3264 §8.4). */
const noAddresses = ['', '0.0.0.0', '::'];

/** A session of one line over RTP whose client gave no ID of the call; undefined for any other. */
export function unnamedSession(clues: SessionClues, offer: RecordingOffer, { source, sessionId }: Pick<UnnamedSession, 'source' | 'sessionId'>): UnnamedSession | undefined {
  const [line, ...more] = offer.sdp?.media.filter(isRecordable) ?? [];
  if (line === undefined || more.length > 0 || isWebSocket(line.protocol) || noAddresses.includes(line.address)) return undefined;
  if (givenIdsOf(clues) !== undefined) return undefined;
  const { address, port, index } = line;
  return { sessionId, source, address, port, index, role: partiesOf(offer, [line])[0]?.role ?? 'caller' };
}

interface Waiting {
  readonly beganAtMs: number;
  /** It had more than one neighbour, or was one of several: which of them it belongs to will not be known any more. */
  ambiguous: boolean;
}

/** Sessions that began a moment ago and have no other half yet. */
export class UnnamedPairs {
  readonly #waiting = new Map<UnnamedSession, Waiting>();

  /** How many are remembered. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Takes in a session that begins. What it is paired with is not remembered any more, so no third one joins them.
   *
   * @param nowMs of a clock that only goes forward
   */
  enter(session: UnnamedSession, nowMs: number): Pairing | undefined {
    this.#forget(nowMs);
    const near = [...this.#waiting].filter(([other]) => areNeighbours(other, session));
    const [[other, { ambiguous }] = [undefined, { ambiguous: false }]] = near;
    if (other !== undefined && near.length === 1 && !ambiguous) {
      this.#waiting.delete(other);
      return { sessionId: other.sessionId, roles: new Map([[session.index, other.role === 'caller' ? 'callee' : 'caller']]) };
    }
    for (const [, waiting] of near) waiting.ambiguous = true;
    this.#waiting.set(session, { beganAtMs: nowMs, ambiguous: near.length > 0 });
    return undefined;
  }

  /** A session that was refused, or has ended: whoever comes now is of another call. */
  leave(session: UnnamedSession): void {
    this.#waiting.delete(session);
  }

  /** The oldest are the first. */
  #forget(nowMs: number): void {
    for (const [session, { beganAtMs }] of this.#waiting) {
      if (nowMs - beganAtMs <= pairedWithinMs && this.#waiting.size < mostRemembered) return;
      this.#waiting.delete(session);
    }
  }
}

const areNeighbours = (one: UnnamedSession, other: UnnamedSession): boolean =>
  one.source === other.source && one.address === other.address && portsApart.includes(Math.abs(one.port - other.port));
