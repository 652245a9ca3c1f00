/**
 * One sound while it is played in a call: a player for each side that it concerns, and the timer that they need.
 *
 * Owns       the timer, and when all of it is over.
 * Leaves to  player.ts what each side hears; the call the slots that its packets look into.
 */
import { sides, type Play, type PlayEnd, type Playing, type PlayOutcome, type Side } from '../door.js';
import type { OwnStream } from './own-stream.js';
import type { PlayedCodecs, Unplayable } from './played-codecs.js';
import { Player } from './player.js';

const tickMs = 20;

export interface PlayingParts {
  /** Who plays to each side; read for each packet. */
  readonly players: Record<Side, Player | undefined>;
  readonly codecsTo: (side: Side) => PlayedCodecs | Unplayable;
  readonly ownStream: (side: Side) => OwnStream;
  readonly send: (side: Side, packet: Buffer) => void;
  readonly reachable: (side: Side) => boolean;
  /** In ms, by a clock that does not jump. */
  readonly now: () => number;
}

export class SoundInCall implements Playing {
  readonly ended: Promise<PlayEnd>;
  readonly #parts: PlayingParts;
  readonly #play: Play;
  /** Ours, which may not be the ones of the call any more. */
  readonly #players: Record<Side, Player | undefined> = { caller: undefined, callee: undefined };
  readonly #outcomes: Partial<Record<Side, PlayOutcome>> = {};
  #tellEnd: (end: PlayEnd) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(play: Play, parts: PlayingParts) {
    this.#play = play;
    this.#parts = parts;
    this.ended = new Promise((resolve) => (this.#tellEnd = resolve));
    const codecs = play.to.map((side) => ({ side, to: parts.codecsTo(side) }));
    for (const { side, to } of codecs) {
      if (typeof to === 'string') this.#outcomes[side] = to;
      else this.#players[side] = this.#open(side, to, true);
    }
    if (this.#isOver()) return;
    // Whoever is not played to, or cannot be, is to hear nothing either.
    for (const side of play.meanwhile === 'silence' ? sides : []) {
      const to = parts.codecsTo(side);
      if (this.#players[side] === undefined && typeof to !== 'string') this.#players[side] = this.#open(side, to, false);
    }
    for (const side of sides) {
      const player = this.#players[side];
      if (player === undefined) continue;
      parts.players[side]?.stop();
      parts.players[side] = player;
    }
    this.#timer = setInterval(() => {
      for (const side of play.to) this.#players[side]?.tick();
    }, tickMs);
  }

  /** Another SDP was exchanged. */
  describe(): void {
    for (const side of sides) this.#players[side]?.describe(this.#parts.codecsTo(side));
  }

  stop(): void {
    for (const side of sides) this.#players[side]?.stop();
  }

  #open(side: Side, codecs: PlayedCodecs, sounding: boolean): Player {
    const { ownStream, send, reachable, now } = this.#parts;
    const { sound, over } = this.#play;
    return new Player({
      ...(sounding ? { sound } : {}),
      over: sounding ? over : 'replace',
      codecs, now,
      own: ownStream(side),
      send: (packet) => send(side, packet),
      reachable: () => reachable(side),
      onEnd: (outcome) => this.#ended(side, outcome, sounding),
    });
  }

  #ended(side: Side, outcome: PlayOutcome, sounding: boolean): void {
    if (sounding) this.#outcomes[side] = outcome;
    if (this.#isOver()) return;
    // Neither party hears the other until it is over for both.
    if (this.#play.meanwhile === 'silence' && outcome === 'played') this.#players[side]?.hush();
    else this.#leave(side);
  }

  /** Ends all of it once no side is played to any more. */
  #isOver(): boolean {
    if (this.#play.to.some((side) => this.#outcomes[side] === undefined)) return false;
    clearInterval(this.#timer);
    for (const side of sides) this.#leave(side);
    this.#tellEnd(this.#outcomes);
    return true;
  }

  #leave(side: Side): void {
    const player = this.#players[side];
    // Another sound may have taken its place.
    if (this.#parts.players[side] === player) this.#parts.players[side] = undefined;
    this.#players[side] = undefined;
    player?.stop();
  }
}
