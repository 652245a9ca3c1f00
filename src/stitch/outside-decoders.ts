/**
 * All processes that decode for one recording: a bounded number, none for longer than the recording is made.
 */
import type { AudioCodec } from '../media/index.js';
import type { SpeechProgram } from './ffmpeg.js';
import { OutsideDecoder } from './outside-decoder.js';

/** Parties who speak at once, and as many who have just changed their source. */
const mostProcesses = 8;
/** Samples are asked for at least so often, in ms of the call: less than the mixer's window by far. */
const settleMs = 2_000;

interface Running {
  readonly decoder: OutsideDecoder;
  /** Of the call, ms: when a frame last went in. */
  usedAtMs: number;
}

export class OutsideDecoders {
  readonly #running = new Map<string, Running>();
  #settleAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly program: SpeechProgram | undefined) {}

  /** The decoder of a stream; undefined where this machine has none. `key` names the stream and its codec. */
  async of(key: string, { decoding, sampleRate }: AudioCodec, nowMs: number): Promise<OutsideDecoder | undefined> {
    const known = this.#running.get(key);
    if (known !== undefined) {
      known.usedAtMs = nowMs;
      return known.decoder;
    }
    if (decoding.by !== 'program' || this.program?.containers.has(decoding.speech.container) !== true) return undefined;
    if (this.#running.size >= mostProcesses) await this.#closeOldest();
    const decoder = new OutsideDecoder(this.program, decoding.speech, sampleRate);
    this.#running.set(key, { decoder, usedAtMs: nowMs });
    return decoder;
  }

  /** Called as the call goes on: waits for samples before the mixer's window has passed their places. */
  async goOn(nowMs: number): Promise<void> {
    if (this.#running.size === 0 || nowMs < this.#settleAtMs) return;
    this.#settleAtMs = nowMs + settleMs;
    for (const { decoder, usedAtMs } of this.#running.values()) await (usedAtMs < nowMs - settleMs ? decoder.flush() : decoder.settle());
  }

  /** All samples that are left. */
  async finish(): Promise<void> {
    for (const [key, { decoder }] of this.#running) {
      await decoder.close();
      this.#running.delete(key);
    }
  }

  kill(): void {
    for (const { decoder } of this.#running.values()) decoder.kill();
    this.#running.clear();
  }

  async #closeOldest(): Promise<void> {
    const [oldest] = [...this.#running].sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
    if (oldest === undefined) return;
    this.#running.delete(oldest[0]);
    try {
      await oldest[1].decoder.close();
    } finally {
      oldest[1].decoder.kill();
    }
  }
}
