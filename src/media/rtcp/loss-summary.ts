/**
 * Extended reports (RFC 3611): of their blocks the one that says from which packet on a receiver has counted. A report
 * block's count of lost packets begins with the first that came, so what was lost before that is in none.
 *
 * Owns       statistics summary blocks (§4.6) with loss alone, in octets and as values.
 * Leaves to  parse.ts and encode.ts the packet around them.
 */
import type { OtherRtcp } from './packets.js';

/** What was received of one source, from `begin` to before `end`: at most 65,535 packets. */
export interface LossSummary {
  ssrc: number;
  /** 0..65,535 */
  begin: number;
  /** 0..65,535, the number after the last */
  end: number;
  lost: number;
}

/** RFC 3611 §2. */
const extendedReports = 207;
const statisticsSummary = 6;
const summaryBytes = 40;
/** That the count of losses holds; without the others those fields are 0. */
const lossFlag = 0x80;

/** @param ssrc of the receiver */
export function encodeLossSummaries(ssrc: number, summaries: readonly LossSummary[]): OtherRtcp {
  const body = Buffer.alloc(4 + summaries.length * summaryBytes);
  body.writeUInt32BE(ssrc, 0);
  for (const [index, summary] of summaries.entries()) {
    const at = 4 + index * summaryBytes;
    body.writeUInt8(statisticsSummary, at);
    body.writeUInt8(lossFlag, at + 1);
    body.writeUInt16BE(summaryBytes / 4 - 1, at + 2);
    body.writeUInt32BE(summary.ssrc, at + 4);
    body.writeUInt16BE(summary.begin, at + 8);
    body.writeUInt16BE(summary.end, at + 10);
    body.writeUInt32BE(summary.lost, at + 12);
  }
  return { type: 'other', packetType: extendedReports, count: 0, body };
}

/** Total: other packets and other blocks are passed over, and so is what a block that is too long leaves. */
export function readLossSummaries({ packetType, body }: OtherRtcp): LossSummary[] {
  const summaries: LossSummary[] = [];
  if (packetType !== extendedReports) return summaries;
  for (let at = 4; at + 4 <= body.length; ) {
    const end = at + 4 + body.readUInt16BE(at + 2) * 4;
    if (end > body.length) break;
    if (body.readUInt8(at) === statisticsSummary && end - at === summaryBytes && (body.readUInt8(at + 1) & lossFlag) !== 0) {
      summaries.push({ ssrc: body.readUInt32BE(at + 4), begin: body.readUInt16BE(at + 8), end: body.readUInt16BE(at + 10), lost: body.readUInt32BE(at + 12) });
    }
    at = end;
  }
  return summaries;
}
