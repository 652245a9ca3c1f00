/**
 * Writes for all captures of the process, in a thread of their own: what many captures give at a time goes there as one
 * message, and each is one write(2) there. In Node's pool a write costs as much again as all else that a capture does.
 *
 * Owns       the thread, which is started with the first write, and again when it has died.
 * Leaves to  capture-file.ts the files; whoever writes to a file waits for one write before the next.
 *
 * A disk that hangs keeps all writes waiting, and the captures know how much may wait. The process may end while nothing
 * is on its way.
 */
import { Worker } from 'node:worker_threads';

/** Appends of several files, after one another. */
export interface Batch {
  readonly ticket: number;
  readonly descriptors: Int32Array;
  readonly lengths: Int32Array;
  readonly bytes: Uint8Array;
}

/** What became of a batch. */
export interface Written {
  readonly ticket: number;
  readonly failed: readonly { readonly n: number; readonly message: string; readonly code: string | undefined; readonly errno: number | undefined; readonly syscall: string | undefined }[];
}

interface Entry {
  readonly fd: number;
  readonly bytes: Uint8Array;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

export class DiskThread {
  #worker: Worker | undefined;
  #waiting: Entry[] = [];
  readonly #under = new Map<number, readonly Entry[]>();
  #tickets = 0;

  /** Ended from outside only by tests. */
  get worker(): Worker | undefined {
    return this.#worker;
  }

  /** Starts the thread, so that the first write need not wait for it. */
  start(): void {
    this.#worker ??= this.#started();
  }

  /** Appends all of `bytes`, which is the caller's again when it resolves. Errors are those of node's fs. */
  write(fd: number, bytes: Uint8Array): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ fd, bytes, done, failed });
      // What others give in the same turn goes along.
      if (this.#waiting.length === 1) queueMicrotask(() => this.#send());
    });
  }

  /** The same, of bytes in memory that the thread shares (write-rooms.ts): they stay as they are until it resolves. */
  writeShared(fd: number, bytes: Uint8Array<SharedArrayBuffer>): Promise<void> {
    // In their order, should others be waiting.
    if (this.#waiting.length > 0) this.#send();
    return new Promise((done, failed) => this.#post([{ fd, bytes, done, failed }], bytes, []));
  }

  #send(): void {
    const entries = this.#waiting;
    this.#waiting = [];
    if (entries.length === 0) return;
    const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + entry.bytes.length, 0));
    let at = 0;
    for (const entry of entries) {
      bytes.set(entry.bytes, at);
      at += entry.bytes.length;
    }
    this.#post(entries, bytes, [bytes.buffer]);
  }

  /** @param moved what is the thread's from now on */
  #post(entries: readonly Entry[], bytes: Uint8Array, moved: readonly ArrayBuffer[]): void {
    const descriptors = Int32Array.from(entries, ({ fd }) => fd);
    const lengths = Int32Array.from(entries, (entry) => entry.bytes.length);
    const ticket = (this.#tickets += 1);
    this.start();
    this.#under.set(ticket, entries);
    this.#worker?.ref();
    this.#worker?.postMessage({ ticket, descriptors, lengths, bytes } satisfies Batch, [...moved, descriptors.buffer, lengths.buffer]);
  }

  #started(): Worker {
    const worker = new Worker(new URL('./disk-worker.js', import.meta.url), { execArgv: [], name: 'captures' });
    worker.on('message', ({ ticket, failed }: Written) => this.#written(ticket, failed));
    // What comes of it is told by its exit.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (this.#worker === worker) this.#died();
    });
    // After its listeners: they would hold the process again.
    worker.unref();
    return worker;
  }

  #written(ticket: number, failed: Written['failed']): void {
    const entries = this.#under.get(ticket) ?? [];
    this.#under.delete(ticket);
    if (this.#under.size === 0) this.#worker?.unref();
    for (const { n, message, ...facts } of failed) entries[n]?.failed(Object.assign(new Error(message), facts));
    // Those that have failed are settled.
    for (const { done } of entries) done();
  }

  /** Whether what was under way is in the files nobody knows. */
  #died(): void {
    this.#worker = undefined;
    const lost = [...this.#under.values()].flat();
    this.#under.clear();
    for (const { failed } of lost) failed(new Error('the thread that writes captures has died'));
  }
}

/** Of this process. */
export const diskThread = new DiskThread();
