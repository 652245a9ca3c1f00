/**
 * Receiving SRTP and SRTCP under one master key (RFC 3711 §3.3, §3.4; RFC 7714).
 *
 * Owns       bounds, MKI, and for each source its packet index and replay list.
 * Leaves to  the transform the cryptography; its users what SDP said, and one receiver a key.
 * Invariants 1. nothing is stored about a source before a packet of it has authenticated;
 *            2. no packet index of a source is delivered twice.
 * Lifetime   what is returned is a new buffer; the packet is left as it was.
 */
import { rtpHeaderBytes, type RtpReject } from '../rtp.js';
import { SeenWindow } from '../seen-window.js';
import type { CryptoLine } from './crypto-line.js';
import { rtcpHeaderBytes, type Layout } from './layout.js';
import { guessRollOver, packetIndex, SearchCredit } from './roll-over.js';
import { transformFor } from './family.js';
import type { Transform } from './transform.js';

/** Why a packet was not delivered; metric label, so the list is closed. */
export type SrtpReject =
  | RtpReject
  | 'too-long'
  | 'unknown-mki'
  | 'auth-failed'
  | 'replayed'
  | 'too-old'
  | 'too-many-sources';

/** Of a datagram (RFC 768). */
const longestPacket = 65_535;

export interface SrtpReceiverLimits {
  /** how many SSRCs are kept, RTP and RTCP each */
  maxSources?: number;
  /** how far back a packet may come, in packets: a power of two, 64 at least (RFC 3711 §3.3.2) */
  replayPackets?: number;
  /** how many roll-over counters above the likely one are tried; each is 22 minutes at 50 packets a second */
  rollOversAhead?: number;
}

export class SrtpReceiver {
  private readonly transform: Transform;
  private readonly layout: Layout;
  private readonly mki: Buffer;
  private readonly rtpSources = new Map<number, SeenWindow>();
  private readonly rtcpSources = new Map<number, SeenWindow>();
  private readonly searches = new SearchCredit();
  private readonly maxSources: number;
  private readonly replayPackets: number;
  private readonly rollOversAhead: number;

  /** A key of another length than the suite says asserts. */
  constructor(line: Pick<CryptoLine, 'suite' | 'keySalt' | 'mki'> & Partial<Pick<CryptoLine, 'sessionParameters'>>, limits: SrtpReceiverLimits = {}) {
    this.mki = line.mki?.value ?? Buffer.alloc(0);
    ({ transform: this.transform, layout: this.layout } = transformFor(line, this.mki.length));
    this.maxSources = limits.maxSources ?? 256;
    this.replayPackets = limits.replayPackets ?? 128;
    this.rollOversAhead = limits.rollOversAhead ?? 100;
  }

  /** The RTP packet in clear. */
  unprotectRtp(packet: Buffer): Buffer | SrtpReject {
    const headerBytes = rtpHeaderBytes(packet);
    if (typeof headerBytes === 'string') return headerBytes;
    if (packet.length < headerBytes + this.layout.rtpBodyTail) return 'too-short';
    if (packet.length > longestPacket) return 'too-long';
    if (!this.hasMki(packet, this.layout.rtpMkiTail)) return 'unknown-mki';
    const ssrc = packet.readUInt32BE(8);
    const seen = this.rtpSources.get(ssrc);
    if (seen === undefined && this.rtpSources.size >= this.maxSources) return 'too-many-sources';

    const sequenceNumber = packet.readUInt16BE(2);
    const guess = guessRollOver(sequenceNumber, seen?.highest);
    const index = packetIndex(guess, sequenceNumber);
    const state = seen?.look(index) ?? 'new';
    if (state === 'seen') return 'replayed';
    if (state === 'new') {
      const clear = this.transform.openRtp(packet, headerBytes, guess);
      if (clear !== undefined) return this.deliver(this.rtpSources, ssrc, seen, index, clear);
    }
    return this.search(packet, headerBytes, guess) ?? (state === 'old' ? 'too-old' : 'auth-failed');
  }

  /** The RTCP compound in clear. A packet whose sender chose not to encrypt it is authenticated all the same. */
  unprotectRtcp(packet: Buffer): Buffer | SrtpReject {
    if (packet.length < rtcpHeaderBytes + this.layout.rtcpBodyTail) return 'too-short';
    if (packet.length > longestPacket) return 'too-long';
    if (packet.readUInt8(0) >> 6 !== 2) return 'not-version-2';
    if (!this.hasMki(packet, this.layout.rtcpMkiTail)) return 'unknown-mki';
    const ssrc = packet.readUInt32BE(4);
    const seen = this.rtcpSources.get(ssrc);
    if (seen === undefined && this.rtcpSources.size >= this.maxSources) return 'too-many-sources';

    const indexWord = packet.readUInt32BE(packet.length - this.layout.rtcpIndexTail);
    const index = indexWord & 0x7fff_ffff;
    const state = seen?.look(index) ?? 'new';
    if (state !== 'new') return state === 'seen' ? 'replayed' : 'too-old';
    const clear = this.transform.openRtcp(packet, indexWord);
    return clear === undefined ? 'auth-failed' : this.deliver(this.rtcpSources, ssrc, seen, index, clear);
  }

  /**
   * Tries the roll-over counters above the likely one: for a source that was joined late, or that went
   * unheard for more than 32,768 packets. Only upwards, so an old packet is never delivered again.
   */
  private search(packet: Buffer, headerBytes: number, guess: number): Buffer | undefined {
    const allowed = this.searches.allowsSearch;
    if (allowed) {
      const last = Math.min(guess + this.rollOversAhead, 0xffff_ffff);
      for (let rollOver = guess + 1; rollOver <= last; rollOver += 1) {
        const clear = this.transform.openRtp(packet, headerBytes, rollOver);
        if (clear === undefined) continue;
        const ssrc = packet.readUInt32BE(8);
        const index = packetIndex(rollOver, packet.readUInt16BE(2));
        return this.deliver(this.rtpSources, ssrc, this.rtpSources.get(ssrc), index, clear);
      }
    }
    this.searches.failed(allowed);
    return undefined;
  }

  private deliver(
    sources: Map<number, SeenWindow>,
    ssrc: number,
    seen: SeenWindow | undefined,
    index: number,
    clear: Buffer,
  ): Buffer {
    const window = seen ?? new SeenWindow(this.replayPackets);
    window.add(index);
    if (seen === undefined) sources.set(ssrc, window);
    this.searches.authenticated();
    return clear;
  }

  private hasMki(packet: Buffer, tail: number): boolean {
    const at = packet.length - tail;
    return this.mki.length === 0 || this.mki.compare(packet, at, at + this.mki.length) === 0;
  }
}
