/**
 * Opus in Ogg (RFC 7845), written as the samples come: a party a channel, each an Opus stream of its own.
 *
 * Coded together, as stereo, parties would leak into each other, and the one who is silent would cost as much as the
 * one who speaks. So each channel is a mono stream of one Ogg packet: mapping family 1 for two channels, which is
 * left and right, 255 for more, where none has a direction and players keep their order (§5.1.1).
 */
import { openSpeechEncoder, type SpeechEncoder } from '../codecs/index.js';
import type { AudioShape, AudioWriter } from './audio-writer.js';
import { encodeOggPage, mostSegments, segmentsOf } from './ogg-pages.js';

const frameMs = 20;
/** Ogg's samples are always counted at 48,000 Hz (§4). */
const ticksPerFrame = 48 * frameMs;
/** A page a second: a player that seeks finds its place. */
const packetsPerPage = 50;
const vendor = 'twintrack';

export async function openOggOpusWriter({ channels, sampleRate, frames }: AudioShape): Promise<AudioWriter> {
  const encoders: SpeechEncoder[] = [];
  try {
    for (let n = 0; n < channels; n += 1) encoders.push(await openSpeechEncoder(sampleRate));
    return new OggOpusWriter(encoders, sampleRate, frames);
  } catch (error) {
    for (const encoder of encoders) encoder.close();
    throw error;
  }
}

class OggOpusWriter implements AudioWriter {
  readonly #frameSamples: number;
  readonly #held: readonly Int16Array[];
  readonly #preSkip: number;
  readonly #totalTicks: number;
  #heldSamples = 0;
  #pages: Buffer[] = [];
  #packets: Buffer[] = [];
  #segments = 0;
  #ticks = 0;
  #sequence = 0;
  #closed = false;

  constructor(private readonly encoders: readonly SpeechEncoder[], sampleRate: number, frames: number) {
    this.#frameSamples = (sampleRate * frameMs) / 1_000;
    this.#held = encoders.map(() => new Int16Array(this.#frameSamples));
    this.#preSkip = encoders[0]?.lookaheadTicks ?? 0;
    this.#totalTicks = Math.round((frames * 48_000) / sampleRate);
    this.#page([opusHead(encoders.length, this.#preSkip, sampleRate)], 0, { first: true });
    this.#page([opusTags()], 0, {});
  }

  write(block: readonly Int16Array[]): Uint8Array {
    const count = block[0]?.length ?? 0;
    for (let at = 0; at < count; ) {
      const part = Math.min(count - at, this.#frameSamples - this.#heldSamples);
      this.#held.forEach((held, channel) => held.set((block[channel] ?? new Int16Array(count)).subarray(at, at + part), this.#heldSamples));
      this.#heldSamples += part;
      at += part;
      if (this.#heldSamples === this.#frameSamples) this.#packet();
    }
    return this.#taken();
  }

  end(): Uint8Array {
    // What the encoder looks ahead by comes out of it that much later.
    const lastTicks = this.#totalTicks + this.#preSkip;
    while (this.#ticks < lastTicks) {
      for (const held of this.#held) held.fill(0, this.#heldSamples);
      this.#packet();
    }
    // §4.4: the last page says how much of the last packet is meant.
    this.#page(this.#packets, lastTicks, { last: true });
    return this.#taken();
  }

  close(): void {
    if (!this.#closed) for (const encoder of this.encoders) encoder.close();
    this.#closed = true;
  }

  #packet(): void {
    const streams = this.encoders.map((encoder, channel) => encoder.encode(this.#held[channel] ?? new Int16Array(this.#frameSamples)));
    const packet = Buffer.concat(streams.map((stream, n) => (n === streams.length - 1 ? stream : selfDelimited(stream))));
    this.#heldSamples = 0;
    if (this.#segments + segmentsOf(packet) > mostSegments) this.#fullPage();
    this.#packets.push(packet);
    this.#segments += segmentsOf(packet);
    this.#ticks += ticksPerFrame;
    // The last packets wait for `end`, whose page has to have one.
    if (this.#packets.length >= packetsPerPage && this.#ticks < this.#totalTicks) this.#fullPage();
  }

  #fullPage(): void {
    this.#page(this.#packets, this.#ticks, {});
    this.#packets = [];
    this.#segments = 0;
  }

  #page(packets: readonly Buffer[], granule: number, place: { first?: boolean; last?: boolean }): void {
    this.#pages.push(encodeOggPage(packets, { granule, serial: 1, sequence: this.#sequence, ...place }));
    this.#sequence += 1;
  }

  #taken(): Uint8Array {
    const pages = Buffer.concat(this.#pages);
    this.#pages = [];
    return pages;
  }
}

/** RFC 6716, appendix B, of a packet of one frame: its length stands behind the octet of its kind. */
function selfDelimited(packet: Buffer): Buffer {
  const bytes = packet.length - 1;
  const length = bytes < 252 ? Buffer.of(bytes) : Buffer.of(252 + (bytes & 3), (bytes - 252 - (bytes & 3)) >> 2);
  return Buffer.concat([packet.subarray(0, 1), length, packet.subarray(1)]);
}

/** §5.1. */
function opusHead(channels: number, preSkip: number, sampleRate: number): Buffer {
  const head = Buffer.alloc(19);
  head.write('OpusHead', 0, 'latin1');
  head[8] = 1;
  head[9] = channels;
  head.writeUInt16LE(preSkip, 10);
  head.writeUInt32LE(sampleRate, 12);
  if (channels === 1) return head;
  head[18] = channels === 2 ? 1 : 255;
  // As many streams as channels, none of them coupled, in their order.
  return Buffer.concat([head, Buffer.of(channels, 0), Buffer.from(Array.from({ length: channels }, (_, channel) => channel))]);
}

/** §5.2. */
function opusTags(): Buffer {
  const tags = Buffer.alloc(8 + 4 + vendor.length + 4);
  tags.write('OpusTags', 0, 'latin1');
  tags.writeUInt32LE(vendor.length, 8);
  tags.write(vendor, 12, 'latin1');
  return tags;
}
