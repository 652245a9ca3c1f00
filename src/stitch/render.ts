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
      // By number: in a generator what an iterator gives is made anew for each of hundreds of thousands.
      for (let n = 0; n < batch.length; n += 1) {
        const record = batch[n];
        if (record?.kind !== 'rtp') {
          if (record !== undefined) renderer.parties.take(record);
          continue;
        }
        const places = renderer.parties.take(record);
        const voice = places.length === 0 ? undefined : renderer.voiceOf(record.channel);
        for (let of = 0; of < places.length; of += 1) {
          const placed = places[of];
          const located = placed === undefined || voice === undefined ? undefined : renderer.locate(voice, placed);
          if (placed === undefined || voice === undefined || located === undefined) continue;
          const end = located.whole.start + Math.round((placed.offsetTicks + placed.durationTicks) * located.whole.perTick);
          if (end > renderer.mixer.reaches) yield* renderer.mixer.upTo(end);
          const pending = renderer.hear(record, placed, voice, located);
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

/** A segment of this reading, as the first one knows it. */
interface Located {
  /** Of this reading, and of the first. */
  readonly seen: Segment;
  readonly segment: Segment;
  readonly rate: number;
  /** Where packets lie, at their own rate and at the recording's. */
  readonly own: Places;
  readonly whole: Places;
  /** Whether packets may have a sample more or less than they came with. */
  readonly followed: boolean;
}

interface Opened {
  readonly codec: AudioCodec;
  readonly decoder: Decoder;
}

/** One channel of the recording. */
interface Voice {
  readonly name: string;
  readonly index: number;
  /** By SSRC. */
  readonly opened: Map<number, Opened>;
  readonly located: Map<Segment, Located>;
  /** That of the packet before, which is nearly always the next one's too. */
  last: Located | undefined;
}

class Renderer {
  readonly parties: Parties;
  readonly mixer: Mixer;
  readonly outside: OutsideDecoders;
  readonly #voices: ReadonlyMap<string, Voice>;
  readonly #samples = new Int16Array(longestPacketSamples);
  readonly #valueOf: ((code: number) => number) | undefined;
  /** Of each octet of G.711, where codes are given back as they came. */
  readonly #codes: Int16Array | undefined;
  #outsideUsed = false;

  constructor(private readonly surveyed: Surveyed, options: RenderOptions, several: boolean) {
    const { channels, masks, plan } = surveyed;
    const { codesOf } = options;
    this.parties = new Parties(options.canHear, several);
    this.outside = new OutsideDecoders(options.program);
    const names = [...channels.keys()];
    this.#voices = new Map(names.map((name, index) => [name, { name, index, opened: new Map(), located: new Map(), last: undefined }]));
    const silence = codesOf === undefined ? 0 : quietCode[codesOf];
    const maskOf = names.map((name) => masks.get(name));
    this.mixer = new Mixer({ channels: names.length, frames: plan.frames, sampleRate: plan.sampleRate, silence, mask: (channel, frame, samples) => maskOf[channel]?.silence(frame, samples, samples.length, silence) });
    if (codesOf === undefined) return;
    this.#valueOf = valuesOf(codesOf);
    this.#codes = Int16Array.from({ length: 256 }, (_, code) => code);
  }

  voiceOf(name: string): Voice | undefined {
    return this.#voices.get(name);
  }

  /** Where the sound of a packet's segment lies; undefined for a packet without sound. */
  locate(voice: Voice, { packet, segment, codec }: Placed): Located | undefined {
    if (codec === undefined) return undefined;
    const { sampleRate } = codec;
    if (voice.last?.seen === segment && voice.last.rate === sampleRate) return voice.last;
    const known = voice.located.get(segment);
    // PCMU and G.722 share a clock, and may share a segment.
    const located = known?.rate === sampleRate ? known : this.#locate(voice, packet.ssrc, segment, sampleRate);
    voice.last = located;
    return located;
  }

  /** The first reading saw the same packets, so it has the same segment, with its place. */
  #locate(voice: Voice, ssrc: number, seen: Segment, rate: number): Located | undefined {
    const { plan, channels } = this.surveyed;
    const segment = channels.get(voice.name)?.tracks.get(ssrc)?.segments[seen.index];
    if (segment === undefined) return undefined;
    const located = { seen, segment, rate, own: plan.placesOf(segment, rate), whole: plan.placesOf(segment), followed: plan.isFollowed(segment) };
    voice.located.set(seen, located);
    return located;
  }

  /** Decodes to its place; a promise where that has to be waited for. */
  hear(record: Gathered & { kind: 'rtp' }, placed: Placed, voice: Voice, located: Located): Promise<void> | undefined {
    const { codec, packet, offsetTicks } = placed;
    if (codec === undefined) return undefined;
    const { octetSamples, sampleRate, decoding } = codec;
    if (octetSamples !== undefined && !located.followed) {
      const at = located.own.start + Math.round(offsetTicks * located.own.perTick);
      this.mixer.placeOctets(voice.index, sampleRate, at, packet.bytes, packet.payloadFrom, packet.payloadBytes, this.#codes ?? octetSamples);
      return undefined;
    }
    if (decoding.by === 'program') return this.#hearOutside(`${voice.name} ${packet.ssrc} ${packet.payloadType}`, voice.index, placed, codec, located, record.arrivedAtMs);
    const opened = voice.opened.get(packet.ssrc);
    if (opened?.codec === codec) {
      this.#decode(voice, opened.decoder, placed, codec, located);
      return undefined;
    }
    return this.#open(voice, packet.ssrc, codec, decoding.open).then((decoder) => this.#decode(voice, decoder, placed, codec, located));
  }

  /** A promise where samples have to be waited for. */
  goOn(nowMs: number): Promise<void> | undefined {
    return this.#outsideUsed ? this.outside.goOn(nowMs) : undefined;
  }

  close(): void {
    this.outside.kill();
    for (const { opened } of this.#voices.values()) for (const { decoder } of opened.values()) decoder.close();
  }

  async #open({ opened }: Voice, ssrc: number, codec: AudioCodec, open: () => Promise<Decoder>): Promise<Decoder> {
    opened.get(ssrc)?.decoder.close();
    const decoder = await open();
    opened.set(ssrc, { codec, decoder });
    return decoder;
  }

  #decode(voice: Voice, decoder: Decoder, { packet, offsetTicks, durationTicks }: Placed, codec: AudioCodec, { segment, own }: Located): void {
    const samples = this.#samples;
    const at = own.start + Math.round(offsetTicks * own.perTick);
    const count = this.#valueOf === undefined ? decoder.decode(packet.payload, samples, 0) : copied(packet.payload, samples);
    const fitted = this.#fitted(segment, offsetTicks, durationTicks, codec, at, count);
    this.mixer.place(voice.index, codec.sampleRate, at, samples, fitted);
  }

  async #hearOutside(key: string, channel: number, { packet, offsetTicks }: Placed, codec: AudioCodec, { segment }: Located, nowMs: number): Promise<void> {
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
