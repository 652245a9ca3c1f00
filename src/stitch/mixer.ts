/**
 * Samples to their places, and out again as channels of one rate: pure.
 *
 * Packets come nearly in order, so a window of the recording is enough: what leaves it is final and goes
 * out. An hour's call needs no hour's memory. A channel has a layer for each sample rate that its party was heard at;
 * those of other rates than the recording's are resampled on their way out, and added.
 */
import assert from 'node:assert/strict';
import { Resampler } from '../media/index.js';
import { Layer } from './layer.js';

/** More than any packet is late by (track.ts), with what goes out at a time. */
const windowSeconds = 18;
/** What goes out at a time. */
export const blockFrames = 16_384;

/** Samples of each channel, all equally many. To be read only, and until the next block. */
export type Block = readonly Int16Array[];

export interface MixerOptions {
  readonly channels: number;
  /** How long the recording is, in samples a channel. */
  readonly frames: number;
  readonly sampleRate: number;
  /** What stands where nobody speaks: 0, but for codes of G.711. */
  readonly silence?: number;
  /** Has the last word on what goes out. */
  readonly mask?: (channel: number, frame: number, samples: Int16Array) => void;
}

interface OtherRate {
  readonly rate: number;
  readonly layer: Layer;
  readonly resampler: Resampler;
  source: Int16Array;
}

export class Mixer {
  readonly #options: MixerOptions;
  readonly #silence: number;
  readonly #windowFrames: number;
  readonly #layers: readonly Layer[];
  readonly #others: readonly OtherRate[][];
  readonly #quiet: Int16Array;
  /** What a block is made in, anew for each. */
  readonly #made: readonly Int16Array[];
  /** First frame of the window; all before it have gone out. */
  #from = 0;
  /** Samples that came when their place had gone out. */
  tooLate = 0;

  constructor(options: MixerOptions) {
    this.#options = options;
    this.#silence = options.silence ?? 0;
    this.#windowFrames = Math.ceil((windowSeconds * options.sampleRate) / blockFrames) * blockFrames;
    this.#layers = Array.from({ length: options.channels }, () => new Layer(this.#windowFrames, 0, this.#silence));
    this.#others = Array.from({ length: options.channels }, () => []);
    this.#quiet = new Int16Array(blockFrames).fill(this.#silence);
    this.#made = this.#layers.map(() => new Int16Array(blockFrames));
  }

  get sampleRate(): number {
    return this.#options.sampleRate;
  }

  /** How far a sample may be placed before blocks have to be taken. */
  get reaches(): number {
    return this.#from + this.#windowFrames;
  }

  /** Puts `count` samples of a channel at `frame`, which is counted at their rate; later ones replace earlier ones. Blocks that this pushes out are taken first. */
  place(channel: number, rate: number, frame: number, samples: Int16Array, count: number): void {
    const fitting = this.#fitting(rate, frame, count);
    if (fitting > 0) this.#layer(channel, rate).place(frame, samples, fitting);
  }

  /** The same of `count` octets from `from` on, each of which is the sample that `samples` has for it. */
  placeOctets(channel: number, rate: number, frame: number, octets: Uint8Array, from: number, count: number, samples: Int16Array): void {
    const fitting = this.#fitting(rate, frame, count);
    if (fitting > 0) this.#layer(channel, rate).placeOctets(frame, octets, from, fitting, samples);
  }

  /** How many of the samples lie before the recording's end; counts those that come too late. */
  #fitting(rate: number, frame: number, count: number): number {
    if (rate !== this.#options.sampleRate) return count;
    if (frame < this.#from) this.tooLate += Math.min(count, this.#from - frame);
    return Math.min(count, this.#options.frames - frame);
  }

  #layer(channel: number, rate: number): Layer {
    const layer = rate === this.#options.sampleRate ? this.#layers[channel] : this.#otherRate(channel, rate).layer;
    assert(layer !== undefined, 'a channel of this recording');
    return layer;
  }

  /** The blocks that are final when the next sample lies below `frame`, counted at the recording's rate. */
  *upTo(frame: number): Generator<Block, void, undefined> {
    const last = Math.min(frame, this.#options.frames);
    while (last > this.reaches) yield this.#block(blockFrames);
  }

  /** The rest, to the recording's end. */
  *finish(): Generator<Block, void, undefined> {
    while (this.#from < this.#options.frames) yield this.#block(Math.min(blockFrames, this.#options.frames - this.#from));
  }

  #block(count: number): Block {
    const from = this.#from;
    const block = this.#layers.map((layer, channel) => {
      const out = (this.#made[channel] ?? this.#quiet).subarray(0, count);
      let spoken = layer.read(from, out);
      if (!spoken && (this.#others[channel]?.length ?? 0) > 0) out.fill(this.#silence);
      for (const other of this.#others[channel] ?? []) spoken = addResampled(other, from, out) || spoken;
      if (!spoken) return this.#quiet.subarray(0, count);
      this.#options.mask?.(channel, from, out);
      return out;
    });
    this.#from += count;
    for (const layer of this.#layers) layer.letGo(this.#from);
    for (const others of this.#others) for (const { layer, resampler } of others) layer.letGo(resampler.firstNeeded(this.#from));
    return block;
  }

  #otherRate(channel: number, rate: number): OtherRate {
    const others = this.#others[channel] ?? [];
    const known = others.find((other) => other.rate === rate);
    if (known !== undefined) return known;
    const resampler = new Resampler(rate, this.#options.sampleRate);
    const size = Math.ceil((this.#windowFrames * rate) / this.#options.sampleRate) + 4 * resampler.reach;
    const made: OtherRate = { rate, layer: new Layer(size, resampler.firstNeeded(this.#from), 0), resampler, source: new Int16Array(0) };
    others.push(made);
    return made;
  }
}

/** False when there is nothing but silence. */
function addResampled(other: OtherRate, from: number, out: Int16Array): boolean {
  const { layer, resampler } = other;
  const needed = resampler.needed(from, out.length);
  if (other.source.length < needed) other.source = new Int16Array(needed);
  const source = other.source.subarray(0, needed);
  if (!layer.read(resampler.firstNeeded(from), source) || source.every((sample) => sample === 0)) return false;
  resampler.add(source, from, out);
  return true;
}
