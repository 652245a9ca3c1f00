/**
 * By how much the clocks of several recorders are apart, out of packets that more than one of them had.
 *
 * Copies of one packet reach two recorders within the network's delay of each other, so the median of the differences
 * of their arrivals is how far apart the clocks are. Where nothing was shared, the clocks are taken to agree. SRTP leaves
 * the header in clear (RFC 3711 §3.1): no key is needed.
 */
import { readCaptureChunks } from '../capture/index.js';
import { Failure } from '../errors/index.js';
import type { VaultKeys } from '../vault/index.js';
import type { CaptureSource } from './gather.js';

/** One in so many packets is looked at: hours of a call have enough of them. */
const oneIn = 16;
/** Copies whose arrivals are kept, of each capture: as many as 6 hours of a call have. */
const mostKept = 131_072;
/** Fewer tell nothing, and less is the network's. */
const leastShared = 5;
const leastOffsetMs = 100;

/** For each capture what is taken off its instants, ms. */
export async function clockOffsets(sources: readonly CaptureSource[], keys: VaultKeys): Promise<readonly number[]> {
  const arrivals: ReadonlyMap<number, number>[] = [];
  for (const source of sources) arrivals.push(await arrivalsOf(source, keys));
  const known: (number | undefined)[] = [0];
  for (let index = 1; index < sources.length; index += 1) {
    // Against any capture before it whose own offset is known.
    for (let before = 0; before < index && known[index] === undefined; before += 1) {
      const [base, apart] = [known[before], medianApart(arrivals[before], arrivals[index])];
      if (base !== undefined && apart !== undefined) known[index] = base + (Math.abs(apart) < leastOffsetMs ? 0 : apart);
    }
  }
  return sources.map((_, index) => known[index] ?? 0);
}

function medianApart(one: ReadonlyMap<number, number> | undefined, other: ReadonlyMap<number, number> | undefined): number | undefined {
  const differences: number[] = [];
  for (const [packet, atMs] of other ?? []) {
    const there = one?.get(packet);
    if (there !== undefined) differences.push(atMs - there);
  }
  if (differences.length < leastShared) return undefined;
  return Float64Array.from(differences).sort()[differences.length >> 1];
}

/** When packets came, by a number that each copy of a packet has too. */
async function arrivalsOf({ path }: CaptureSource, keys: VaultKeys): Promise<ReadonlyMap<number, number>> {
  const arrivals = new Map<number, number>();
  try {
    for await (const records of readCaptureChunks(path, keys)) {
      for (const record of records) {
        if (record.kind !== 'packet' || record.rtcp || record.bytes.length < 12 || record.bytes.readUInt16BE(2) % oneIn !== 0) continue;
        // SSRC, timestamp and number in 53 bits: two packets of a call that share the number are one in millions.
        const identity = (record.bytes.readUInt32BE(8) ^ record.bytes.readUInt16BE(2)) * 0x20_0000 + (record.bytes.readUInt32BE(4) & 0x1f_ffff);
        if (arrivals.size < mostKept && !arrivals.has(identity)) arrivals.set(identity, record.arrivedAtMs);
      }
    }
  } catch (error) {
    // What cannot be read has no clock; gathering it says why.
    if (!(error instanceof Failure)) throw error;
  }
  return arrivals;
}
