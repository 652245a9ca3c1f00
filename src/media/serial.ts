/**
 * Unwrapping of counters that the wire cuts to 16 or 32 bits (RFC 3550 §5.1).
 *
 * A cut value is placed next to the last whole one, on whichever side is nearer; so both work across
 * a wrap, forwards and backwards, and a packet from before the first gives a negative number.
 */

/**
 * The whole sequence number nearest to `last`.
 * @param sequenceNumber 0..65535, as in the packet
 * @param last the last whole one, any safe integer; undefined for the first packet
 * @returns at most 32,767 above `last` and at most 32,768 below
 */
export function extendSequence(sequenceNumber: number, last: number | undefined): number {
  if (last === undefined) return sequenceNumber;
  return last + (((sequenceNumber - (last & 0xffff)) << 16) >> 16);
}

/**
 * The whole RTP timestamp nearest to `last`, in ticks.
 * @param timestamp 0..2^32-1, as in the packet
 * @param last the last whole one, any safe integer; undefined for the first packet
 * @returns less than 2^31 above `last` and at most 2^31 below
 */
export function extendTimestamp(timestamp: number, last: number | undefined): number {
  if (last === undefined) return timestamp;
  return last + timestampDelta(timestamp, last);
}

/** Ticks from one timestamp to another, across a wrap: -2^31..2^31-1. */
export const timestampDelta = (to: number, from: number): number => (to - (from >>> 0)) | 0;
