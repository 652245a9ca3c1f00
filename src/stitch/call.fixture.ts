/** For tests only: speakers whose every sample is known, captures of what they said, and the recording read back. */
import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { openCaptureWriter, type CaptureControl, type CaptureStream } from '../capture/index.js';
import { decodePcmu, encodeRtcp, encodeRtp, encodeTelephoneEvent, ntpFromUnixMs, parseWav } from '../media/index.js';
import type { ObjectStore, VaultKeys } from '../vault/index.js';
import type { CaptureSource } from './capture-source.js';

export const packetTicks = 160;
export const packetMs = 20;
/** Unix ms at which the calls of these tests begin. */
export const beginMs = 1_800_000_000_000;

/** Numbers from 0 to below 1 that look random and are the same in each run. */
export function generated(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/** Speaks PCMU: packet `n` holds other samples than any near it. */
export class Speaker {
  readonly ssrc: number;
  sequence: number;
  timestamp: number;

  constructor(ssrc: number, { sequence = 1_000, timestamp = 5_000 } = {}) {
    this.ssrc = ssrc;
    this.sequence = sequence;
    this.timestamp = timestamp;
  }

  payload(n: number): Buffer {
    return Buffer.from(Array.from({ length: packetTicks }, (_, at) => (n * 53 + at * 7 + (n >> 5) + this.ssrc) & 0x7f));
  }

  /** The RTP packet `n` periods after the first. */
  packet(n: number, payloadType = 0): Buffer {
    return encodeRtp({
      payloadType,
      sequenceNumber: (this.sequence + n) & 0xffff,
      timestamp: (this.timestamp + n * packetTicks) >>> 0,
      ssrc: this.ssrc,
      payload: payloadType === 0 ? this.payload(n) : Buffer.from([10, 0, 0, 160]),
    });
  }

  /** The packet `n` periods after the first, of a key pressed since the period `since` (RFC 4733 §2.5.1.2). */
  keyPacket(n: number, since: number, event: number, end = false): Buffer {
    const durationTicks = (n + 1 - since) * packetTicks;
    return encodeRtp({
      payloadType: 101,
      sequenceNumber: (this.sequence + n) & 0xffff,
      timestamp: (this.timestamp + since * packetTicks) >>> 0,
      ssrc: this.ssrc,
      payload: encodeTelephoneEvent({ event, end, volume: 10, durationTicks }),
    });
  }

  samples(n: number): Int16Array {
    const out = new Int16Array(packetTicks);
    decodePcmu(this.payload(n), out, 0);
    return out;
  }

  /** A sender report: at `unixMs` of the sender's clock, packet `n` was due. */
  report(unixMs: number, n: number): Buffer {
    const rtpTimestamp = (this.timestamp + n * packetTicks) >>> 0;
    const report = { type: 'SR', ssrc: this.ssrc, ntp: ntpFromUnixMs(unixMs), rtpTimestamp } as const;
    return encodeRtcp([{ ...report, packetCount: n, octetCount: n * packetTicks, reports: [], profileExtension: Buffer.alloc(0) }]);
  }
}

export const streamOf = (index: number, fields: Partial<CaptureStream> = {}): CaptureStream => ({
  index,
  label: String(index + 1),
  role: index === 0 ? 'caller' : index === 1 ? 'callee' : 'other',
  party: `sip:party${index}@example.net`,
  codecs: [
    { payloadType: 0, name: 'PCMU', clockRate: 8_000, channels: 1 },
    { payloadType: 101, name: 'telephone-event', clockRate: 8_000, channels: 1 },
  ],
  direction: 'active',
  sealedKeys: [],
  encrypted: false,
  ...fields,
});

export type Happening =
  | { readonly atMs: number; readonly stream: number; readonly bytes: Buffer; readonly rtcp?: boolean }
  | { readonly atMs: number; readonly streams: readonly CaptureStream[] }
  | { readonly atMs: number; readonly control: CaptureControl };

const byTime = (a: Happening, b: Happening): number => a.atMs - b.atMs;

/** What a recorder writes of these happenings, a list in the order of its instants; `cut`: it was killed at the end. */
export async function captured(
  dir: string,
  keys: VaultKeys,
  happenings: Iterable<Happening>,
  { captureId = 'c1', streams = [streamOf(0), streamOf(1)], cut = false, control = undefined as CaptureControl | undefined, metadata = {} } = {},
): Promise<CaptureSource> {
  const path = join(dir, captureId);
  let nowMs = beginMs;
  const begin = { captureId, sessionId: 's1', recorder: `recorder of ${captureId}`, metadata, ...(control === undefined ? {} : { control }) };
  const writer = await openCaptureWriter(path, keys.public, begin, { flushMs: 1e6, now: () => nowMs });
  writer.event({ type: 'streams', streams });
  let taken = 0;
  for (const happening of Array.isArray(happenings) ? [...(happenings as Happening[])].sort(byTime) : happenings) {
    nowMs = happening.atMs;
    if ('streams' in happening) writer.event({ type: 'streams', streams: happening.streams });
    else if ('control' in happening) writer.event({ type: 'control', control: happening.control });
    else writer.packet(happening.stream, happening.atMs, happening.rtcp ?? false, happening.bytes);
    if (++taken % 5_000 === 0) await writer.flush();
  }
  await writer.flush();
  const { writtenBytes } = writer.stats;
  await writer.close('bye');
  if (cut) await truncate(path, writtenBytes);
  return { captureId, path, openedAtMs: beginMs };
}

/** The packets `from` to below `to` of a speaker, each `delayMs` after its time. */
export const spoken = (
  speaker: Speaker,
  stream: number,
  [from, to]: readonly [number, number],
  { startMs = beginMs, delayMs = (_n: number): number => 0 } = {},
): Happening[] =>
  Array.from({ length: to - from }, (_, at) => from + at).map((n) => ({
    atMs: startMs + n * packetMs + delayMs(n),
    stream,
    bytes: speaker.packet(n),
  }));

/** A key held in the periods `from` to below `to`: the packets of its event, which stand in place of audio. */
export const pressed = (speaker: Speaker, stream: number, [from, to]: readonly [number, number], event: number, { ended = true } = {}): Happening[] =>
  Array.from({ length: to - from }, (_, at) => from + at).map((n) => ({
    atMs: beginMs + n * packetMs,
    stream,
    bytes: speaker.keyPacket(n, from, event, ended && n === to - 1),
  }));

/** The channels of a recording in the vault. */
export async function heard(store: ObjectStore, name: string): Promise<Int16Array[]> {
  const pieces: Buffer[] = [];
  for await (const piece of store.read(name)) pieces.push(piece);
  const wav = parseWav(Buffer.concat(pieces));
  if (typeof wav === 'string') throw new Error(wav);
  const frames = wav.data.length / 2 / wav.channels;
  return Array.from({ length: wav.channels }, (_, channel) =>
    Int16Array.from({ length: frames }, (_, frame) => wav.data.readInt16LE((frame * wav.channels + channel) * 2)),
  );
}

/** Silence with these packets of a speaker in their places, the first period at `offset`. */
export function expected(speaker: Speaker, frames: number, offset: number, packets: Iterable<number>): Int16Array {
  const out = new Int16Array(frames);
  for (const n of packets) out.set(speaker.samples(n), offset + n * packetTicks);
  return out;
}
