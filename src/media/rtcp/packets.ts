/**
 * The packets of RTCP as values (RFC 3550 §6.4 to §6.7).
 *
 * Owns       their shapes and the numbers of their types.
 * Leaves to  parse.ts and encode.ts the octets.
 */

/** One block of a report: what its sender received of one source (RFC 3550 §6.4.1). */
export interface ReportBlock {
  /** the source that the block is about */
  ssrc: number;
  /** since the last report, in 256ths: 0..255 */
  fractionLost: number;
  /** since the start, -2^23..2^23-1; negative where duplicates outnumber losses */
  cumulativeLost: number;
  /** wraps in the upper 16 bits, sequence number in the lower */
  extendedHighest: number;
  jitterTicks: number;
  /** the middle 32 bits of the NTP time of the last sender report; 0 for none */
  lastSenderReport: number;
  /** between that report's arrival and this one's sending, in 65,536ths of a second */
  delaySinceLastSenderReport: number;
}

export interface SenderReport {
  type: 'SR';
  ssrc: number;
  /** wall clock, 32.32 bits fixed point seconds since 1900; 0 where the sender has none */
  ntp: bigint;
  /** the same instant on the stream's own clock */
  rtpTimestamp: number;
  packetCount: number;
  octetCount: number;
  /** 31 at most */
  reports: readonly ReportBlock[];
  /** what a profile adds after the blocks: whole 32-bit words, mostly none */
  profileExtension: Buffer;
}

export interface ReceiverReport {
  type: 'RR';
  ssrc: number;
  reports: readonly ReportBlock[];
  profileExtension: Buffer;
}

/** An item of a source's description, such as 1, CNAME (RFC 3550 §6.5.1). Text is of the far end's making. */
export interface SourceItem {
  /** 1..255 */
  item: number;
  /** 255 octets of UTF-8 at most */
  text: string;
}

export interface SourceChunk {
  ssrc: number;
  items: readonly SourceItem[];
}

export interface SourceDescription {
  type: 'SDES';
  /** 31 at most */
  chunks: readonly SourceChunk[];
}

export interface Goodbye {
  type: 'BYE';
  /** 31 at most */
  ssrcs: readonly number[];
  /** 255 octets of UTF-8 at most */
  reason: string | undefined;
}

/** Any other packet type: APP, feedback (RFC 4585), extended reports (RFC 3611). */
export interface OtherRtcp {
  type: 'other';
  packetType: number;
  /** the five bits beside the version: a count, subtype or format */
  count: number;
  /** what follows the first word: whole 32-bit words */
  body: Buffer;
}

export type RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye | OtherRtcp;

/** RFC 3550 §12.1. */
export const packetTypes = { SR: 200, RR: 201, SDES: 202, BYE: 203 } as const;

/** The item that names a participant over all its streams (RFC 3550 §6.5.1). */
export const cnameItem = 1;

export const reportBlockBytes = 24;
