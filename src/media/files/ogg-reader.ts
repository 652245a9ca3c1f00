/**
 * Packets out of Ogg pages (RFC 3533), piece by piece; each page is proved by its checksum.
 *
 * One logical stream, whose pages follow each other. Total: any bytes give packets or a reason.
 */
import { oggCrc, oggHeadBytes } from './ogg-pages.js';

export interface OggPacket {
  readonly bytes: Buffer;
  /** Of the page that it ends in. */
  readonly granule: number;
  /** Whether it is the last that ends in the last page. */
  readonly last: boolean;
}

export type OggReject = 'not-ogg' | 'damaged' | 'cut';

/** A packet that goes on over more pages than this is none of audio. */
const longestPacketBytes = 1 << 20;

export class OggReader {
  #held: Buffer = Buffer.alloc(0);
  #unfinished: Buffer[] = [];
  #sequence: number | undefined;
  #serial = 0;
  #ended = false;

  push(piece: Buffer): readonly OggPacket[] | OggReject {
    this.#held = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    const packets: OggPacket[] = [];
    for (let page = this.#page(); page !== undefined; page = this.#page()) {
      if (typeof page === 'string') return page;
      packets.push(...page);
    }
    return packets;
  }

  /** Undefined when the file ended with its last page. */
  end(): OggReject | undefined {
    if (this.#sequence === undefined) return 'not-ogg';
    return this.#ended && this.#held.length === 0 ? undefined : 'cut';
  }

  /** The next page; undefined when it is not there as a whole. */
  #page(): readonly OggPacket[] | OggReject | undefined {
    const held = this.#held;
    if (held.length < oggHeadBytes) return undefined;
    if (held.toString('latin1', 0, 4) !== 'OggS' || held[4] !== 0) return this.#sequence === undefined ? 'not-ogg' : 'damaged';
    if (this.#ended) return 'damaged';
    const bodyAt = oggHeadBytes + (held[26] ?? 0);
    if (held.length < bodyAt) return undefined;
    const lacing = held.subarray(oggHeadBytes, bodyAt);
    const end = bodyAt + lacing.reduce((sum, segment) => sum + segment, 0);
    if (held.length < end) return undefined;
    const page = Buffer.from(held.subarray(0, end));
    this.#held = held.subarray(end);
    const crc = page.readUInt32LE(22);
    page.writeUInt32LE(0, 22);
    if (oggCrc(page) !== crc) return 'damaged';
    const [sequence, serial, flags] = [page.readUInt32LE(18), page.readUInt32LE(14), page[5] ?? 0];
    if (this.#sequence === undefined ? (flags & 2) === 0 : sequence !== ((this.#sequence + 1) >>> 0) || serial !== this.#serial) return 'damaged';
    [this.#sequence, this.#serial, this.#ended] = [sequence, serial, (flags & 4) !== 0];
    return this.#packets(page, lacing, bodyAt);
  }

  #packets(page: Buffer, lacing: Uint8Array, bodyAt: number): readonly OggPacket[] | OggReject {
    const granule = Number(page.readBigInt64LE(6));
    const packets: OggPacket[] = [];
    let [from, at] = [bodyAt, bodyAt];
    for (const segment of lacing) {
      at += segment;
      if (segment === 255) continue;
      packets.push({ bytes: Buffer.concat([...this.#unfinished, page.subarray(from, at)]), granule, last: false });
      this.#unfinished = [];
      from = at;
    }
    if (from < at) this.#unfinished.push(page.subarray(from, at));
    if (this.#unfinished.reduce((sum, part) => sum + part.length, 0) > longestPacketBytes) return 'damaged';
    const lastOfAll = packets.at(-1);
    if (this.#ended && lastOfAll !== undefined) packets[packets.length - 1] = { ...lastOfAll, last: true };
    return packets;
  }
}
