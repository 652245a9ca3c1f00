/**
 * The journal of all captures of a process: many small appends to many files as a few large ones to one.
 *
 * What is appended to a capture goes into the journal's segment at once, with what the others append in the same turn, and
 * waits in memory. Every few seconds a new segment begins, and each capture that has bytes in an older one writes them into
 * its own file, as one append, and syncs that. A segment that nobody needs any more is removed. So a thousand captures cost
 * a few writes and one sync a tenth of a second in place of ten thousand and a thousand a second, and each file is written
 * to every few seconds.
 *
 * After a crash the segments that are left say what is not in the files yet: replay-journals.ts puts it there, before
 * anybody reads them.
 *
 * Owns       the segments, from their creation to their removal; when a file has to be written.
 * Leaves to  journalled-file.ts what waits for one file; journal-format.ts the bytes.
 *
 * Invariants
 * 1. What was acknowledged is in a segment or, synced, in its file.
 * 2. Segments are removed in their order, so that what says that a file is whole outlives what it is said of.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { createCaptureHandle, type CaptureFile } from './capture-file.js';
import { diskThread } from './disk-thread.js';
import { closed, entryBytesOf, journalMagic, putEntry } from './journal-format.js';
import { JournalledFile, type FileJournal } from './journalled-file.js';
import { Turnstile } from './turnstile.js';
import { writeRooms, type WriteRoom } from './write-rooms.js';

export const segmentName = (number: number): string => `journal-${String(number).padStart(12, '0')}`;

export interface JournalOptions {
  /** After how long a capture's file has what is appended now, but for the time that this takes. */
  readonly settleMs?: number;
  /** What is appended within that time is synced by one call. */
  readonly syncWithinMs?: number;
  /** After how many bytes a segment has been long enough. */
  readonly segmentBytes?: number;
  /** How often it is tried to put into its file what the disk did not take. */
  readonly rescueEveryMs?: number;
  /** A file that was closed without all of it has all of it now. */
  readonly onRescued?: (name: string) => void;
}

const defaults = { settleMs: 5_000, syncWithinMs: 100, segmentBytes: 128 * 1024 * 1024, rescueEveryMs: 2_000, onRescued: (_name: string): void => undefined };
/** What captures give in one turn as a rule. */
const gatherBytes = 256 * 1024;
/** Files that are written to at a time. */
const settlingAtOnce = 2;
/** Those that have to be written are spread over most of the time until the next segment, so that they are no burst. */
const [settleEveryMs, settleShare] = [20, 0.8];

interface Segment {
  readonly path: string;
  readonly handle: FileHandle;
  /** Captures that have bytes in it and not yet in their file. */
  readonly needed: Set<JournalledFile>;
  bytes: number;
  retired: boolean;
  /** It may end with half an entry: what followed that would not be read again. */
  torn: boolean;
}

export class CaptureJournal implements FileJournal {
  readonly #folder: string;
  readonly #options: Required<JournalOptions>;
  readonly #settling = new Turnstile(settlingAtOnce);
  /** The oldest first; appends go to the last. */
  readonly #segments: Segment[] = [];
  #number: number;
  /** Entries that go with the next write. */
  #gathered: WriteRoom = writeRooms.take(gatherBytes);
  #gatheredBytes = 0;
  #gatheredFor: JournalledFile[] = [];
  /** Of what is gathered. */
  #next: Promise<void> | undefined;
  /** What is under way, one at a time: of what is written behind something that failed nobody knows where it is. */
  #current: Promise<void> = Promise.resolve();
  #synced: Promise<void> | undefined;
  #turning: Promise<void> | undefined;
  #removing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  /** That need a segment which is written to no more. */
  #due: JournalledFile[] = [];
  #settleTimer: NodeJS.Timeout | undefined;
  /** Files that the disk did not take. */
  readonly #stranded = new Set<JournalledFile>();
  #rescuing: Promise<void> | undefined;
  #rescueTimer: NodeJS.Timeout | undefined;

  /** A journal in a folder in which nobody else has one, and which holds none that was not replayed. The first append begins it. */
  constructor(folder: string, options: JournalOptions = {}) {
    this.#folder = folder;
    this.#options = { ...defaults, ...options };
    // No segment of before has this number: they are younger than the year 1970, and were replayed.
    this.#number = Date.now();
  }

  /** A new file of the journal's folder, as createCaptureFile; its bytes go through the journal. */
  async createFile(path: string): Promise<CaptureFile> {
    return new JournalledFile(this, await createCaptureHandle(path), path);
  }

  append(file: JournalledFile, name: Buffer, offset: number, bytes: Uint8Array): Promise<void> {
    const at = this.#gatheredBytes;
    this.#gatheredBytes += entryBytesOf(name, bytes);
    if (this.#gatheredBytes > this.#gathered.length) this.#gathered = grown(this.#gathered, at, this.#gatheredBytes);
    putEntry(this.#gathered, at, name, offset, bytes);
    this.#gatheredFor.push(file);
    // What others append in the same turn, or while the disk is busy, goes along.
    this.#next ??= this.#current.then(() => this.#write());
    return this.#next;
  }

  appendClosed(file: JournalledFile, name: Buffer): Promise<void> {
    return this.append(file, name, closed, new Uint8Array(0));
  }

  sync(): Promise<void> {
    this.#synced ??= new Promise<void>((resolve) => setTimeout(resolve, this.#options.syncWithinMs)).then(() => {
      this.#synced = undefined;
      return this.#syncAll();
    });
    return this.#synced;
  }

  settle(work: () => Promise<void>): Promise<void> {
    return this.#settling.pass(work);
  }

  settled(file: JournalledFile, upTo: number): void {
    for (const [n, segment] of this.#segments.entries()) if (this.#firstNumber + n <= upTo) segment.needed.delete(file);
    this.#removeUnneeded();
  }

  strand(file: JournalledFile): void {
    this.#stranded.add(file);
    this.#rescueTimer ??= setInterval(() => {
      this.#rescuing ??= this.#rescue().finally(() => (this.#rescuing = undefined));
    }, this.#options.rescueEveryMs).unref();
  }

  get at(): number {
    return this.#firstNumber + this.#segments.length - 1;
  }

  /** Files are closed before. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    clearInterval(this.#settleTimer);
    clearInterval(this.#rescueTimer);
    await this.#rescuing;
    await this.#rescue();
    await Promise.all([...this.#stranded].map((file) => file.abandon()));
    await this.#next?.catch(() => undefined);
    await this.#current;
    await this.#turning?.catch(() => undefined);
    for (const segment of this.#segments) segment.retired = true;
    this.#removeUnneeded();
    await this.#removing;
    await Promise.all(this.#segments.map(({ handle }) => handle.close()));
  }

  get #firstNumber(): number {
    return this.#number - this.#segments.length;
  }

  #write(): Promise<void> {
    const files = this.#gatheredFor;
    const room = this.#gathered;
    const bytes = room.subarray(0, this.#gatheredBytes);
    this.#gathered = writeRooms.take(gatherBytes);
    this.#gatheredBytes = 0;
    this.#gatheredFor = [];
    this.#next = undefined;
    const writing = this.#writeEntries(bytes, files).finally(() => writeRooms.giveBack(room));
    this.#current = writing.catch(() => undefined);
    return writing;
  }

  async #writeEntries(bytes: WriteRoom, files: readonly JournalledFile[]): Promise<void> {
    if (this.#turning !== undefined || this.#segments.at(-1)?.torn !== false) await this.#turnNow();
    const segment = this.#segments.at(-1);
    assert(segment !== undefined);
    for (const file of files) segment.needed.add(file);
    segment.bytes += bytes.length;
    try {
      await diskThread.writeShared(segment.handle.fd, bytes);
    } catch (error) {
      segment.torn = true;
      throw error;
    }
    if (segment.bytes >= this.#options.segmentBytes) this.#turnSoon(0);
    else if (this.#timer === undefined) this.#turnSoon(this.#options.settleMs);
  }

  #turnSoon(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // Without a new segment all goes into the old one; the next append asks again.
      this.#turnNow().catch(() => undefined);
    }, ms).unref();
  }

  #turnNow(): Promise<void> {
    this.#turning ??= this.#turn().finally(() => (this.#turning = undefined));
    return this.#turning;
  }

  /** Begins a new segment, and has those that need an older one write their files. */
  async #turn(): Promise<void> {
    const path = join(this.#folder, segmentName(this.#number));
    const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND } = constants;
    const handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600);
    try {
      await handle.write(journalMagic);
    } catch (error) {
      // Without room for that: the next try begins it anew.
      await handle.close();
      await rm(path, { force: true });
      throw error;
    }
    const old = this.#segments.at(-1);
    this.#segments.push({ path, handle, needed: new Set(), bytes: 0, retired: false, torn: false });
    this.#number += 1;
    if (old === undefined) return;
    old.retired = true;
    this.#due.push(...old.needed);
    const each = Math.ceil((this.#due.length * settleEveryMs) / (this.#options.settleMs * settleShare));
    clearInterval(this.#settleTimer);
    this.#settleTimer = setInterval(() => this.#settleSome(Math.max(1, each)), settleEveryMs).unref();
    this.#removeUnneeded();
  }

  #settleSome(count: number): void {
    // Those that fail say so themselves, to whoever writes to them next.
    for (const file of this.#due.splice(0, count)) void file.settle().catch(() => undefined);
    if (this.#due.length > 0) return;
    clearInterval(this.#settleTimer);
    this.#settleTimer = undefined;
  }

  async #rescue(): Promise<void> {
    for (const file of [...this.#stranded]) {
      try {
        await file.rescue();
      } catch {
        // It is tried again; the others may be taken.
        continue;
      }
      this.#stranded.delete(file);
      this.#options.onRescued(file.name);
    }
    // Others may have come meanwhile.
    if (this.#stranded.size > 0) return;
    clearInterval(this.#rescueTimer);
    this.#rescueTimer = undefined;
  }

  async #syncAll(): Promise<void> {
    // One that was retired meanwhile was synced before, or holds what has been appended since.
    await Promise.all(this.#segments.filter(({ bytes, retired }) => bytes > 0 || retired).map(({ handle }) => handle.datasync()));
  }

  #removeUnneeded(): void {
    for (;;) {
      const oldest = this.#segments[0];
      if (oldest === undefined || !oldest.retired || oldest.needed.size > 0) return;
      this.#segments.shift();
      this.#removing = this.#removing.then(async () => {
        await oldest.handle.close().catch(() => undefined);
        await rm(oldest.path, { force: true }).catch(() => undefined);
      });
    }
  }
}

/** The first `keep` bytes, with room for `bytes`, in place of it. */
function grown(room: WriteRoom, keep: number, bytes: number): WriteRoom {
  const larger = writeRooms.take(bytes);
  room.copy(larger, 0, 0, keep);
  writeRooms.giveBack(room);
  return larger;
}
