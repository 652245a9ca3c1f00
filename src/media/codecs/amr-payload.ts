/**
 * AMR and AMR-WB in RTP (RFC 4867), one channel: octet-aligned or bandwidth-efficient, to frames as in a file (§5.3). Pure.
 *
 * A payload has a mode request, a table of contents with an entry a frame, and the frames, either each in whole octets
 * or bit after bit. Interleaving, checksums and sorted bits are not read: a line that asks for them is no codec here.
 *
 * Total: a payload that is cut, or whose table goes on beyond its end, has no frames.
 */
import type { FramedSpeech } from './speech-frames.js';

/** Bits of a frame by its type (3GPP TS 26.101 §4.2, TS 26.201 §4.3); undefined: reserved. Comfort noise and what follows is no speech. */
interface Kind {
  readonly bits: readonly (number | undefined)[];
  readonly speechTypes: number;
}

const reserved = undefined;
const narrow: Kind = { bits: [95, 103, 118, 134, 148, 159, 204, 244, 39, 43, 38, 37, reserved, reserved, reserved, 0], speechTypes: 8 };
const wide: Kind = { bits: [132, 177, 253, 285, 317, 365, 397, 461, 477, 40, reserved, reserved, reserved, reserved, 0, 0], speechTypes: 9 };

/** 240 ms: more frames a payload is an attack or a fault. */
const mostFrames = 12;

type Frames = readonly (Buffer | undefined)[];

const malformed: Frames = [];

interface Entry {
  readonly type: number;
  readonly good: boolean;
}

/** A frame of the file: an octet with its type, then its bits, filled up to an octet. */
function fileFrame(kind: Kind, { type, good }: Entry, speech: Buffer): Buffer | undefined {
  if (!good || type >= kind.speechTypes) return undefined;
  return Buffer.concat([Buffer.of((type << 3) | 4), speech]);
}

function octetAligned(payload: Buffer, kind: Kind): Frames {
  const entries: Entry[] = [];
  let at = 1;
  for (let more = true; more; at += 1) {
    const octet = payload[at];
    if (octet === undefined || entries.length === mostFrames) return malformed;
    more = octet >= 0x80;
    entries.push({ type: (octet >> 3) & 15, good: (octet & 4) !== 0 });
  }
  const frames: (Buffer | undefined)[] = [];
  for (const entry of entries) {
    const bits = kind.bits[entry.type];
    if (bits === undefined) return malformed;
    const end = at + Math.ceil(bits / 8);
    if (end > payload.length) return malformed;
    frames.push(fileFrame(kind, entry, payload.subarray(at, end)));
    at = end;
  }
  return frames;
}

function bandwidthEfficient(payload: Buffer, kind: Kind): Frames {
  const length = payload.length * 8;
  const entries: Entry[] = [];
  let at = 4;
  for (let more = true; more; at += 6) {
    if (at + 6 > length || entries.length === mostFrames) return malformed;
    const entry = bitsAt(payload, at, 6);
    more = entry >= 32;
    entries.push({ type: (entry >> 1) & 15, good: (entry & 1) !== 0 });
  }
  const frames: (Buffer | undefined)[] = [];
  for (const entry of entries) {
    const bits = kind.bits[entry.type];
    if (bits === undefined || at + bits > length) return malformed;
    frames.push(fileFrame(kind, entry, copiedBits(payload, at, bits)));
    at += bits;
  }
  return frames;
}

/** Up to eight bits, the first the most significant. */
const bitsAt = (from: Buffer, at: number, count: number): number => {
  const two = ((from[at >> 3] ?? 0) << 8) | (from[(at >> 3) + 1] ?? 0);
  return (two >> (16 - (at & 7) - count)) & ((1 << count) - 1);
};

/** So many bits from anywhere, in octets of their own that end in zeros. */
function copiedBits(from: Buffer, at: number, count: number): Buffer {
  const copy = Buffer.alloc(Math.ceil(count / 8));
  for (let n = 0; n < copy.length; n += 1) {
    const wanted = Math.min(8, count - 8 * n);
    copy[n] = bitsAt(from, at + 8 * n, wanted) << (8 - wanted);
  }
  return copy;
}

/** RFC 4867 §8.1: parameters that stand for a payload which is not read here. */
const unread = /(?:^|[;\s])(?:crc\s*=\s*1|robust-sorting\s*=\s*1|interleaving\s*=)/i;
const aligned = /(?:^|[;\s])octet-align\s*=\s*1/i;

function framesOf(kind: Kind, head: string, frameSamples: number, fmtp: string): FramedSpeech | undefined {
  if (unread.test(fmtp)) return undefined;
  const read = aligned.test(fmtp) ? octetAligned : bandwidthEfficient;
  return { container: 'amr', head, frameSamples, framesIn: (payload) => read(payload, kind) };
}

export const amrFrames = (fmtp: string): FramedSpeech | undefined => framesOf(narrow, '#!AMR\n', 160, fmtp);
export const amrWideFrames = (fmtp: string): FramedSpeech | undefined => framesOf(wide, '#!AMR-WB\n', 320, fmtp);
