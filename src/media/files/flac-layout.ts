/** What writing and reading FLAC have in common (RFC 9639 §9.1). */

export const flacBlockFrames = 4_096;

/** Sample rates with a code of their own. */
export const rateCodes: ReadonlyMap<number, number> = new Map([[88_200, 1], [176_400, 2], [192_000, 3], [8_000, 4], [16_000, 5], [22_050, 6], [24_000, 7], [32_000, 8], [44_100, 9], [48_000, 10], [96_000, 11]]);

const crcTable = (bits: 8 | 16, polynomial: number): Uint16Array =>
  Uint16Array.from({ length: 256 }, (_, octet) => {
    let crc = octet << (bits - 8);
    for (let n = 0; n < 8; n += 1) crc = ((crc << 1) ^ ((crc >> (bits - 1)) & 1 ? polynomial : 0)) & ((1 << bits) - 1);
    return crc;
  });

const table8 = crcTable(8, 0x07);
const table16 = crcTable(16, 0x8005);

export function flacCrc8(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0;
  for (let n = from; n < to; n += 1) crc = table8[crc ^ (bytes[n] ?? 0)] ?? 0;
  return crc;
}

export function flacCrc16(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0;
  for (let n = from; n < to; n += 1) crc = ((crc << 8) & 0xffff) ^ (table16[(crc >> 8) ^ (bytes[n] ?? 0)] ?? 0);
  return crc;
}
