/** For the simulation of failover: what became of each packet that a party sent. */
import type { Side } from '../anchor/index.js';

/**
 * Flags: a packet of which there are two copies may have several fates.
 *
 *   written   a recorder has it
 *   dropped   it was the oldest of more than are kept
 *   left      it was kept, unconfirmed, when its call ended
 *   unsure    a report has confirmed it, and that recorder has not written it
 *   unwanted  it came when the recording had been given up
 */
export const fates = { written: 1, dropped: 2, left: 4, unsure: 8, unwanted: 16 } as const;

/** One party's packets, by their numbers from 0 on. */
export class SentPackets {
  readonly #fates: Uint8Array;
  sent = 0;

  constructor(readonly most: number) {
    this.#fates = new Uint8Array(most);
  }

  mark(number: number, fate: keyof typeof fates): void {
    this.#fates[number] = (this.#fates[number] ?? 0) | fates[fate];
  }

  has(number: number, fate: keyof typeof fates): boolean {
    return ((this.#fates[number] ?? 0) & fates[fate]) !== 0;
  }

  /** How many nobody has written, and why. */
  missing(fate: keyof typeof fates): number {
    let count = 0;
    for (let number = 0; number < this.sent; number += 1) if (!this.has(number, 'written') && this.has(number, fate)) count += 1;
    return count;
  }
}

/** Of one call. */
export type SentBySide = Readonly<Record<Side, SentPackets>>;

/** What a report says of one source: all that is written, not what has come. */
export interface WrittenReport {
  /** The first that came. */
  readonly first: number;
  readonly highest: number;
  /** How many below that are not there, since the first. */
  readonly lost: number;
}

/** A recorder's line, as no report tells of it. */
export interface WrittenLine {
  hasWritten(number: number): boolean;
}
