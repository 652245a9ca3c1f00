/**
 * Opus packets from outside: how long one is, and one made of several frames (RFC 6716 §3). Pure.
 *
 * Owns       the table-of-contents octet and the framing.
 * Leaves to  opus.ts the audio.
 */
import assert from 'node:assert/strict';

/** Ours are frames of 10 ms, at 48,000 ticks a second: what any packet of 10 ms or a multiple of it can be made of. */
export const opusFrameTicks = 480;

/** Packets of more than 120 ms there are none (RFC 6716 §3.2.5, R5). */
const longestTicks = 5_760;
/** A frame length of two octets begins at 252 (§3.2.1). */
const twoOctets = 252;

/** Frame lengths by configuration, which is the upper five bits (RFC 6716 §3.1, table 2): SILK, hybrid, CELT. */
function frameTicksOf(configuration: number): number {
  if (configuration < 12) return [480, 960, 1_920, 2_880][configuration % 4] ?? 0;
  if (configuration < 16) return configuration % 2 === 0 ? 480 : 960;
  return [120, 240, 480, 960][configuration % 4] ?? 0;
}

/** The length of a packet at 48,000 ticks a second, a multiple of 2.5 ms; 0 for one that is malformed. */
export function opusDuration(packet: Buffer): number {
  const contents = packet[0];
  if (contents === undefined) return 0;
  const code = contents & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 63;
  const ticks = frameTicksOf(contents >> 3) * frames;
  return ticks <= longestTicks ? ticks : 0;
}

/** The same; 0 too for one that is no multiple of 10 ms. */
export function opusTicks(packet: Buffer): number {
  const ticks = opusDuration(packet);
  return ticks % opusFrameTicks === 0 ? ticks : 0;
}

/** A packet without any sound: its one frame is of no octet, or of one (RFC 6716 §2.1.9, discontinuous transmission). */
export const isOpusSilence = (packet: Buffer): boolean => packet.length <= 2 && ((packet[0] ?? 0) & 3) === 0;

export const opusChannels = (packet: Buffer): 1 | 2 => (((packet[0] ?? 0) & 4) === 0 ? 1 : 2);

/**
 * One packet of packets of one frame each, all of the same configuration: as they are, or of code 3 with variable
 * lengths (RFC 6716 §3.2.5).
 */
export function joinOpusFrames(packets: readonly Buffer[]): Buffer {
  const [first] = packets;
  if (first === undefined || packets.length === 1) return first ?? Buffer.alloc(0);
  assert(packets.every((packet) => packet[0] === first[0]), 'frames of one packet have one configuration');
  const head = Buffer.of((first[0] ?? 0) | 3, 0x80 | packets.length);
  const lengths = packets.slice(0, -1).map(({ length }) => encodeLength(length - 1));
  return Buffer.concat([head, ...lengths, ...packets.map((packet) => packet.subarray(1))]);
}

const encodeLength = (length: number): Buffer =>
  length < twoOctets ? Buffer.of(length) : Buffer.of(twoOctets + (length & 3), (length - twoOctets - (length & 3)) >> 2);

/** CELT over the full band in frames of 10 ms, one channel: what our encoder makes too. */
const silentFrame = Buffer.of(0xf0, 0xff, 0xfe);

/** `ticks` is a multiple of 10 ms. */
export const opusSilence = (ticks: number): Buffer => joinOpusFrames(new Array<Buffer>(Math.max(1, Math.round(ticks / opusFrameTicks))).fill(silentFrame));
