/**
 * Samples to their places: pure.
 *
 * Packets come nearly in order, so a window of the recording is enough: what leaves it is final and goes
 * out. An hour's call needs no hour's memory.
 */
import assert from 'node:assert/strict';

/** Sixteen seconds at 8,000 Hz: more than any packet is late by (track.ts). */
const windowFrames = 131_072;

export class Mixer {
  readonly #channels: readonly Int16Array[];
  readonly #frames: number;
  readonly #frameBytes: number;
  readonly #silence: Buffer;
  /** First frame of the window; all before it have gone out. */
  #from = 0;
  #ready: Buffer[] = [];
  /** Samples that came when their place had gone out. */
  tooLate = 0;

  /** @param frames how long the recording is, in samples a channel */
  constructor(channels: number, frames: number) {
    this.#channels = Array.from({ length: channels }, () => new Int16Array(windowFrames));
    this.#frames = frames;
    this.#frameBytes = channels * 2;
    this.#silence = Buffer.alloc(windowFrames * this.#frameBytes);
  }

  /** Puts `count` samples of a channel at `frame`; later ones replace earlier ones. */
  place(channel: number, frame: number, samples: Int16Array, count: number): void {
    const ring = this.#channels[channel];
    assert(ring !== undefined && count <= windowFrames, 'a packet fits the window');
    const last = Math.min(frame + count, this.#frames);
    if (last > this.#from + windowFrames) this.#advance(last - windowFrames);
    const first = Math.max(frame, this.#from);
    this.tooLate += Math.min(first - frame, count);
    for (let at = first; at < last; at += 1) ring[at % windowFrames] = samples[at - frame] ?? 0;
  }

  /** What is final since the last call: 16-bit little-endian, channels interleaved. To be read only: silence is shared. */
  take(): readonly Buffer[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** The rest, to the recording's end. */
  finish(): readonly Buffer[] {
    if (this.#from < this.#frames) this.#advance(this.#frames);
    return this.take();
  }

  #advance(to: number): void {
    const known = Math.min(to, this.#from + windowFrames);
    this.#ready.push(this.#interleave(this.#from, known));
    // Beyond the window nothing was ever placed: an hour on hold is one piece of silence, many times.
    for (let from = known; from < to; from += windowFrames) {
      this.#ready.push(this.#silence.subarray(0, Math.min(to - from, windowFrames) * this.#frameBytes));
    }
    this.#from = to;
  }

  #interleave(from: number, to: number): Buffer {
    const out = Buffer.alloc((to - from) * this.#frameBytes);
    let at = 0;
    for (let frame = from; frame < to; frame += 1) {
      const place = frame % windowFrames;
      for (const ring of this.#channels) {
        at = out.writeInt16LE(ring[place] ?? 0, at);
        ring[place] = 0;
      }
    }
    return out;
  }
}
