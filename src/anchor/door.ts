/**
 * What a media anchor does for a call, whichever member it is.
 *
 * The proxy shows the anchor each SDP that passes and sends on what comes back, so that both sides
 * send their media to the anchor. Offer and answer are told apart by the anchor: the first SDP of an
 * exchange is the offer (RFC 3264).
 */
import type { Sound } from '../media/index.js';

export type Side = 'caller' | 'callee';

export const sides = ['caller', 'callee'] as const satisfies readonly Side[];
export const otherSide = (side: Side): Side => (side === 'caller' ? 'callee' : 'caller');

/** Of each side's stream in a recording session (RFC 4574). */
export const streamLabel = { caller: '1', callee: '2' } as const satisfies Record<Side, string>;

/**
 * Why the media shows that a recorder is gone: the system tells again and again that nobody listens at its port, or its
 * receiver reports stay away. `port-refused`: the system told it once, which may be the first sign of that. Linux tells a
 * network's other end so once a second, whichever port it is of (icmp_ratelimit): of many calls few are told twice.
 */
export const forkTroubles = ['port-refused', 'port-unreachable', 'no-reports'] as const;
export type ForkTrouble = (typeof forkTroubles)[number];

/** Copies of a call on their way to one recorder. */
export interface CallFork {
  /**
   * The SDP offer of a recording session for this call: caller's stream first (label 1), then the callee's
   * (label 2), those of them that this fork copies, with the keys that their packets are encrypted with. Undefined while
   * the audio of one side is not known, or when there is none.
   */
  recordingOffer(): Promise<RecordingOffer | undefined>;
  /**
   * The recorder's answer: the copies go there; after openFork or detachFork first those that no recorder has confirmed,
   * where the anchor keeps any. A further answer of the same recorder only moves the copies.
   *
   * @throws Failure SIPREC_UNUSABLE when it cannot be read, or what the anchor says when it cannot copy.
   */
  startFork(answer: string): Promise<void>;
  /**
   * The recorder has left: nothing is sent to it any more; what it has not confirmed, and what comes from now on, is kept
   * for the next startFork, within a bound of which the oldest go first. Never rejects.
   */
  detachFork(): Promise<void>;
  /**
   * The call is over: resolves once the recorder has reported that it has written all that it was sent, which meanwhile is
   * sent again as need be; to false when that takes longer, or nobody reports. Never rejects. Not there where the anchor
   * keeps nothing.
   */
  forkConfirmed?(withinMs: number): Promise<boolean>;
  /** No more copies; those kept are dropped. The call, and other forks, go on. Never rejects. */
  stopFork(): Promise<void>;
  /**
   * Who is told, of each trouble at most once between a startFork and the detachFork that follows, that the media shows
   * its recorder gone. Not by an anchor that cannot see it.
   */
  watchFork(told: (trouble: ForkTrouble) => void): void;
}

/** A call, and the fork of both directions that each has from its beginning. */
export interface AnchoredCall extends CallFork {
  /** Of the INVITE that goes on, where the anchor knows the call again by them. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * An SDP came from `from`; returns it as it goes on to the other side.
   *
   * @throws Failure SDP_UNUSABLE when it cannot be read, PORTS_EXHAUSTED or MEDIA_BIND when no socket is to be had.
   */
  exchange(from: Side, sdp: string): Promise<string>;
  /** A further fork, of these sides: for a second recorder of all, or one for each side. It lasts as long as the call. */
  openFork(of: readonly Side[]): CallFork;
  /** Of all forks: until resumeFork, packets are neither copied nor kept for later; offers say inactive at once. Idempotent, at any time; resolves when it holds, never rejects. */
  pauseFork(): Promise<void>;
  resumeFork(): Promise<void>;
  /**
   * Plays a sound to one side or both, without changing the time of what they hear; what the recorder gets is not
   * touched. Another sound to the same side ends this one. Never throws: what cannot be played is told by the end.
   */
  play(play: Play): Playing;
  /** Ends the call's media. Idempotent. */
  close(): Promise<void>;
}

export interface RecordingOffer {
  readonly sdp: string;
  /** True when the SDP holds SRTP keys: it may only travel where nobody else reads. */
  readonly holdsKeys: boolean;
}

export interface Play {
  /** A member that plays files makes one of its audio. */
  readonly sound: Sound;
  readonly to: readonly Side[];
  /** With the other party's audio, or in its place. */
  readonly over: 'mix' | 'replace';
  /** Until it is over, a side that it is not played to hears silence; without it, what the other party says. */
  readonly meanwhile?: 'silence';
}

/**
 * What came of it for one side: heard to its end; cut by a stop, the call's end or another sound; not to be had because
 * the media is encrypted with keys that are the parties', is in a codec that we do not have, or is none, or because
 * the anchor plays nothing; failed for a reason of ours.
 */
export const playOutcomes = ['played', 'cut', 'encrypted', 'codec', 'no-audio', 'anchor', 'failed'] as const;
export type PlayOutcome = (typeof playOutcomes)[number];

/** For each side that it was to be played to. */
export type PlayEnd = Readonly<Partial<Record<Side, PlayOutcome>>>;

export interface Playing {
  /** Idempotent. */
  stop(): void;
  /** Never rejects; resolves at the latest when the call's media is closed. */
  readonly ended: Promise<PlayEnd>;
}

/** Told of each key that a party presses, as far as the media tells in clear: 0 to 9, *, #, A to D. A secret of the party's. */
export type DigitListener = (from: Side, digit: string) => void;

export interface AnchorStats {
  readonly calls: number;
  /** Absent where the anchor's ports are somebody else's. */
  readonly freePortPairs?: number;
}

export interface CallOptions {
  /** What is known of who brought the call. */
  readonly came?: { readonly address?: string | undefined; readonly ciscoGuid?: string | undefined };
  /** By which of the anchor's networks each side is reached; one that it does not name: by the first. */
  readonly networks?: Readonly<Partial<Record<Side, string | undefined>>>;
  readonly onDigit?: DigitListener | undefined;
  /** The recorder's copies do not tell which keys were pressed, as far as the media tells in clear; the other party hears them. */
  readonly dtmfMasked?: boolean;
  /** Whether copies of SRTP go out as RTP, by a member that can; left out: as its settings say. */
  readonly decrypt?: boolean | undefined;
  /**
   * Told when neither party has sent anything for the time that is configured, and told again after as long, if they go
   * on so. Not while one is on hold; not by a member that leaves that to others.
   */
  readonly onSilent?: () => void;
}

export interface Anchor {
  openCall(sessionId: string, options?: CallOptions): AnchoredCall;
  stats(): AnchorStats;
  /** All that were relayed and dropped since it was opened; absent where somebody else's packets are not counted here. */
  readonly packets?: () => RelayPackets;
  /** Whether it takes calls, for a person who asks for the health of all. */
  health(): { readonly ok: boolean; readonly detail: string };
  close(): Promise<void>;
}

/** Why a datagram did not go on: its side is unknown, it is a stranger's, or the recorder's copy found no room or no way. */
export const relayDropReasons = ['no-target', 'unknown-source', 'queue-full', 'send-failed'] as const;
export type RelayDropReason = (typeof relayDropReasons)[number];

export interface RelayPackets {
  readonly relayed: Readonly<Record<Side, number>>;
  readonly dropped: Readonly<Record<RelayDropReason, number>>;
}
