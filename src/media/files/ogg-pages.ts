/**
 * Ogg pages (RFC 3533 §6): packets of one logical stream, laced into pages with checksums.
 *
 * Owns       the page's layout.
 * Leaves to  ogg-opus-writer.ts and ogg-reader.ts what packets hold.
 */

export const oggHeadBytes = 27;
/** Segments of 255 octets at most a page. */
export const mostSegments = 255;

export interface OggPage {
  /** Samples up to the end of the last packet that ends in it. */
  readonly granule: number;
  readonly serial: number;
  readonly sequence: number;
  readonly first?: boolean;
  readonly last?: boolean;
}

const table = Uint32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet << 24;
  for (let n = 0; n < 8; n += 1) crc = (crc << 1) ^ (crc < 0 ? 0x04c1_1db7 : 0);
  return crc >>> 0;
});

/** Of a page whose own checksum octets are zero. */
export function oggCrc(page: Uint8Array): number {
  let crc = 0;
  for (let n = 0; n < page.length; n += 1) crc = ((crc << 8) ^ (table[(crc >>> 24) ^ (page[n] ?? 0)] ?? 0)) >>> 0;
  return crc;
}

/** How many segments a packet takes: a last one of less than 255 octets ends it. */
export const segmentsOf = (packet: Uint8Array): number => Math.floor(packet.length / 255) + 1;

/** A page of whole packets, of `mostSegments` at most. */
export function encodeOggPage(packets: readonly Uint8Array[], { granule, serial, sequence, first = false, last = false }: OggPage): Buffer {
  const lacing = packets.flatMap((packet) => [...new Array<number>(segmentsOf(packet) - 1).fill(255), packet.length % 255]);
  const head = Buffer.alloc(oggHeadBytes);
  head.write('OggS', 0, 'latin1');
  head[5] = (first ? 2 : 0) | (last ? 4 : 0);
  head.writeBigInt64LE(BigInt(granule), 6);
  head.writeUInt32LE(serial, 14);
  head.writeUInt32LE(sequence, 18);
  head[26] = lacing.length;
  const page = Buffer.concat([head, Buffer.from(lacing), ...packets]);
  page.writeUInt32LE(oggCrc(page), 22);
  return page;
}
