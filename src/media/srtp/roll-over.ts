/**
 * The roll-over counter, which is not in the packet (RFC 3711 §3.3.1), and how it is found by one who
 * joins late or was away for long.
 *
 * Owns       the estimate, and how much work may go into searching.
 * Leaves to  receiver.ts to authenticate what was guessed.
 */
const maxRollOver = 0xffff_ffff;

/** The packet index, 48 bits: roll-over counter and sequence number. */
export const packetIndex = (rollOver: number, sequenceNumber: number): number => rollOver * 0x1_0000 + sequenceNumber;

/**
 * The roll-over counter that a packet most likely has (RFC 3711 §3.3.1 and appendix A), 0..2^32-1.
 * @param highestIndex of the packets that authenticated; undefined for a source not heard yet, which
 *   is taken to have just begun
 */
export function guessRollOver(sequenceNumber: number, highestIndex: number | undefined): number {
  if (highestIndex === undefined) return 0;
  const rollOver = Math.floor(highestIndex / 0x1_0000);
  const highest = highestIndex % 0x1_0000;
  if (highest < 0x8000) return sequenceNumber - highest > 0x8000 ? Math.max(0, rollOver - 1) : rollOver;
  return highest - 0x8000 > sequenceNumber ? Math.min(maxRollOver, rollOver + 1) : rollOver;
}

/**
 * Bounds the search for a roll-over counter, which costs an authentication a try: garbage, or a stream
 * under another key, must not buy many. Sixteen searches may fail; then one more for every eight
 * packets that authenticated, or sixty-four that did not.
 */
export class SearchCredit {
  private static readonly most = 16;
  private credit = SearchCredit.most;

  get allowsSearch(): boolean {
    return this.credit >= 1;
  }

  authenticated(): void {
    this.credit = Math.min(SearchCredit.most, this.credit + 1 / 8);
  }

  /** @param searched whether a search was spent on the packet */
  failed(searched: boolean): void {
    this.credit = searched ? this.credit - 1 : Math.min(SearchCredit.most, this.credit + 1 / 64);
  }
}
