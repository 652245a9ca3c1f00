/**
 * Which stretches of one source's time hold audio: pure.
 *
 * Kept as intervals in ticks, each with the sequence numbers at its ends, so that a gap can be told
 * a loss (numbers are missing) from silence that the sender meant (none is).
 */
export interface Interval {
  startTicks: number;
  endTicks: number;
  /** Extended sequence numbers of the first and the last packet in it. */
  firstSequence: number;
  lastSequence: number;
}

export class Coverage {
  /** In order of time, none touching the next. */
  readonly intervals: Interval[] = [];

  add(startTicks: number, endTicks: number, sequence: number): void {
    const last = this.intervals[this.intervals.length - 1];
    if (last?.endTicks === startTicks) {
      last.endTicks = endTicks;
      last.lastSequence = sequence;
      return;
    }
    const added: Interval = { startTicks, endTicks, firstSequence: sequence, lastSequence: sequence };
    if (last === undefined || startTicks > last.endTicks) this.intervals.push(added);
    else this.#insert(added);
  }

  /** Whether all from `startTicks` to `endTicks` is covered, without a gap. */
  covers(startTicks: number, endTicks: number): boolean {
    let low = 0;
    for (let high = this.intervals.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((this.intervals[middle]?.startTicks ?? 0) <= startTicks) low = middle + 1;
      else high = middle;
    }
    const before = this.intervals[low - 1];
    return before !== undefined && endTicks <= before.endTicks;
  }

  /** How much of what lies from `startTicks` to `endTicks` is covered. */
  coveredWithin(startTicks: number, endTicks: number): number {
    return this.intervals.reduce((sum, interval) => sum + Math.max(0, Math.min(endTicks, interval.endTicks) - Math.max(startTicks, interval.startTicks)), 0);
  }

  /** A late packet: joined with what it touches. Late ones are near the end, so the search starts there. */
  #insert(added: Interval): void {
    let at = this.intervals.length;
    while (at > 0 && (this.intervals[at - 1]?.endTicks ?? 0) >= added.startTicks) at -= 1;
    let end = at;
    for (; end < this.intervals.length; end += 1) {
      const touched = this.intervals[end];
      if (touched === undefined || touched.startTicks > added.endTicks) break;
      added.startTicks = Math.min(added.startTicks, touched.startTicks);
      added.endTicks = Math.max(added.endTicks, touched.endTicks);
      added.firstSequence = Math.min(added.firstSequence, touched.firstSequence);
      added.lastSequence = Math.max(added.lastSequence, touched.lastSequence);
    }
    this.intervals.splice(at, end - at, added);
  }
}
