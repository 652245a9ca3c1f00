/**
 * One file of packets, read in pieces, frame by frame; gzip is undone.
 *
 * Owns       the descriptor, and what is known of the file at its end.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip } from 'node:zlib';
import { Failure } from '../errors/index.js';
import { diskAdvice, errnoOf } from '../vault/index.js';
import { FrameReader } from './frames.js';

const pieceBytes = 1 << 20;
const gzipMagic = 0x1f8b;

/** What became of a file. */
export interface FileSummary {
  readonly path: string;
  readonly format: 'pcap' | 'pcapng';
  readonly bytes: number;
  readonly packets: number;
  /** What of it could not be read; absent when it was whole. */
  readonly lost?: string;
}

export class InputFile {
  readonly reader = new FrameReader();
  packets = 0;
  #lost: string | undefined;
  readonly #pieces: AsyncIterator<Buffer>;

  private constructor(
    readonly path: string,
    readonly bytes: number,
    private readonly progress: { readonly bytesRead: number },
    pieces: AsyncIterable<Buffer>,
  ) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Failure INGEST_INPUT: it cannot be read, or is no packet capture. The caller closes it. */
  static async open(path: string): Promise<InputFile> {
    try {
      const { size, isGzip } = await lookAt(path);
      const raw = createReadStream(path, { highWaterMark: pieceBytes });
      const progress = { bytesRead: 0 };
      const pieces = counted(raw, progress);
      const file = new InputFile(path, size, progress, isGzip ? unzipped(pieces) : pieces);
      await file.#fill();
      if (file.reader.format === undefined) {
        await file.close();
        throw new Failure('INGEST_INPUT', `${path} is no packet capture: pcap and pcapng are read, also with gzip around them`);
      }
      return file;
    } catch (cause) {
      if (cause instanceof Failure) throw cause;
      throw new Failure('INGEST_INPUT', `${path} cannot be read: ${diskAdvice(cause)}.`, { cause, facts: { path, errno: errnoOf(cause) } });
    }
  }

  /** Of the file as it is on disk. */
  get bytesRead(): number {
    return this.progress.bytesRead;
  }

  get summary(): FileSummary {
    const lost = this.#lost;
    return { path: this.path, format: this.reader.format ?? 'pcap', bytes: this.bytes, packets: this.packets, ...(lost === undefined ? {} : { lost }) };
  }

  /** Whether `reader.frame` is the next frame, without waiting. */
  next(): boolean {
    if (!this.reader.next()) return false;
    this.packets += 1;
    return true;
  }

  /** Whether `reader.frame` is the next frame. */
  async nextPiece(): Promise<boolean> {
    for (;;) {
      if (this.next()) return true;
      if (this.reader.damage !== undefined) {
        this.#lost = `what follows packet ${this.packets} is damaged and was not read`;
        await this.close();
        return false;
      }
      if (!(await this.#fill())) return false;
    }
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #fill(): Promise<boolean> {
    try {
      const next = await this.#pieces.next();
      if (next.done === true) {
        if (this.reader.heldBytes > 0) this.#lost = `it is cut: its last ${this.reader.heldBytes} bytes are no whole packet`;
        return false;
      }
      this.reader.push(next.value);
    } catch (cause) {
      this.#lost = `it could not be read behind packet ${this.packets}: ${diskAdvice(cause)}`;
      return false;
    }
    return true;
  }
}

async function lookAt(path: string): Promise<{ readonly size: number; readonly isGzip: boolean }> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return { size, isGzip: bytesRead === 2 && buffer.readUInt16BE(0) === gzipMagic };
  } finally {
    await handle.close();
  }
}

async function* counted(raw: AsyncIterable<Buffer>, progress: { bytesRead: number }): AsyncGenerator<Buffer> {
  for await (const piece of raw) {
    progress.bytesRead += piece.length;
    yield piece;
  }
}

/** What ends early gives what it has: that the capture in it is cut shows in the capture. */
function unzipped(pieces: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const gunzip = createGunzip({ chunkSize: pieceBytes, finishFlush: constants.Z_SYNC_FLUSH });
  // Its errors are told to whoever reads from it.
  pipeline(pieces, gunzip).catch(() => undefined);
  return gunzip as AsyncIterable<Buffer>;
}
