/**
 * Telephone events, DTMF in RTP (RFC 4733 §2.3).
 *
 * Owns       the four octets of an event payload.
 * Leaves to  its users the digits, which are secret: never in a log, an error or a metric.
 */
import assert from 'node:assert/strict';

export interface TelephoneEvent {
  /** 0..9 the digits, 10 *, 11 #, 12..15 A to D (RFC 4733 §3.2); up to 255 */
  event: number;
  /** the event has ended; sent three times (RFC 4733 §2.5.1.4) */
  end: boolean;
  /** power below 0 dBm0, 0..63 dB */
  volume: number;
  /** since the RTP timestamp, in ticks of the payload's clock, 0..65535 */
  durationTicks: number;
}

export type TelephoneEventReject = 'too-short';

/** Parses the payload of an RTP packet. The reserved bit and octets after the fourth are ignored (§2.3.1). */
export function parseTelephoneEvent(payload: Buffer): TelephoneEvent | TelephoneEventReject {
  if (payload.length < 4) return 'too-short';
  const second = payload.readUInt8(1);
  return {
    event: payload.readUInt8(0),
    end: second >= 0x80,
    volume: second & 0x3f,
    durationTicks: payload.readUInt16BE(2),
  };
}

/** The four octets of an event; a field out of its range asserts. */
export function encodeTelephoneEvent(event: TelephoneEvent): Buffer {
  assert(event.volume <= 63, 'a volume has six bits');
  const payload = Buffer.alloc(4);
  payload.writeUInt8(event.event, 0);
  payload.writeUInt8((event.end ? 0x80 : 0) | event.volume, 1);
  payload.writeUInt16BE(event.durationTicks, 2);
  return payload;
}
