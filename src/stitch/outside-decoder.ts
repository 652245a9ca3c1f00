/**
 * One stream of speech frames, decoded by a program in a process of its own: frames go in by a pipe, samples come
 * back by another, nothing rests on a disk.
 *
 * Each frame gives as many samples as every other, in their order, a few frames behind: so a sample's frame is known by
 * counting, and a count that does not come out is a failure.
 *
 * Owns       the process, from the first frame to `close`.
 * Leaves to  render.ts where samples belong.
 * Bound      what is in the process is asked for by `settle`, every few seconds of the call.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { Failure } from '../errors/index.js';
import type { FramedSpeech } from '../media/index.js';
import type { SpeechProgram } from './ffmpeg.js';

/** A decoder holds so many frames back until others come, or the end. */
const heldBack = 2;
/** Without a sample for so long, or an end, it hangs. */
const patienceMs = 10_000;

/** Takes the samples of a frame; undefined for one that only pushed others out. */
type Deliver = ((samples: Int16Array) => void) | undefined;

export class OutsideDecoder {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #speech: FramedSpeech;
  readonly #waiting: Deliver[] = [];
  readonly #samples: Int16Array;
  readonly #bytes: Buffer;
  #filled = 0;
  #lastFrame: Buffer | undefined;
  #failure: string | undefined;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(program: SpeechProgram, speech: FramedSpeech, sampleRate: number) {
    this.#speech = speech;
    this.#samples = new Int16Array(speech.frameSamples);
    this.#bytes = Buffer.from(this.#samples.buffer);
    // Without its usual look at the first seconds of the input it answers at once; "nobuffer" would drop the first frame.
    const args = ['-hide_banner', '-nostdin', '-loglevel', 'quiet', '-threads', '1', '-probesize', '32', '-analyzeduration', '0', '-f', speech.container, '-i', 'pipe:0', '-f', 's16le', '-ac', '1', '-ar', String(sampleRate), '-flush_packets', '1', 'pipe:1'];
    this.#process = spawn(program.path, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#process.on('error', (error) => this.#fail(`could not be started (${error.message})`));
    this.#process.on('close', (code, signal) => {
      if (!this.#ended || code !== 0) this.#fail(`ended by itself (${signal ?? `status ${String(code)}`})`);
      this.#ended = true;
      this.#wake();
    });
    // Its death is told by 'close'.
    this.#process.stdin.on('error', () => undefined);
    this.#process.stdout.on('data', (bytes: Buffer) => this.#take(bytes));
    if (speech.head !== '') this.#process.stdin.write(speech.head);
  }

  /** Frames whose samples have not come back. */
  get waiting(): number {
    return this.#waiting.length;
  }

  write(frame: Buffer, deliver: Deliver): void {
    this.#waiting.push(deliver);
    // Copied: the pipe may keep it, and it lies in a chunk that is of many packets.
    this.#lastFrame = Buffer.from(frame);
    this.#process.stdin.write(this.#lastFrame);
  }

  /** Waits for all samples but those that are held back. @throws Failure DECODER_FAILED */
  settle(): Promise<void> {
    return this.#until(() => this.#waiting.length <= heldBack);
  }

  /** Waits for all samples: frames that nobody hears push the last ones out. @throws Failure DECODER_FAILED */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0 || this.#lastFrame === undefined) return;
    for (let n = 0; n < heldBack; n += 1) this.write(this.#lastFrame, undefined);
    await this.#until(() => this.#waiting.every((deliver) => deliver === undefined));
  }

  /** The rest of the samples, and the end of the process. @throws Failure DECODER_FAILED */
  async close(): Promise<void> {
    this.#ended = true;
    this.#process.stdin.end();
    await this.#until(() => this.#process.exitCode !== null || this.#process.signalCode !== null, () => this.#process.stdout.readableEnded || this.#process.stdout.destroyed);
    if (this.#waiting.length > 0) throw this.#failed(`gave the samples of ${this.#waiting.length} frames too few`);
  }

  /** Ends the process whatever it does. */
  kill(): void {
    this.#ended = true;
    this.#process.kill('SIGKILL');
  }

  #take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, this.#bytes.length - this.#filled);
      bytes.copy(this.#bytes, this.#filled, at, at + count);
      at += count;
      this.#filled += count;
      if (this.#filled < this.#bytes.length) break;
      this.#filled = 0;
      if (this.#waiting.length === 0) {
        this.#fail('gave more samples than it had frames');
        break;
      }
      this.#waiting.shift()?.(this.#samples);
    }
    this.#wake();
  }

  async #until(...all: (() => boolean)[]): Promise<void> {
    const done = (): boolean => all.every((one) => one());
    while (!done()) {
      if (this.#failure !== undefined) throw this.#failed(this.#failure);
      const before = this.#waiting.length;
      const woken = await this.#woken();
      if (!woken && !done() && this.#waiting.length === before) throw this.#failed(`gave nothing for ${patienceMs / 1000} s`);
    }
    if (this.#failure !== undefined) throw this.#failed(this.#failure);
  }

  /** False when nothing happened for too long. */
  #woken(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), patienceMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve(true);
      };
    });
  }

  #fail(why: string): void {
    this.#failure ??= why;
    this.#wake();
  }

  #failed(why: string): Failure {
    this.kill();
    return new Failure('DECODER_FAILED', `ffmpeg, which decodes ${this.#speech.container} here, ${why}.`, { facts: { container: this.#speech.container } });
  }
}
