/**
 * The captures that an ingestion writes, by the writer that recorders use: one for each stream of each leg, in a folder
 * of its own, sealed for keys that only this process has.
 *
 * Captures are many and files that are open at once few: a file is open only while it is among those written last.
 *
 * Owns       the open files, and how much waits in memory.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeCapture, type CaptureFile, type CaptureStream, type CaptureWriter } from '../capture/index.js';
import type { Failure } from '../errors/index.js';
import { sealSecret, type VaultKeys } from '../vault/index.js';
import type { CaptureSource } from '../stitch/index.js';
import type { DescribedStream } from './stream-description.js';

/** Beside them a process has few descriptors open; 256 is the least limit that systems set. */
const mostOpenFiles = 64;
/** Of all captures together; each has its share. */
const bufferBytes = 32 << 20;
const [leastBuffer, mostBuffer] = [4_096, 131_072];
/** The writer's own clock has no part here: it writes when it is told. */
const never = { flushMs: 1e9, syncMs: 1e9 };

export class Spools {
  readonly #open = new Map<string, number>();
  #count = 0;
  readonly #living = new Set<Spool>();

  constructor(
    private readonly dir: string,
    private readonly keys: VaultKeys,
  ) {}

  /** How many files are open now. */
  get openFiles(): number {
    return this.#open.size;
  }

  /** How much a capture may keep before it is written. */
  get share(): number {
    return Math.min(mostBuffer, Math.max(leastBuffer, Math.floor(bufferBytes / Math.max(1, this.#living.size))));
  }

  /** Where the packets come from, for the report; set by whoever reads the files. */
  recorder = '';

  /** Begins the capture of a stream. Failure CAPTURE_WRITE. */
  async open(atMs: number, stream: DescribedStream): Promise<Spool> {
    const captureId = String((this.#count += 1));
    const path = join(this.dir, captureId);
    const spool = new Spool(this, captureId, path, this.recorder, stream.index, atMs);
    await spool.begin(settled(() => this.#file(path)), this.keys, stream);
    this.#living.add(spool);
    return spool;
  }

  closed(spool: Spool): void {
    this.#living.delete(spool);
  }

  /** Gives up those that are still open: a writer that is left open would hold the process. */
  async abandon(): Promise<void> {
    for (const spool of this.#living) await spool.close(0).catch(() => undefined);
  }

  async sealed(lines: readonly string[]): Promise<readonly string[]> {
    const boxes = await Promise.all(lines.map((line) => sealSecret(Buffer.from(line), this.keys.public)));
    return boxes.map((box) => box.toString('base64'));
  }

  /** Written at once: what is asked for later in the same turn finds it there. Nothing needs to outlive a power cut. */
  #file(path: string): CaptureFile {
    this.#descriptor(path, 'ax');
    return {
      write: (bytes) =>
        settled(() => {
          for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor(path, 'a'), bytes, at);
        }),
      sync: () => settled(() => undefined),
      close: () => settled(() => this.#close(path)),
    };
  }

  #descriptor(path: string, flags: 'a' | 'ax'): number {
    const known = this.#open.get(path);
    if (known !== undefined) {
      // The map keeps the order: what was used last stands last.
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    for (const oldest of this.#open.keys()) {
      if (this.#open.size < mostOpenFiles) break;
      this.#close(oldest);
    }
    const descriptor = openSync(path, flags, 0o600);
    this.#open.set(path, descriptor);
    return descriptor;
  }

  #close(path: string): void {
    const descriptor = this.#open.get(path);
    if (descriptor === undefined) return;
    this.#open.delete(path);
    closeSync(descriptor);
  }
}

/** What was done, as work that is waited for. */
const settled = <T>(work: () => T): Promise<T> => new Promise((resolve) => resolve(work()));

/** One capture. Its owner closes it, then removes it. */
export class Spool {
  #writer: CaptureWriter | undefined;
  #nowMs: number;
  #unwrittenBytes = 0;
  #failure: Failure | undefined;

  constructor(
    private readonly spools: Spools,
    private readonly captureId: string,
    private readonly path: string,
    private readonly recorder: string,
    private readonly index: number,
    private readonly openedAtMs: number,
  ) {
    this.#nowMs = openedAtMs;
  }

  async begin(file: Promise<CaptureFile>, keys: VaultKeys, stream: DescribedStream): Promise<void> {
    const begin = { captureId: this.captureId, sessionId: '', recorder: this.recorder, metadata: {} };
    this.#writer = await writeCapture(file, this.path, keys.public, begin, { ...never, now: () => this.#nowMs, onFailure: (failure) => (this.#failure = failure) });
    await this.describe(this.openedAtMs, stream);
  }

  async describe(atMs: number, stream: DescribedStream): Promise<void> {
    const { crypto, ...description } = stream.description;
    const sealedKeys = await this.spools.sealed(crypto);
    const described: CaptureStream = { index: this.index, role: stream.role, ...description, sealedKeys };
    this.#nowMs = atMs;
    this.#writer?.event({ type: 'streams', streams: [described] });
  }

  packet(atMs: number, rtcp: boolean, bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    this.#writer?.packet(this.index, atMs, rtcp, bytes.subarray(start, end));
    this.#unwrittenBytes += end - start;
    if (this.#unwrittenBytes < this.spools.share) return undefined;
    this.#unwrittenBytes = 0;
    return this.#flush();
  }

  async #flush(): Promise<void> {
    await this.#writer?.flush();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the capture. Failure CAPTURE_WRITE: it could not be written to its end. */
  async close(atMs: number): Promise<CaptureSource> {
    this.#nowMs = atMs;
    await this.#writer?.close('ended');
    this.spools.closed(this);
    if (this.#failure !== undefined) throw this.#failure;
    return { captureId: this.captureId, path: this.path, openedAtMs: this.openedAtMs };
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}
