/**
 * The second reading of a session's captures: each packet decoded into its place, and channels out, block by block.
 *
 * It sees the same packets in the same order as the first, so it finds the same segments, whose places the plan knows.
 *
 * Owns       the decoders, for as long as it runs.
 */
import { decodePcma, decodePcmu, type AudioCodec, type Decoder } from '../media/index.js';
import type { Channel, CanHear } from './channel.js';
import type { SpeechProgram } from './ffmpeg.js';
import { fitLength } from './fit-length.js';
import type { Gathered, Gathering } from './gather.js';
import type { KeyMask } from './key-mask.js';
import { Mixer, type Block } from './mixer.js';
import { OutsideDecoders } from './outside-decoders.js';
import type { Places, Plan } from './plan.js';
import { Parties } from './survey.js';
import { longestPacketSeconds, type Placed, type Segment } from './track.js';

/** What the first reading has found, by channel. */
export interface Surveyed {
  readonly channels: ReadonlyMap<string, Channel>;
  /** Of a recording in which keys are masked. */
  readonly masks: ReadonlyMap<string, KeyMask>;
  readonly plan: Plan;
}

export interface RenderOptions {
  readonly canHear: CanHear;
  readonly program: SpeechProgram | undefined;
  /** The law whose codes are given back as they came, in place of samples: then nothing else was heard. */
  readonly codesOf?: 'PCMU' | 'PCMA' | undefined;
}

/** Of the fastest codec, with room for a sample more that a clock may ask for. */
const longestPacketSamples = 48_000 * longestPacketSeconds * 1.25;

/** What G.711 has for silence: an encoder gives it for 0. */
export const quietCode = { PCMU: 0xff, PCMA: 0xd5 } as const;

export async function* render(records: Gathering, surveyed: Surveyed, options: RenderOptions): AsyncGenerator<Block, void, undefined> {
  const renderer = new Renderer(surveyed, options, records.captures.length > 1);
  try {
    for await (const batch of records) {
      for (const record of batch) {
        if (record.kind !== 'rtp') {
          renderer.parties.take(record);
          continue;
        }
        for (const placed of renderer.parties.take(record)) {
          const frames = renderer.framesOf(record.channel, placed);
          if (frames === undefined) continue;
          if (frames.end > renderer.mixer.reaches) yield* renderer.mixer.upTo(frames.end);
          const pending = renderer.hear(record, placed, frames);
          if (pending !== undefined) await pending;
        }
        const settled = renderer.goOn(record.arrivedAtMs);
        if (settled !== undefined) await settled;
      }
    }
    await renderer.outside.finish();
    yield* renderer.mixer.finish();
  } finally {
    renderer.close();
  }
}

/** Where a packet's sound lies, at its own rate, and the frame behind it at the recording's. */
interface Frames {
  readonly segment: Segment;
  readonly at: number;
  readonly end: number;
}

/** A segment of this reading, as the first one knows it. */
interface Located {
  readonly segment: Segment;
  readonly rate: number;
  readonly own: Places;
  readonly whole: Places;
}

interface Opened {
  readonly codec: AudioCodec;
  readonly decoder: Decoder;
}

class Renderer {
  readonly parties: Parties;
  readonly mixer: Mixer;
  readonly outside: OutsideDecoders;
  readonly #names: readonly string[];
  readonly #opened = new Map<string, Map<number, Opened>>();
  readonly #located = new Map<Segment, Located>();
  readonly #samples = new Int16Array(longestPacketSamples);
  readonly #valueOf: ((code: number) => number) | undefined;
  #outsideUsed = false;

  constructor(private readonly surveyed: Surveyed, options: RenderOptions, several: boolean) {
    const { channels, masks, plan } = surveyed;
    const { codesOf } = options;
    this.parties = new Parties(options.canHear, several);
    this.outside = new OutsideDecoders(options.program);
    this.#names = [...channels.keys()];
    const silence = codesOf === undefined ? 0 : quietCode[codesOf];
    const maskOf = this.#names.map((name) => masks.get(name));
    this.mixer = new Mixer({ channels: this.#names.length, frames: plan.frames, sampleRate: plan.sampleRate, silence, mask: (channel, frame, samples) => maskOf[channel]?.silence(frame, samples, samples.length, silence) });
    if (codesOf !== undefined) this.#valueOf = valuesOf(codesOf);
  }

  framesOf(name: string, { packet, segment, offsetTicks, durationTicks, codec }: Placed): Frames | undefined {
    if (codec === undefined) return undefined;
    const known = this.#located.get(segment);
    // PCMU and G.722 share a clock, and may share a segment.
    const located = known?.rate === codec.sampleRate ? known : this.#locate(name, packet.ssrc, segment, codec.sampleRate);
    if (located === undefined) return undefined;
    const { own, whole } = located;
    return { segment: located.segment, at: own.start + Math.round(offsetTicks * own.perTick), end: whole.start + Math.round((offsetTicks + durationTicks) * whole.perTick) };
  }

  /** The first reading saw the same packets, so it has the same segment, with its place. */
  #locate(name: string, ssrc: number, segment: Segment, rate: number): Located | undefined {
    const { plan, channels } = this.surveyed;
    const known = channels.get(name)?.tracks.get(ssrc)?.segments[segment.index];
    if (known === undefined) return undefined;
    const located = { segment: known, rate, own: plan.placesOf(known, rate), whole: plan.placesOf(known) };
    this.#located.set(segment, located);
    return located;
  }

  /** Decodes to its place; a promise where that has to be waited for. */
  hear(record: Gathered & { kind: 'rtp' }, placed: Placed, frames: Frames): Promise<void> | undefined {
    const { codec, packet } = placed;
    const { channel, arrivedAtMs } = record;
    if (codec === undefined) return undefined;
    if (codec.decoding.by === 'program') return this.#hearOutside(`${channel} ${packet.ssrc} ${packet.payloadType}`, this.#names.indexOf(channel), placed, codec, frames, arrivedAtMs);
    const opened = this.#opened.get(channel)?.get(packet.ssrc);
    if (opened?.codec === codec) {
      this.#decode(channel, opened.decoder, placed, codec, frames);
      return undefined;
    }
    return this.#open(channel, packet.ssrc, codec, codec.decoding.open).then((decoder) => this.#decode(channel, decoder, placed, codec, frames));
  }

  /** A promise where samples have to be waited for. */
  goOn(nowMs: number): Promise<void> | undefined {
    return this.#outsideUsed ? this.outside.goOn(nowMs) : undefined;
  }

  close(): void {
    this.outside.kill();
    for (const opened of this.#opened.values()) for (const { decoder } of opened.values()) decoder.close();
  }

  async #open(channel: string, ssrc: number, codec: AudioCodec, open: () => Promise<Decoder>): Promise<Decoder> {
    const ofChannel = this.#opened.get(channel) ?? new Map<number, Opened>();
    this.#opened.set(channel, ofChannel);
    ofChannel.get(ssrc)?.decoder.close();
    const decoder = await open();
    ofChannel.set(ssrc, { codec, decoder });
    return decoder;
  }

  #decode(channel: string, decoder: Decoder, { packet, offsetTicks, durationTicks }: Placed, codec: AudioCodec, { segment, at }: Frames): void {
    const samples = this.#samples;
    const count = this.#valueOf === undefined ? decoder.decode(packet.payload, samples, 0) : copied(packet.payload, samples);
    const fitted = this.#fitted(segment, offsetTicks, durationTicks, codec, at, count);
    this.mixer.place(this.#names.indexOf(channel), codec.sampleRate, at, samples, fitted);
  }

  async #hearOutside(key: string, channel: number, { packet, offsetTicks }: Placed, codec: AudioCodec, { segment }: Frames, nowMs: number): Promise<void> {
    if (codec.decoding.by !== 'program') return;
    this.#outsideUsed = true;
    const { speech } = codec.decoding;
    const decoder = await this.outside.of(key, codec, nowMs);
    speech.framesIn(packet.payload).forEach((frame, n) => {
      if (frame === undefined) return;
      const fromTicks = offsetTicks + n * speech.frameSamples;
      const at = this.surveyed.plan.frameOf(segment, fromTicks, codec.sampleRate);
      decoder?.write(frame, (samples) => {
        this.#samples.set(samples);
        this.mixer.place(channel, codec.sampleRate, at, this.#samples, this.#fitted(segment, fromTicks, speech.frameSamples, codec, at, samples.length));
      });
    });
  }

  /** How many samples stand for the packet's, where the sender's clock is followed. */
  #fitted(segment: Segment, offsetTicks: number, durationTicks: number, codec: AudioCodec, at: number, count: number): number {
    const { plan } = this.surveyed;
    if (!plan.isFollowed(segment)) return count;
    return fitLength(this.#samples, count, plan.frameOf(segment, offsetTicks + durationTicks, codec.sampleRate) - at, this.#valueOf);
  }
}

function copied(payload: Buffer, samples: Int16Array): number {
  samples.set(payload);
  return payload.length;
}

function valuesOf(law: 'PCMU' | 'PCMA'): (code: number) => number {
  const values = new Int16Array(256);
  (law === 'PCMU' ? decodePcmu : decodePcma)(Buffer.from(Array.from({ length: 256 }, (_, code) => code)), values, 0);
  return (code) => values[code] ?? 0;
}
