/**
 * Which of the packets that pass are telephone events (RFC 4733) in clear, and what they are without their key.
 *
 * Events that come encrypted, or as audio, are none here: without a key to the one and a detector of the other the
 * relay does not see them.
 */
import { parseRtp, rtpHeaderBytes } from '../../media/index.js';
import type { SdpMedia } from '../../sip/index.js';
import type { Side } from '../door.js';

const none: ReadonlySet<number> = new Set();

export class EventPackets {
  readonly #payloadTypes: Record<Side, ReadonlySet<number>> = { caller: none, callee: none };

  /**
   * What the packets of `from` may be, by the SDP of the one who receives them. A payload type stays what it was once
   * (RFC 3264 §8.3.2 forbids another meaning): packets sent before a change are still on their way.
   */
  describe(from: Side, receiver: SdpMedia | undefined): void {
    if (receiver === undefined) return;
    if (receiver.protocol.includes('SAVP')) {
      this.#payloadTypes[from] = none;
      return;
    }
    const events = receiver.codecs.filter(({ name }) => name.toLowerCase() === 'telephone-event');
    if (events.length > 0) this.#payloadTypes[from] = new Set([...this.#payloadTypes[from], ...events.map(({ payloadType }) => payloadType)]);
  }

  /** Called for each packet: one that is no event costs a look at its second byte. */
  has(from: Side, bytes: Buffer): boolean {
    const payloadTypes = this.#payloadTypes[from];
    return payloadTypes.size > 0 && payloadTypes.has((bytes[1] ?? 0) & 0x7f);
  }
}

/**
 * Unassigned in the registry of events (RFC 4733 §7; IANA, audio/telephone-event Parameters: 17 to 22), so it names
 * none. 16 would not do: it is reserved because it was the hook flash of RFC 2833.
 */
const noEvent = 22;
/** Event, flags and volume, duration (RFC 4733 §2.3). */
const eventBytes = 4;
const fixedHeaderBytes = 12;

/**
 * A copy in which every event of the packet has lost its number and kept its time, length and volume; the packet
 * itself goes on to the other party and is not touched. Of what is no RTP packet only the fixed header is left.
 */
export function withoutKey(bytes: Buffer): Buffer {
  const packet = parseRtp(bytes);
  const headerBytes = rtpHeaderBytes(bytes);
  if (typeof packet === 'string' || typeof headerBytes === 'string') return bytes.subarray(0, fixedHeaderBytes);
  const copy = Buffer.from(bytes);
  // RFC 4733 §2.5.1.5: a packet may carry several events, one after the other.
  for (let at = 0; at < packet.payload.length; at += eventBytes) copy[headerBytes + at] = noEvent;
  return copy;
}
