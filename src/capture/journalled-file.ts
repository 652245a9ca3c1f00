/**
 * A capture file whose bytes go through the journal: acknowledged when they are there, and in the file itself every few
 * seconds and when it is closed.
 *
 * Where the disk does not take what waits the file takes no more, and what was acknowledged goes on waiting: it is put
 * there as soon as the disk takes it, or by the next start, out of the journal.
 *
 * Invariant  The file has all bytes from its beginning up to some place; those behind it are in the journal, and wait here.
 */
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { syncFolder } from '../vault/index.js';
import type { CaptureFile } from './capture-file.js';
import { diskThread } from './disk-thread.js';
import { WaitingBytes } from './waiting-bytes.js';
import { writeRooms } from './write-rooms.js';

/** What a file needs of its journal. */
export interface FileJournal {
  /** The number of the segment that is written to now. */
  readonly at: number;
  /** Copies the bytes, and resolves when they are in the segment. */
  append(file: JournalledFile, name: Buffer, offset: number, bytes: Uint8Array): Promise<void>;
  /** Says that the file is whole. */
  appendClosed(file: JournalledFile, name: Buffer): Promise<void>;
  /** Resolves when all that was appended before outlives a power cut. */
  sync(): Promise<void>;
  /** Runs `work`, which writes a file, when it is its turn. */
  settle(work: () => Promise<void>): Promise<void>;
  /** All of the file's bytes in segments up to that one are in it. */
  settled(file: JournalledFile, upTo: number): void;
  /** The disk did not take the file, which is to be closed: the journal keeps its segments, and tries again. */
  strand(file: JournalledFile): void;
}

/** More may not wait for a disk that takes the journal and not the file. */
const maxWaitingBytes = 16 * 1024 * 1024;

export class JournalledFile implements CaptureFile {
  readonly #journal: FileJournal;
  readonly #handle: FileHandle;
  readonly #folder: string;
  readonly #name: Buffer;
  readonly #waiting = new WaitingBytes();
  #bytes = 0;
  /** To where the file has been written and synced. */
  #settledBytes = 0;
  /** It may have something behind that. */
  #isTorn = false;
  #settling: Promise<void> | undefined;
  #failure: Error | undefined;
  #named = false;

  constructor(journal: FileJournal, handle: FileHandle, path: string) {
    this.#journal = journal;
    this.#handle = handle;
    this.#folder = dirname(path);
    this.#name = Buffer.from(basename(path));
  }

  write(bytes: Buffer): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waiting.length + bytes.length > maxWaitingBytes) return Promise.reject(new Error('the disk does not take the file'));
    const offset = this.#bytes;
    this.#bytes += bytes.length;
    this.#waiting.push(bytes);
    return this.#journal.append(this, this.#name, offset, bytes);
  }

  sync(): Promise<void> {
    return this.#journal.sync();
  }

  /** Writes what waits; one at a time. */
  settle(): Promise<void> {
    this.#settling ??= this.#journal.settle(() => this.#settle()).finally(() => (this.#settling = undefined));
    return this.#settling;
  }

  /** When it resolves, the file is whole by itself, and outlives a power cut. */
  async close(): Promise<void> {
    try {
      await this.#settling;
      await this.settle();
      await this.#journal.appendClosed(this, this.#name);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
    if (this.#failure !== undefined && this.#waiting.length > 0) {
      this.#journal.strand(this);
      throw this.#failure;
    }
    this.#journal.settled(this, this.#journal.at);
    await this.#handle.close();
    if (this.#failure !== undefined) throw this.#failure;
  }

  get moreFollows(): boolean {
    return this.#waiting.length > 0;
  }

  get name(): string {
    return this.#name.toString();
  }

  /** Of one that is stranded: puts what waits into the file, and closes it. @throws Error of node's fs while the disk refuses. */
  async rescue(): Promise<void> {
    await this.#writeWaiting();
    this.#journal.settled(this, this.#journal.at);
    await this.#handle.close();
  }

  /** Of one that is stranded: what waits is left to the journal. */
  abandon(): Promise<void> {
    return this.#handle.close();
  }

  async #settle(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const upTo = this.#journal.at;
    try {
      await this.#writeWaiting();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw this.#failure;
    }
    this.#journal.settled(this, upTo - 1);
  }

  /** What comes while it writes waits for the next time. */
  async #writeWaiting(): Promise<void> {
    const { length } = this.#waiting;
    // What a write that failed has left would be in the way.
    if (this.#isTorn) await this.#handle.truncate(this.#settledBytes);
    this.#isTorn = true;
    if (length > 0) await this.#append(length);
    await this.#handle.datasync();
    if (!this.#named) await syncFolder(this.#folder);
    this.#named = true;
    this.#isTorn = false;
    this.#waiting.letGo(length);
    this.#settledBytes += length;
  }

  /** All that waits now, which is so much. */
  async #append(length: number): Promise<void> {
    const room = writeRooms.take(length);
    try {
      this.#waiting.copyInto(room);
      await diskThread.writeShared(this.#handle.fd, room.subarray(0, length));
    } finally {
      writeRooms.giveBack(room);
    }
  }
}
