/**
 * Which of the packets that pass are telephone events (RFC 4733) in clear, and what they are without their key.
 *
 * Events that come encrypted, or as audio, are none here: without a key to the one and a detector of the other the
 * relay does not see them.
 */
import { parseRtp, rtpHeaderBytes } from '../../media/index.js';
import type { SdpMedia } from '../../sip/index.js';
import type { Side } from '../door.js';

interface PayloadTypes {
  readonly events: ReadonlySet<number>;
  /** Redundant audio (RFC 2198), in which an event may be. */
  readonly redundant: ReadonlySet<number>;
}

const none: PayloadTypes = { events: new Set(), redundant: new Set() };

/**
 * Unassigned in the registry of events (RFC 4733 §7; IANA, audio/telephone-event Parameters: 17 to 22), so it names
 * none. 16 would not do: it is reserved because it was the hook flash of RFC 2833.
 */
const noEvent = 22;
/** Event, flags and volume, duration (RFC 4733 §2.3). */
const eventBytes = 4;
const fixedHeaderBytes = 12;

export class EventPackets {
  readonly #payloadTypes: Record<Side, PayloadTypes> = { caller: none, callee: none };

  /**
   * What the packets of `from` may be, by the SDP of the one who receives them. A payload type stays what it was once
   * (RFC 3264 §8.3.2 forbids another meaning): packets sent before a change are still on their way.
   */
  describe(from: Side, receiver: SdpMedia | undefined): void {
    if (receiver === undefined) return;
    const { events, redundant } = this.#payloadTypes[from];
    const named = (name: string): number[] => receiver.codecs.filter((codec) => codec.name.toLowerCase() === name).map(({ payloadType }) => payloadType);
    this.#payloadTypes[from] = receiver.protocol.includes('SAVP')
      ? none
      : { events: new Set([...events, ...named('telephone-event')]), redundant: new Set([...redundant, ...named('red')]) };
  }

  /** Called for each packet: one that is no event costs a look at its second byte. */
  has(from: Side, bytes: Buffer): boolean {
    return this.#payloadTypes[from].events.has(payloadTypeOf(bytes));
  }

  /**
   * The packet, or a copy in which every event has lost its number and kept its time, length and volume: the packet
   * itself goes on to the other party and is not touched. Of what is no RTP packet only the fixed header is left.
   */
  withoutKey(from: Side, bytes: Buffer): Buffer {
    const { events, redundant } = this.#payloadTypes[from];
    const payloadType = payloadTypeOf(bytes);
    if (!events.has(payloadType) && !redundant.has(payloadType)) return bytes;
    const packet = parseRtp(bytes);
    const headerBytes = rtpHeaderBytes(bytes);
    if (typeof packet === 'string' || typeof headerBytes === 'string') return bytes.subarray(0, fixedHeaderBytes);
    const copy = Buffer.from(bytes);
    const payload = copy.subarray(headerBytes, headerBytes + packet.payload.length);
    if (events.has(payloadType)) maskEvents(payload);
    else maskRedundant(payload, events);
    return copy;
  }
}

const payloadTypeOf = (bytes: Buffer): number => (bytes[1] ?? 0) & 0x7f;

/** RFC 4733 §2.5.1.5: there may be several, one after the other. */
function maskEvents(payload: Buffer): void {
  for (let at = 0; at < payload.length; at += eventBytes) payload[at] = noEvent;
}

/** RFC 2198 §3: headers of four octets, the last of one, then their blocks; what breaks that rule has no blocks that anybody could read. */
function maskRedundant(payload: Buffer, events: ReadonlySet<number>): void {
  const blocks: { readonly payloadType: number; readonly bytes: number }[] = [];
  let at = 0;
  for (; (payload[at] ?? 0) >= 0x80; at += 4) {
    blocks.push({ payloadType: (payload[at] ?? 0) & 0x7f, bytes: (((payload[at + 2] ?? 0) & 0x03) << 8) | (payload[at + 3] ?? 0) });
  }
  blocks.push({ payloadType: payload[at] ?? 0, bytes: payload.length });
  at += 1;
  for (const { payloadType, bytes } of blocks) {
    if (events.has(payloadType)) maskEvents(payload.subarray(at, at + bytes));
    at += bytes;
  }
}
