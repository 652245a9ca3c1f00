/**
 * What a recorder's receiver reports confirm of the packets that are kept for it: pure.
 *
 * A report's highest sequence number confirms what is below it, but for what was lost on the way. That shows where the
 * count of lost packets rose by more than the source itself had left out: then what lies between the report before and
 * this one is to be sent again, and is confirmed by a later report.
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
  /** The last report's highest number, with its wraps. */
  extended: number | undefined;
  /** Sequence number to which all is written, or will not come. */
  highest: number;
  /** The recorder's count of what is lost at that. */
  lost: number;
  /** To which it has come, with something lacking below; as `highest` when nothing is. */
  heardTo: number;
  repeats: number;
  /** While it is repeated: to which number all has been, each time, and the least that was lost since. */
  mark: { readonly to: number; lost: number };
}

/** From 0 to 65,535. */
const ahead = (of: number, to: number): number => (to - of) & 0xffff;
const isWithin = (number: number, after: number, to: number): boolean => ahead(after, number) !== 0 && ahead(after, number) <= ahead(after, to);

export class Confirmed {
  #sources: Source[] = [];

  /** Another recorder, who knows nothing yet. */
  clear(): void {
    this.#sources = [];
  }

  report({ ssrc, extendedHighest, cumulativeLost }: ReportBlock, kept: KeptPackets): 'confirmed' | 'lost-on-the-way' {
    const source = this.#sources.find((one) => one.ssrc === ssrc) ?? this.#begin(ssrc, kept);
    // Nothing new, or a report that another has overtaken.
    if (source === undefined || (source.extended !== undefined && ((extendedHighest - source.extended) | 0) <= 0)) return 'confirmed';
    source.extended = extendedHighest;
    source.heardTo = extendedHighest & 0xffff;
    if (source.repeats > 0) source.mark.lost = Math.min(source.mark.lost, cumulativeLost);
    // What came after the first repeat may have been lost after the last one.
    if (source.repeats === mostRepeats && isLacking(source, cumulativeLost, kept)) {
      source.highest = source.mark.to;
      source.lost = source.mark.lost;
      source.repeats = 0;
    }
    if (isLacking(source, cumulativeLost, kept)) {
      if (source.repeats === 0) source.mark = { to: source.heardTo, lost: cumulativeLost };
      source.repeats += 1;
      return 'lost-on-the-way';
    }
    // A first report may be of what is not kept any more: what was lost after that is not the source's own lack.
    if (ahead(source.highest, source.heardTo) < 0x8000) source.highest = source.heardTo;
    source.lost = cumulativeLost;
    source.repeats = 0;
    return 'confirmed';
  }

  /** Whether the RTP packet that lies there is written. */
  has(memory: Buffer, at: number): boolean {
    const ssrc = memory.readUInt32BE(at + 8);
    for (const source of this.#sources) if (source.ssrc === ssrc) return ahead(memory.readUInt16BE(at + 2), source.highest) < 0x8000;
    return false;
  }

  /** Whether the RTP packet that lies there is one of those of which some were lost on the way. */
  isLacking(ssrc: number, memory: Buffer, at: number): boolean {
    const source = this.#sources.find((one) => one.ssrc === ssrc);
    return source !== undefined && memory.readUInt32BE(at + 8) === ssrc && isWithin(memory.readUInt16BE(at + 2), source.highest, source.heardTo);
  }

  /** Undefined where nothing of it is kept: then nothing is to be confirmed. */
  #begin(ssrc: number, kept: KeptPackets): Source | undefined {
    let first: number | undefined;
    kept.eachSent((memory, at, _end, rtcp) => {
      if (first === undefined && !rtcp && memory.readUInt32BE(at + 8) === ssrc) first = memory.readUInt16BE(at + 2);
    });
    if (first === undefined) return undefined;
    const before = (first - 1) & 0xffff;
    const source: Source = { ssrc, extended: undefined, highest: before, lost: 0, heardTo: before, repeats: 0, mark: { to: before, lost: 0 } };
    if (this.#sources.length >= mostSources) this.#sources.shift();
    this.#sources.push(source);
    return source;
  }
}

const isLacking = (source: Source, lost: number, kept: KeptPackets): boolean => lost > source.lost && lost - source.lost > leftOut(source, kept);

/** How many of the numbers since the last report were never sent: the source itself lacked them. */
function leftOut({ ssrc, highest, heardTo }: Source, kept: KeptPackets): number {
  let sent = 0;
  kept.eachSent((memory, at, _end, rtcp) => {
    if (!rtcp && memory.readUInt32BE(at + 8) === ssrc && isWithin(memory.readUInt16BE(at + 2), highest, heardTo)) sent += 1;
  });
  return ahead(highest, heardTo) - sent;
}
