/**
 * What a recording client is told of a line in RTCP receiver reports (RFC 3550 §6.4.2): pure.
 *
 * The highest sequence number is not what came but what is written: a client that keeps packets until they are safe may
 * let go of those below, and sends the others to another recorder when this one dies. A packet's number is reported once
 * as many packets are in the file as had been taken when it came (RFC 3550 leaves open when a receiver counts it).
 *
 * It counts from the first packet that came. A client that asks for it (RFC 3611 §5) is told by a statistics summary (§4.6)
 * which that was, so that it can tell what was lost before.
 *
 * Owns       counts of each source, and which of them are written.
 * Leaves to  line.ts sockets, SRTCP and when to send.
 */
import { cnameItem, compactNtp, encodeLossSummaries, encodeRtcp, parseRtcp, Reception, type LossSummary, type ReportBlock } from '../media/index.js';

/** A line has one source, a few after transfers; the oldest are forgotten. */
const mostSources = 8;
/** What was lost on the way is sent again some seconds later: of 20 ms each, so far back. */
const sentAgainPackets = 1_024;
/** A disk that hangs is waited for; marks beyond these are not made, and the next ones cover what they would. */
const mostMarks = 256;
/** The source has been silent for so long that nothing is reported of it (RFC 3550 §6.4: since the last report). */
const silentAfterMs = 30_000;
/** A summary's numbers have 16 bits (RFC 3611 §4.1). */
const mostSummedUp = 65_534;

interface Source {
  readonly ssrc: number;
  readonly reception: Reception;
  heardAtMs: number;
  senderReport: number;
  senderReportAtMs: number;
  written: Mark | undefined;
}

interface Mark {
  readonly first: number;
  readonly highest: number;
  readonly lost: number;
}

export class ReceiverReports {
  readonly #clockRate: number;
  readonly #sources = new Map<number, Source>();
  #latest: Source | undefined;
  readonly #marks: { readonly taken: number; readonly of: readonly (readonly [Source, Mark])[] }[] = [];

  /** @param clockRate of the line's RTP timestamps */
  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  /** An RTP or SRTP packet that the capture has taken. */
  rtp(packet: Buffer, arrivedAtMs: number): void {
    if (packet.length < 12) return;
    const ssrc = packet.readUInt32BE(8);
    const source = this.#latest?.ssrc === ssrc ? this.#latest : (this.#latest = this.#source(ssrc));
    source.heardAtMs = arrivedAtMs;
    source.reception.accept(packet.readUInt16BE(2), packet.readUInt32BE(4), arrivedAtMs);
  }

  /** An RTCP packet in clear: its sender report tells when it was sent. */
  rtcp(packet: Buffer, arrivedAtMs: number): void {
    const packets = parseRtcp(packet);
    if (typeof packets === 'string') return;
    for (const one of packets) {
      const source = one.type === 'SR' ? this.#sources.get(one.ssrc) : undefined;
      if (source === undefined || one.type !== 'SR') continue;
      source.senderReport = compactNtp(one.ntp);
      source.senderReportAtMs = arrivedAtMs;
    }
  }

  /** @param taken packets that the capture has taken so far, from wherever; @param written how many of them are in the file */
  mark(taken: number, written: number): void {
    if (this.#sources.size === 0) return;
    const before = this.#marks.at(-1);
    if (before?.taken !== taken && this.#marks.length < mostMarks) {
      this.#marks.push({ taken, of: [...this.#sources.values()].map((source) => [source, { first: source.reception.first, highest: source.reception.extendedHighest, lost: source.reception.lost }] as const) });
    }
    for (let mark = this.#marks[0]; mark !== undefined && mark.taken <= written; mark = this.#marks[0]) {
      for (const [source, at] of mark.of) source.written = at;
      this.#marks.shift();
    }
  }

  /**
   * The compound to send, in clear; undefined while there is nothing to report.
   *
   * @param summaries whether the client has asked for them
   */
  compound(ssrc: number, cname: string, nowMs: number, summaries = false): Buffer | undefined {
    const sources = [...this.#sources.values()];
    const reports = sources.flatMap((source) => blockOf(source, this.#clockRate, nowMs));
    if (reports.length === 0) return undefined;
    const summedUp = summaries ? sources.flatMap(summaryOf) : [];
    return encodeRtcp([
      { type: 'RR', ssrc, reports, profileExtension: Buffer.alloc(0) },
      { type: 'SDES', chunks: [{ ssrc, items: [{ item: cnameItem, text: cname }] }] },
      ...(summedUp.length === 0 ? [] : [encodeLossSummaries(ssrc, summedUp)]),
    ]);
  }

  #source(ssrc: number): Source {
    const known = this.#sources.get(ssrc);
    if (known !== undefined) return known;
    if (this.#sources.size >= mostSources) {
      const [oldest] = [...this.#sources.values()].sort((one, other) => one.heardAtMs - other.heardAtMs);
      if (oldest !== undefined) this.#sources.delete(oldest.ssrc);
    }
    const source: Source = { ssrc, reception: new Reception(this.#clockRate, sentAgainPackets), heardAtMs: 0, senderReport: 0, senderReportAtMs: 0, written: undefined };
    this.#sources.set(ssrc, source);
    return source;
  }
}

function blockOf({ ssrc, reception, heardAtMs, senderReport, senderReportAtMs, written }: Source, clockRate: number, nowMs: number): readonly ReportBlock[] {
  if (written === undefined || nowMs - heardAtMs > silentAfterMs) return [];
  return [
    {
      ssrc,
      fractionLost: reception.takeFractionLost(),
      cumulativeLost: Math.min(written.lost, 0x7f_ffff),
      extendedHighest: written.highest >>> 0,
      jitterTicks: Math.round((reception.jitterMs * clockRate) / 1_000),
      lastSenderReport: senderReport,
      delaySinceLastSenderReport: senderReport === 0 ? 0 : Math.round((nowMs - senderReportAtMs) * 65.536) >>> 0,
    },
  ];
}

function summaryOf({ ssrc, written }: Source): readonly LossSummary[] {
  if (written === undefined || written.highest - written.first > mostSummedUp) return [];
  return [{ ssrc, begin: written.first & 0xffff, end: (written.highest + 1) & 0xffff, lost: written.lost }];
}
