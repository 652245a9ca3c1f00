/**
 * How many packets went on and how many did not: written by a media thread, read by whoever wants to know, in memory that
 * both see. One writer; a reader may be a packet behind.
 */
import { relayDropReasons, type RelayDropReason, type RelayPackets, type Side } from '../door.js';

/** Called for each packet, so it must be cheap. */
export interface PacketObserver {
  relayed(from: Side): void;
  dropped(reason: RelayDropReason): void;
}

const places = 2 + relayDropReasons.length;

/** Doubles: whole up to 2^53, and one store a packet. */
export const newCounts = (): SharedArrayBuffer => new SharedArrayBuffer(places * Float64Array.BYTES_PER_ELEMENT);

const placeOf = (reason: RelayDropReason): number => 2 + relayDropReasons.indexOf(reason);

export function countInto(memory: SharedArrayBuffer): PacketObserver {
  const counts = new Float64Array(memory);
  return {
    relayed(from: Side) {
      const place = from === 'caller' ? 0 : 1;
      counts[place] = (counts[place] ?? 0) + 1;
    },
    dropped(reason) {
      const place = placeOf(reason);
      counts[place] = (counts[place] ?? 0) + 1;
    },
  };
}

export function sumOf(memories: readonly SharedArrayBuffer[]): RelayPackets {
  const sums = new Float64Array(places);
  for (const memory of memories) new Float64Array(memory).forEach((count, place) => (sums[place] = (sums[place] ?? 0) + count));
  const dropped = Object.fromEntries(relayDropReasons.map((reason) => [reason, sums[placeOf(reason)] ?? 0])) as Record<RelayDropReason, number>;
  return { relayed: { caller: sums[0] ?? 0, callee: sums[1] ?? 0 }, dropped };
}
