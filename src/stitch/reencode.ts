/**
 * A finished recording in another format, as it is taken out: read, decoded, written, block by block.
 */
import { Failure } from '../errors/index.js';
import type { Report } from '../ledger/index.js';
import { encodePcma, encodePcmu, extensionOf, mostChannelsOf, openAudioReader, openAudioWriter, rateFor, type AudioFormat, type AudioInfo, type AudioReader, type AudioReject, type AudioWriter } from '../media/index.js';
import { Mixer, type Block } from './mixer.js';
import { twoSides } from './sides.js';

export interface StoredRecording {
  /** By its end the format is known. */
  readonly name: string;
  readonly bytes: AsyncIterable<Buffer>;
  readonly report: Pick<Report, 'durationMs' | 'channels'> | undefined;
}

/** Whether a file of that name, with that beginning, is of the format already. */
function isAlready(name: string, start: Buffer, format: AudioFormat): boolean {
  if (!name.endsWith(`.${extensionOf(format)}`)) return false;
  if (!name.endsWith('.wav')) return true;
  // A format of 16 octets is PCM's, one of 18 that of G.711 (wav.ts).
  return (format === 'wav') === (start.length >= 20 && start.readUInt32LE(16) === 16);
}

/** @throws Failure AUDIO_UNUSABLE when the recording rests in a format that is none of ours, or is damaged. */
export async function* reencoded({ name, bytes, report }: StoredRecording, format: AudioFormat): AsyncGenerator<Uint8Array, void, undefined> {
  let conversion: Conversion | undefined;
  let asItIs = false;
  try {
    for await (const piece of bytes) {
      if (conversion === undefined && !asItIs) {
        asItIs = isAlready(name, piece, format);
        if (!asItIs) conversion = new Conversion(name, await readerFor(name, piece), format, report);
      }
      if (conversion === undefined) yield piece;
      else yield* conversion.take(piece);
    }
    if (conversion !== undefined) yield* conversion.finish();
  } finally {
    conversion?.close();
  }
}

async function readerFor(name: string, start: Buffer): Promise<AudioReader> {
  const reader = await openAudioReader(name, start);
  if (reader === undefined) throw new Failure('AUDIO_UNUSABLE', `${name} rests in a format that is not known here: export it as it is, without --format.`, { facts: { name } });
  return reader;
}

class Conversion {
  #mixer: Mixer | undefined;
  #writer: AudioWriter | undefined;
  #law: 'PCMU' | 'PCMA' | undefined;
  #info: AudioInfo | undefined;
  #onTwoSides = false;
  #read = 0;

  constructor(private readonly name: string, private readonly reader: AudioReader, private readonly format: AudioFormat, private readonly report: StoredRecording['report']) {}

  async *take(piece: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#add(this.reader.push(piece));
  }

  async *finish(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#add(this.reader.end());
    const [mixer, writer] = [this.#mixer, this.#writer];
    if (mixer === undefined || writer === undefined) throw this.#unusable('cut');
    for (const block of mixer.finish()) yield this.#write(writer, block);
    yield writer.end();
  }

  close(): void {
    this.reader.close();
    this.#writer?.close();
  }

  async *#add(blocks: readonly Block[] | AudioReject): AsyncGenerator<Uint8Array, void, undefined> {
    if (typeof blocks === 'string') throw this.#unusable(blocks);
    for (const block of blocks) {
      const { mixer, writer, info } = await this.#begun();
      const count = block[0]?.length ?? 0;
      for (let at = 0; at < count; at += readFrames) {
        const part = block.map((samples) => samples.subarray(at, at + readFrames));
        const length = part[0]?.length ?? 0;
        for (const out of mixer.upTo(Math.ceil(((this.#read + length) * mixer.sampleRate) / info.sampleRate))) yield this.#write(writer, out);
        part.forEach((samples, channel) => mixer.place(channel, info.sampleRate, this.#read, samples, length));
        this.#read += length;
      }
    }
  }

  async #begun(): Promise<{ mixer: Mixer; writer: AudioWriter; info: AudioInfo }> {
    const info = this.#info ?? this.reader.info;
    if (info === undefined) throw this.#unusable('damaged');
    if (this.#mixer !== undefined && this.#writer !== undefined) return { mixer: this.#mixer, writer: this.#writer, info };
    const sampleRate = rateFor(this.format, info.sampleRate);
    // Ogg tells its length at its end, a writer may need it at the beginning.
    const seconds = info.frames === undefined ? (this.report?.durationMs ?? 0) / 1_000 : info.frames / info.sampleRate;
    const frames = Math.round(seconds * sampleRate);
    if (frames === 0) throw this.#unusable('unsupported');
    this.#info = info;
    this.#law = this.format === 'wav-g711' ? this.#oneLaw() : undefined;
    this.#onTwoSides = info.channels > mostChannelsOf(this.format);
    this.#mixer = new Mixer({ channels: info.channels, frames, sampleRate });
    this.#writer = await openAudioWriter(this.format, { channels: this.#onTwoSides ? 2 : info.channels, sampleRate, frames, codes: this.#law });
    return { mixer: this.#mixer, writer: this.#writer, info };
  }

  /** What all parties had, where it is G.711. */
  #oneLaw(): 'PCMU' | 'PCMA' | undefined {
    const codecs = new Set(this.report?.channels.map(({ codec }) => codec).filter((codec) => codec !== ''));
    const [codec] = codecs;
    return codecs.size === 1 && this.#info?.sampleRate === 8_000 && (codec === 'PCMU' || codec === 'PCMA') ? codec : undefined;
  }

  #write(writer: AudioWriter, block: Block): Uint8Array {
    const sides = this.#onTwoSides ? twoSides(block) : block;
    const law = this.#law;
    // A copy: whoever takes them may keep several.
    return Uint8Array.from(writer.write(law === undefined ? sides : sides.map((samples) => Int16Array.from((law === 'PCMU' ? encodePcmu : encodePcma)(samples)))));
  }

  #unusable(reason: AudioReject): Failure {
    return new Failure('AUDIO_UNUSABLE', `${this.name} cannot be made into another format (${reason}): see \`twintrack verify\`, or export it as it is.`, { facts: { name: this.name, reason } });
  }
}

/** What is placed at a time: less than the mixer's window by far. */
const readFrames = 16_384;
