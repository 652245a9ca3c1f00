/** Opus in Ogg (RFC 7845) as the writer makes it, one stream a channel, read piece by piece, at 48,000 Hz. */
import { audioCodec, type Decoder } from '../codecs/index.js';
import type { AudioInfo, AudioReader, AudioReject } from './audio-reader.js';
import { OggReader, type OggPacket, type OggReject } from './ogg-reader.js';

type Block = readonly Int16Array[];

const longestPacketTicks = 5_760;
const opus = audioCodec({ name: 'opus', clockRate: 48_000 });

/** More parties than any call has. */
const mostChannels = 64;
/** Where the first page, of OpusHead alone, has the number of channels (RFC 7845 §3, §5.1). */
const channelsAt = 28 + 9;

export async function openOggOpusReader(start: Buffer): Promise<AudioReader> {
  const decoders: Decoder[] = [];
  try {
    const channels = Math.min(start[channelsAt] ?? 0, mostChannels);
    for (let n = 0; n < channels && opus?.decoding.by === 'us'; n += 1) decoders.push(await opus.decoding.open());
    return new OggOpusReader(decoders);
  } catch (error) {
    for (const decoder of decoders) decoder.close();
    throw error;
  }
}

/** Only the pages are proved, and there are no samples. */
export const proveOggOpus = (): Promise<AudioReader> => Promise.resolve(new OggOpusReader(undefined));

class OggOpusReader implements AudioReader {
  info: AudioInfo | undefined;
  readonly #pages = new OggReader();
  #packets = 0;
  #preSkip = 0;
  /** Ticks of all packets so far, what is skipped included. */
  #ticks = 0;

  constructor(private readonly decoders: readonly Decoder[] | undefined) {}

  push(piece: Buffer): readonly Block[] | AudioReject {
    const packets = this.#pages.push(piece);
    if (typeof packets === 'string') return rejectOf(packets);
    const blocks: Block[] = [];
    for (const packet of packets) {
      const block = this.#take(packet);
      if (typeof block === 'string') return block;
      if (block !== undefined) blocks.push(block);
    }
    return blocks;
  }

  end(): readonly Block[] | AudioReject {
    const reason = this.#pages.end();
    return reason === undefined ? (this.info === undefined ? 'not-ogg-opus' : []) : rejectOf(reason);
  }

  close(): void {
    for (const decoder of this.decoders ?? []) decoder.close();
  }

  #take(packet: OggPacket): Block | AudioReject | undefined {
    this.#packets += 1;
    if (this.#packets === 1) return this.#head(packet.bytes);
    if (this.#packets === 2) return packet.bytes.toString('latin1', 0, 8) === 'OpusTags' ? undefined : 'not-ogg-opus';
    const { decoders } = this;
    if (decoders === undefined) return undefined;
    const streams = split(packet.bytes, decoders.length);
    if (streams === undefined) return 'damaged';
    const block = streams.map((stream, n) => {
      const samples = new Int16Array(longestPacketTicks);
      return samples.subarray(0, decoders[n]?.decode(stream, samples, 0) ?? 0);
    });
    const length = block[0]?.length ?? 0;
    if (length === 0 || block.some((samples) => samples.length !== length)) return 'damaged';
    const from = Math.max(0, Math.min(length, this.#preSkip - this.#ticks));
    const to = packet.last ? Math.max(from, Math.min(length, packet.granule - this.#ticks)) : length;
    this.#ticks += length;
    return block.map((samples) => samples.subarray(from, to));
  }

  #head(head: Buffer): AudioReject | undefined {
    if (head.length < 19 || head.toString('latin1', 0, 8) !== 'OpusHead') return 'not-ogg-opus';
    const [channels = 0, family = 0] = [head[9], head[18]];
    const apart = family === 0 ? channels === 1 : head.length >= 21 + channels && head[19] === channels && head[20] === 0 && head.subarray(21, 21 + channels).every((stream, n) => stream === n);
    if (channels === 0 || !apart || (this.decoders !== undefined && channels !== this.decoders.length)) return 'unsupported';
    this.#preSkip = head.readUInt16LE(10);
    this.info = { channels, sampleRate: 48_000, frames: undefined };
    return undefined;
  }
}

const rejectOf = (reason: OggReject): AudioReject => (reason === 'not-ogg' ? 'not-ogg-opus' : reason);

/** The streams of a packet (RFC 6716, appendix B), all but the last of one frame with its length; undefined when they are not so. */
function split(packet: Buffer, count: number): readonly Buffer[] | undefined {
  const streams: Buffer[] = [];
  let at = 0;
  for (let n = 0; n < count - 1; n += 1) {
    const [kind, first = 0] = [packet[at], packet[at + 1]];
    if (kind === undefined || (kind & 3) !== 0) return undefined;
    const long = first >= 252;
    const bytes = long ? first + 4 * (packet[at + 2] ?? 0) : first;
    const from = at + (long ? 3 : 2);
    if (from + bytes > packet.length) return undefined;
    streams.push(Buffer.concat([Buffer.of(kind), packet.subarray(from, from + bytes)]));
    at = from + bytes;
  }
  return [...streams, packet.subarray(at)];
}
