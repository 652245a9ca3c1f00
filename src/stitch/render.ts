/**
 * The second reading of a session's captures: each packet decoded into its place, and channels out, block by block.
 *
 * It sees the same packets in the same order as the first, which has noted where each of them lies.
 *
 * Owns       the decoders, for as long as it runs.
 */
import { decodePcma, decodePcmu, type AudioCodec, type Decoder, type RtpView } from '../media/index.js';
import { PayloadTypes, soundTicks, type Channel, type CanHear } from './channel.js';
import type { SpeechProgram } from './ffmpeg.js';
import { fitLength } from './fit-length.js';
import type { GatheredRtp, Gathering } from './gather.js';
import type { KeyMask } from './key-mask.js';
import { Mixer, type Block } from './mixer.js';
import { OutsideDecoders } from './outside-decoders.js';
import type { PlaceReader } from './place-log.js';
import type { Places, Plan } from './plan.js';
import { longestPacketSeconds, type Segment } from './track.js';

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
  const renderer = new Renderer(surveyed, options);
  try {
    for await (const batch of records) {
      // By number: in a generator what an iterator gives is made anew for each of hundreds of thousands.
      for (let n = 0; n < batch.length; n += 1) {
        const record = batch[n];
        if (record?.kind !== 'rtp') continue;
        const sound = renderer.take(record);
        if (sound !== undefined) {
          const { whole } = sound.located;
          const end = whole.start + Math.round((sound.offsetTicks + sound.durationTicks) * whole.perTick);
          if (end > renderer.mixer.reaches) yield* renderer.mixer.upTo(end);
          const pending = renderer.hear(record, sound);
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

interface Located {
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

/** One source of a channel. */
interface Source {
  readonly ssrc: number;
  readonly places: PlaceReader<Segment>;
  readonly located: Map<Segment, Located>;
  /** That of the packet before, which is nearly always the next one's too. */
  last: Located | undefined;
  opened: Opened | undefined;
}

/** One channel of the recording. */
interface Voice {
  readonly name: string;
  readonly index: number;
  readonly types: PayloadTypes;
  /** By SSRC. */
  readonly sources: ReadonlyMap<number, Source>;
  /** The one that spoke last, which is nearly always the one that speaks. */
  speaking: Source | undefined;
}

/** What a packet brings, and where it lies: one for all, of hundreds of thousands. */
interface Sound {
  voice: Voice;
  source: Source;
  codec: AudioCodec;
  located: Located;
  /** From the packet that began the segment; negative for one before it. */
  offsetTicks: number;
  durationTicks: number;
}

class Renderer {
  readonly mixer: Mixer;
  readonly outside: OutsideDecoders;
  readonly #voices: ReadonlyMap<string, Voice>;
  readonly #samples = new Int16Array(longestPacketSamples);
  readonly #valueOf: ((code: number) => number) | undefined;
  /** Of each octet of G.711, where codes are given back as they came. */
  readonly #codes: Int16Array | undefined;
  #outsideUsed = false;
  #sound: Sound | undefined;
  readonly #plan: Plan;

  constructor({ channels, masks, plan }: Surveyed, { canHear, program, codesOf }: RenderOptions) {
    this.#plan = plan;
    this.outside = new OutsideDecoders(program);
    const names = [...channels.keys()];
    this.#voices = new Map([...channels].map(([name, { tracks }], index) => {
      const sources = new Map([...tracks].map(([ssrc, track]) => [ssrc, { ssrc, places: track.places.read(), located: new Map(), last: undefined, opened: undefined }]));
      return [name, { name, index, types: new PayloadTypes(canHear), sources, speaking: undefined }];
    }));
    const silence = codesOf === undefined ? 0 : quietCode[codesOf];
    const maskOf = names.map((name) => masks.get(name));
    this.mixer = new Mixer({ channels: names.length, frames: plan.frames, sampleRate: plan.sampleRate, silence, mask: (channel, frame, samples) => maskOf[channel]?.silence(frame, samples, samples.length, silence) });
    if (codesOf === undefined) return;
    this.#valueOf = valuesOf(codesOf);
    this.#codes = Int16Array.from({ length: 256 }, (_, code) => code);
  }

  /** What a packet brings, until the next; undefined for one that has no sound, or is not heard. */
  take({ channel, packet, codec: line }: GatheredRtp): Sound | undefined {
    const voice = this.#voices.get(channel);
    const source = voice?.speaking?.ssrc === packet.ssrc ? voice.speaking : voice?.sources.get(packet.ssrc);
    if (voice === undefined || source === undefined) return undefined;
    voice.speaking = source;
    const codec = voice.types.of(packet.payloadType, line);
    const durationTicks = soundTicks(packet, codec);
    const { places } = source;
    places.next(durationTicks);
    if (codec === undefined || places.segment === undefined) return undefined;
    const located = source.last?.segment === places.segment && source.last.rate === codec.sampleRate ? source.last : this.#locate(source, places.segment, codec.sampleRate);
    const { offsetTicks } = places;
    const sound = this.#sound;
    if (sound === undefined) return (this.#sound = { voice, source, codec, located, offsetTicks, durationTicks });
    sound.voice = voice;
    sound.source = source;
    sound.codec = codec;
    sound.located = located;
    sound.offsetTicks = offsetTicks;
    sound.durationTicks = durationTicks;
    return sound;
  }

  #locate(source: Source, segment: Segment, rate: number): Located {
    const plan = this.#plan;
    const known = source.located.get(segment);
    // PCMU and G.722 share a clock, and may share a segment.
    const located = known?.rate === rate ? known : { segment, rate, own: plan.placesOf(segment, rate), whole: plan.placesOf(segment), followed: plan.isFollowed(segment) };
    source.located.set(segment, located);
    return (source.last = located);
  }

  /** Decodes to its place; a promise where that has to be waited for. */
  hear({ packet, arrivedAtMs }: GatheredRtp, sound: Sound): Promise<void> | undefined {
    const { voice, source, codec, located, offsetTicks } = sound;
    const { octetSamples, sampleRate, decoding } = codec;
    if (octetSamples !== undefined && !located.followed) {
      const at = located.own.start + Math.round(offsetTicks * located.own.perTick);
      this.mixer.placeOctets(voice.index, sampleRate, at, packet.bytes, packet.payloadFrom, packet.payloadBytes, this.#codes ?? octetSamples);
      return undefined;
    }
    if (decoding.by === 'program') return this.#hearOutside(packet, sound, arrivedAtMs);
    if (source.opened?.codec === codec) {
      this.#decode(packet, sound, source.opened.decoder);
      return undefined;
    }
    return this.#open(source, codec, decoding.open).then((decoder) => this.#decode(packet, sound, decoder));
  }

  /** A promise where samples have to be waited for. */
  goOn(nowMs: number): Promise<void> | undefined {
    return this.#outsideUsed ? this.outside.goOn(nowMs) : undefined;
  }

  close(): void {
    this.outside.kill();
    for (const { sources } of this.#voices.values()) for (const { opened } of sources.values()) opened?.decoder.close();
  }

  async #open(source: Source, codec: AudioCodec, open: () => Promise<Decoder>): Promise<Decoder> {
    source.opened?.decoder.close();
    source.opened = undefined;
    const decoder = await open();
    source.opened = { codec, decoder };
    return decoder;
  }

  #decode(packet: RtpView, { voice, codec, located: { segment, own }, offsetTicks, durationTicks }: Sound, decoder: Decoder): void {
    const samples = this.#samples;
    const at = own.start + Math.round(offsetTicks * own.perTick);
    const count = this.#valueOf === undefined ? decoder.decode(packet.payload, samples, 0) : copied(packet.payload, samples);
    const fitted = this.#fitted(segment, offsetTicks, durationTicks, codec, at, count);
    this.mixer.place(voice.index, codec.sampleRate, at, samples, fitted);
  }

  async #hearOutside(packet: RtpView, { voice, source, codec, located: { segment }, offsetTicks }: Sound, nowMs: number): Promise<void> {
    if (codec.decoding.by !== 'program') return;
    this.#outsideUsed = true;
    const { speech } = codec.decoding;
    const decoder = await this.outside.of(`${voice.name} ${source.ssrc} ${packet.payloadType}`, codec, nowMs);
    speech.framesIn(packet.payload).forEach((frame, n) => {
      if (frame === undefined) return;
      const fromTicks = offsetTicks + n * speech.frameSamples;
      const at = this.#plan.frameOf(segment, fromTicks, codec.sampleRate);
      decoder?.write(frame, (samples) => {
        this.#samples.set(samples);
        this.mixer.place(voice.index, codec.sampleRate, at, this.#samples, this.#fitted(segment, fromTicks, speech.frameSamples, codec, at, samples.length));
      });
    });
  }

  /** How many samples stand for the packet's, where the sender's clock is followed. */
  #fitted(segment: Segment, offsetTicks: number, durationTicks: number, codec: AudioCodec, at: number, count: number): number {
    const plan = this.#plan;
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
