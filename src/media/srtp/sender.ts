/**
 * Sending SRTP and SRTCP under one master key (RFC 3711 §3.3, §3.4; RFC 7714).
 *
 * Owns       packet indices of each source it sends.
 * Leaves to  the transform the cryptography; its users one sender a key and direction.
 * Invariant  1. no packet index is used twice: a keystream used twice gives both packets away.
 */
import assert from 'node:assert/strict';
import { rtpHeaderBytes } from '../rtp.js';
import { SeenWindow } from '../seen-window.js';
import type { CryptoLine } from './crypto-line.js';
import { encryptedFlag, rtcpHeaderBytes, type Layout } from './layout.js';
import { guessRollOver, packetIndex } from './roll-over.js';
import { transformFor } from './family.js';
import type { Transform } from './transform.js';

const maxSources = 256;
const highestRtcpIndex = 0x7fff_ffff;

export class SrtpSender {
  private readonly transform: Transform;
  private readonly layout: Layout;
  private readonly mki: Buffer;
  private readonly rtpSources = new Map<number, SeenWindow>();
  private readonly nextRtcpIndices = new Map<number, number>();

  /** A key of another length than the suite says asserts. */
  constructor(line: Pick<CryptoLine, 'suite' | 'keySalt' | 'mki'> & Partial<Pick<CryptoLine, 'sessionParameters'>>) {
    this.mki = line.mki?.value ?? Buffer.alloc(0);
    ({ transform: this.transform, layout: this.layout } = transformFor(line, this.mki.length));
  }

  /**
   * The SRTP packet, in a new buffer. The roll-over counter begins at 0 with a source's first packet and
   * follows the sequence numbers, which may come up to 128 packets out of order. What is not RTP, or a
   * sequence number a second time, asserts: to send a packet again, send the same octets again.
   */
  protectRtp(packet: Buffer): Buffer {
    const headerBytes = rtpHeaderBytes(packet);
    assert(typeof headerBytes === 'number', 'only RTP is protected as RTP');
    const sequenceNumber = packet.readUInt16BE(2);
    const used = sourceOf(this.rtpSources, packet.readUInt32BE(8), () => new SeenWindow(128));
    const rollOver = guessRollOver(sequenceNumber, Number.isFinite(used.highest) ? used.highest : undefined);
    const index = packetIndex(rollOver, sequenceNumber);
    assert(used.look(index) === 'new', 'a packet index is used once');
    used.add(index);

    const out = Buffer.allocUnsafe(packet.length + this.layout.rtpBodyTail);
    this.transform.sealRtp(packet, headerBytes, rollOver, out);
    this.mki.copy(out, out.length - this.layout.rtpMkiTail);
    return out;
  }

  /** The SRTCP packet, encrypted, in a new buffer. What is shorter than an RTCP header asserts. */
  protectRtcp(packet: Buffer): Buffer {
    assert(packet.length >= rtcpHeaderBytes, 'an RTCP packet has a header and an SSRC');
    const ssrc = packet.readUInt32BE(4);
    // RFC 3711 §3.4: the index is 0 for the first packet of a source, and goes up by one after each.
    const index = sourceOf(this.nextRtcpIndices, ssrc, () => 0);
    assert(index <= highestRtcpIndex, 'a key serves 2^31 SRTCP packets (RFC 3711 §9.2)');
    this.nextRtcpIndices.set(ssrc, index + 1);

    const out = Buffer.allocUnsafe(packet.length + this.layout.rtcpBodyTail);
    this.transform.sealRtcp(packet, encryptedFlag + index, out);
    this.mki.copy(out, out.length - this.layout.rtcpMkiTail);
    return out;
  }
}

function sourceOf<State>(sources: Map<number, State>, ssrc: number, begin: () => State): State {
  const known = sources.get(ssrc);
  if (known !== undefined) return known;
  assert(sources.size < maxSources, 'a sender has 256 sources at most');
  const state = begin();
  sources.set(ssrc, state);
  return state;
}
