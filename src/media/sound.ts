/**
 * Audio to be played in calls, encoded once for all of them.
 *
 * It is encoded as the first call that hears it goes on, some milliseconds at a time, so that no long clip ever keeps
 * the packets of other calls waiting.
 *
 * Owns       what is encoded so far, by codec, and an encoder for as long as somebody listens.
 * Leaves to  codecs/ the encoding; its readers to close themselves.
 * Bound      as long as the audio, for each codec.
 */
import type { Audio } from './audio.js';
import type { Encoder, VoiceCodec } from './codecs/index.js';

/** Frames that are encoded at a time are at least so long: a call of the encoder for each tick would cost. */
const chunkMs = 20;
/** What an encoder that goes on in the middle takes in before, to be in the state that it would be in. */
const warmUpMs = 200;
/** Silence after its end that is encoded with it, for the rest of the last packet: as long as the longest there is. */
const tailMs = 120;

export interface SoundReader {
  /** The payload of so many ticks from `fromTicks` on, 0 or more; after the end there is silence. A new buffer, or one that nobody changes. */
  payload(fromTicks: number, ticks: number): Buffer;
  close(): void;
}

export class Sound {
  readonly #encodings = new Map<VoiceCodec, Encoding>();

  constructor(readonly audio: Audio) {}

  /** @throws what kept the codec's library from being loaded. */
  async open(codec: VoiceCodec): Promise<SoundReader> {
    let encoding = this.#encodings.get(codec);
    if (encoding === undefined) {
      encoding = new Encoding(this.audio, codec);
      this.#encodings.set(codec, encoding);
    }
    return encoding.open();
  }
}

class Encoding {
  /** Of `#chunkTicks` each. */
  readonly #chunks: Buffer[][] = [];
  readonly #chunkTicks: number;
  readonly #chunkCount: number;
  #encoder: Encoder | undefined;
  #opening: Promise<Encoder> | undefined;
  #readers = 0;

  constructor(
    private readonly audio: Audio,
    private readonly codec: VoiceCodec,
  ) {
    this.#chunkTicks = (codec.clockRate * chunkMs) / 1_000;
    this.#chunkCount = Math.ceil((audio.durationMs + tailMs) / chunkMs);
  }

  async open(): Promise<SoundReader> {
    this.#readers += 1;
    try {
      await this.#prepare();
    } catch (error) {
      this.#release();
      throw error;
    }
    let open = true;
    return {
      payload: (fromTicks, ticks) => this.#payload(fromTicks, ticks),
      close: () => {
        if (open) this.#release();
        open = false;
      },
    };
  }

  async #prepare(): Promise<void> {
    if (this.#encoder !== undefined || this.#chunks.length >= this.#chunkCount) return;
    this.#opening ??= this.codec.openEncoder();
    const opening = this.#opening;
    try {
      const encoder = await opening;
      // Of those who waited, the first to come has done it.
      if (this.#opening !== opening) return;
      this.#encoder = encoder;
      this.#warmUp(encoder);
    } finally {
      if (this.#opening === opening) this.#opening = undefined;
    }
  }

  #warmUp(encoder: Encoder): void {
    const done = this.#chunks.length;
    for (let chunk = Math.max(0, done - warmUpMs / chunkMs); chunk < done; chunk += 1) this.#encode(encoder, chunk);
  }

  #release(): void {
    this.#readers -= 1;
    if (this.#readers === 0) this.#closeEncoder();
  }

  #closeEncoder(): void {
    this.#encoder?.close();
    this.#encoder = undefined;
  }

  #payload(fromTicks: number, ticks: number): Buffer {
    const { codec } = this;
    const frames: Buffer[] = [];
    const from = fromTicks - (fromTicks % codec.frameTicks);
    for (let at = from; at < from + ticks; ) {
      const within = at % this.#chunkTicks;
      const wanted = Math.min(from + ticks - at, this.#chunkTicks - within);
      const chunk = this.#chunk(Math.floor(at / this.#chunkTicks));
      if (chunk === undefined) frames.push(...this.#silence(wanted));
      else frames.push(...cut(chunk, within, wanted, codec.frameTicks));
      at += wanted;
    }
    return codec.join(frames);
  }

  #silence(ticks: number): readonly Buffer[] {
    const { codec } = this;
    if (codec.frameTicks === 1) return [codec.silence(ticks)];
    return new Array<Buffer>(ticks / codec.frameTicks).fill(codec.silence(codec.frameTicks));
  }

  #chunk(number: number): readonly Buffer[] | undefined {
    if (number >= this.#chunkCount) return undefined;
    while (this.#encoder !== undefined && this.#chunks.length <= number) {
      this.#chunks.push(this.#encode(this.#encoder, this.#chunks.length));
      if (this.#chunks.length === this.#chunkCount) this.#closeEncoder();
    }
    return this.#chunks[number];
  }

  /** The frames of a chunk, each by itself; where a frame is a tick, all of them in one piece. */
  #encode(encoder: Encoder, chunk: number): Buffer[] {
    const { audio, codec } = this;
    const samplesPerTick = codec.sampleRate / codec.clockRate;
    const samples = new Int16Array(this.#chunkTicks * samplesPerTick);
    audio.read(codec.sampleRate, chunk * samples.length, samples);
    if (codec.frameTicks === 1) return [encoder.encode(samples)];
    const frameSamples = codec.frameTicks * samplesPerTick;
    return Array.from({ length: samples.length / frameSamples }, (_, n) => encoder.encode(samples.subarray(n * frameSamples, (n + 1) * frameSamples)));
  }
}

function cut(chunk: readonly Buffer[], from: number, ticks: number, frameTicks: number): readonly Buffer[] {
  if (frameTicks > 1) return chunk.slice(from / frameTicks, (from + ticks) / frameTicks);
  return chunk.map((octets) => octets.subarray(from, from + ticks));
}
