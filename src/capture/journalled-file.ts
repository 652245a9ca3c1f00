/**
 * A capture file whose bytes go through the journal: acknowledged when they are there, and in the file itself every few
 * seconds and when it is closed.
 *
 * Invariant  The file has all bytes from its beginning up to some place; those behind it are in the journal, and wait here.
 */
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { syncFolder } from '../vault/index.js';
import type { CaptureFile } from './capture-file.js';
import { diskThread } from './disk-thread.js';
import { joined } from './joined.js';

/** What a file needs of its journal. */
export interface FileJournal {
  /** The number of the segment that is written to now. */
  readonly at: number;
  /** Resolves when it is in the segment. */
  append(file: JournalledFile, name: Buffer, offset: number, bytes: Uint8Array): Promise<void>;
  /** Says that the file is whole. */
  appendClosed(file: JournalledFile, name: Buffer): Promise<void>;
  /** Resolves when all that was appended before outlives a power cut. */
  sync(): Promise<void>;
  /** Runs `work`, which writes a file, when it is its turn. */
  settle(work: () => Promise<void>): Promise<void>;
  /** All of the file's bytes in segments up to that one are in it, or nobody will ever put them there. */
  settled(file: JournalledFile, upTo: number): void;
}

/** More may not wait for a disk that takes the journal and not the file. */
const maxWaitingBytes = 16 * 1024 * 1024;

export class JournalledFile implements CaptureFile {
  readonly #journal: FileJournal;
  readonly #handle: FileHandle;
  readonly #folder: string;
  readonly #name: Buffer;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  #settling: Promise<void> | undefined;
  #failure: Error | undefined;
  #named = false;

  constructor(journal: FileJournal, handle: FileHandle, path: string) {
    this.#journal = journal;
    this.#handle = handle;
    this.#folder = dirname(path);
    this.#name = Buffer.from(basename(path));
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#waitingBytes + bytes.length > maxWaitingBytes) throw new Error('the disk does not take the file');
    const offset = this.#bytes;
    this.#bytes += bytes.length;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    await this.#journal.append(this, this.#name, offset, bytes);
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
    } finally {
      this.#journal.settled(this, this.#journal.at);
      await this.#handle.close();
    }
  }

  async #settle(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = joined(this.#waiting);
    const { length } = bytes;
    const upTo = this.#journal.at;
    this.#waiting = [];
    try {
      if (length > 0) await diskThread.give(this.#handle.fd, bytes);
      await this.#handle.datasync();
      if (!this.#named) await syncFolder(this.#folder);
      this.#named = true;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw this.#failure;
    }
    this.#waitingBytes -= length;
    this.#journal.settled(this, upTo - 1);
  }
}
