/**
 * What a recorder's receiver reports confirm of the packets that are kept for it: pure.
 *
 * A report's highest sequence number confirms what is below it, but for what was lost on the way. That shows where the
 * count of lost packets rose by more than the source itself had left out: then what is not confirmed yet is to be sent
 * again, and is confirmed by a later report. That count begins with the first packet that came; what was lost before is
 * added from a loss summary (RFC 3611 §4.6), as our recorder sends them.
 *
 * Bound      `mostSources` of a stream at a time: it has one, and others after transfers.
 */
import type { ReportBlock } from '../../media/index.js';
import type { KeptPackets } from './kept-packets.js';

const mostSources = 8;
/** What still lacks after so many repeats will not come. */
const mostRepeats = 3;

interface Source {
  readonly ssrc: number;
  /** Sequence number of the first that the recorder was to get. */
  readonly first: number;
  /** How many from there on were lost before the first that it heard, as it was last told. */
  lostBefore: number;
  /** The last report's highest number, with its wraps. */
  extended: number | undefined;
  /** Sequence number to which all is written, or will not come. */
  highest: number;
  /** How many the recorder lacks at that. */
  lost: number;
  /** To which it has come, with something lacking below; as `highest` when nothing is. */
  heardTo: number;
  repeats: number;
  /** How many since `highest` are not kept any more, written or not. */
  gone: number;
  /** While it is repeated: to which number all has been, each time, and the least that was lost since. */
  mark: { readonly to: number; lost: number };
}

/** From 0 to 65,535. */
const ahead = (of: number, to: number): number => (to - of) & 0xffff;
/** Whether it is that number, or a later one. */
const isFrom = (number: number, later: number): boolean => ahead(number, later) < 0x8000;
const isWithin = (number: number, after: number, to: number): boolean => ahead(after, number) !== 0 && ahead(after, number) <= ahead(after, to);

export class Confirmed {
  #sources: Source[] = [];

  /** Another recorder, who knows nothing yet. */
  clear(): void {
    this.#sources = [];
  }

  /** @param begin sequence number of the first packet that the recorder heard of the source, where it has told it */
  report({ ssrc, extendedHighest, cumulativeLost }: ReportBlock, begin: number | undefined, kept: KeptPackets): 'confirmed' | 'lost-on-the-way' {
    const source = this.#sources.find((one) => one.ssrc === ssrc) ?? this.#begin(ssrc, kept);
    // Nothing new, or a report that another has overtaken.
    if (source === undefined || (source.extended !== undefined && ((extendedHighest - source.extended) | 0) <= 0)) return 'confirmed';
    source.extended = extendedHighest;
    source.heardTo = extendedHighest & 0xffff;
    if (begin !== undefined) source.lostBefore = isFrom(source.first, begin) ? ahead(source.first, begin) : 0;
    const lost = cumulativeLost + source.lostBefore;
    if (source.repeats > 0) source.mark.lost = Math.min(source.mark.lost, lost);
    // What came after the first repeat may have been lost after the last one.
    if (source.repeats === mostRepeats && isLacking(source, lost, kept)) {
      source.highest = source.mark.to;
      source.lost = source.mark.lost;
      source.repeats = source.gone = 0;
    }
    if (isLacking(source, lost, kept)) {
      if (source.repeats === 0) source.mark = { to: source.heardTo, lost };
      source.repeats += 1;
      return 'lost-on-the-way';
    }
    // A first report may be of what is not kept any more: what was lost after that is not the source's own lack.
    if (isFrom(source.highest, source.heardTo)) source.highest = source.heardTo;
    source.lost = lost;
    source.repeats = source.gone = 0;
    return 'confirmed';
  }

  /** Whether the RTP packet that lies there is written. */
  has(memory: Buffer, at: number): boolean {
    const ssrc = memory.readUInt32BE(at + 8);
    for (const source of this.#sources) if (source.ssrc === ssrc) return isFrom(memory.readUInt16BE(at + 2), source.highest);
    return false;
  }

  /** The RTP packet that lies there will not be kept any more, unconfirmed as it is. */
  gone(memory: Buffer, at: number): void {
    const source = this.#sources.find(({ ssrc }) => ssrc === memory.readUInt32BE(at + 8));
    if (source !== undefined && !isFrom(memory.readUInt16BE(at + 2), source.highest)) source.gone += 1;
  }

  /** Undefined where nothing of it is kept: then nothing is to be confirmed. */
  #begin(ssrc: number, kept: KeptPackets): Source | undefined {
    let first: number | undefined;
    kept.each((memory, at, rtcp) => {
      if (first === undefined && !rtcp && memory.readUInt32BE(at + 8) === ssrc) first = memory.readUInt16BE(at + 2);
    });
    if (first === undefined) return undefined;
    const before = (first - 1) & 0xffff;
    const source: Source = { ssrc, first, lostBefore: 0, extended: undefined, highest: before, lost: 0, heardTo: before, repeats: 0, gone: 0, mark: { to: before, lost: 0 } };
    if (this.#sources.length >= mostSources) this.#sources.shift();
    this.#sources.push(source);
    return source;
  }
}

const isLacking = (source: Source, lost: number, kept: KeptPackets): boolean => lost > source.lost && lost - source.lost > leftOut(source, kept);

/** How many of the numbers since the last report were never sent: the source itself lacked them. */
function leftOut({ ssrc, highest, heardTo, gone }: Source, kept: KeptPackets): number {
  let sent = gone;
  kept.each((memory, at, rtcp) => {
    if (!rtcp && memory.readUInt32BE(at + 8) === ssrc && isWithin(memory.readUInt16BE(at + 2), highest, heardTo)) sent += 1;
  });
  return Math.max(0, ahead(highest, heardTo) - sent);
}
