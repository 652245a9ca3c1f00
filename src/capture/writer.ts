/**
 * Writing a capture while the call runs.
 *
 * `packet` copies and returns. A timer shared by all captures of the process seals and writes what came in since
 * (every 100 ms), and syncs less often (every second): a killed process loses what came after the last write, a
 * power cut what came after the last sync.
 *
 * Owns       the file from its creation to its close, the counts, and turning disk errors into one Failure.
 * Leaves to  format.ts, file-layout.ts and vault/ the bytes; recorder/ what to do about a failure.
 * States     open -> closed by close(); open -> failed by the first error of the disk. A failed or closed capture
 *            takes nothing more: packets are counted as dropped.
 * Invariants 1. The file grows by whole chunks in their order; after an error nothing is written behind the gap.
 *            2. packets + droppedPackets is the number of calls of packet().
 */
import assert from 'node:assert/strict';
import { Failure } from '../errors/index.js';
import { createSealer, diskAdvice, errnoOf, type Sealer, type VaultPublic } from '../vault/index.js';
import { createCaptureFile, type CaptureFile } from './capture-file.js';
import { encodeEvent, type CaptureEvent } from './event.js';
import type { CaptureJournal } from './journal.js';
import { chunkBytes, framedBytes, magic, maxEventBytes, sealChunk } from './file-layout.js';
import { flushWheel } from './flush-wheel.js';
import { encodeEventRecord, encodePacket, maxPacketBytes, maxStream, recordHeadBytes } from './format.js';
import { PendingChunks } from './pending-chunks.js';

export interface CaptureStats {
  /** Packets that are in the file or on their way to it. */
  readonly packets: number;
  /** Bytes of those packets as received. */
  readonly bytes: number;
  /** Packets that are not: the disk hangs, has failed, or the capture was closed. */
  readonly droppedPackets: number;
  /** Events that are not, for the same reasons or because one was longer than 1 MiB. */
  readonly droppedEvents: number;
  /** Of `packets`, in the order they were given, how many are in the file: a kill of this process loses none of them. */
  readonly writtenPackets: number;
  /** Size of the file. */
  readonly writtenBytes: number;
}

/** How a capture ended. `failed`: the file is cut, what was written before is readable. */
export interface CaptureSummary extends CaptureStats {
  readonly state: 'closed' | 'failed';
  /** Some of `writtenPackets` is in the journal and not yet in the file. */
  readonly moreFollows: boolean;
}

/** An open capture. Its owner closes it. */
export interface CaptureWriter {
  /** Takes a packet in; `bytes` is copied. False when it does not: after a failure, or when too much waits for the disk. Never throws, never waits. */
  packet(stream: number, arrivedAtMs: number, rtcp: boolean, bytes: Buffer): boolean;
  /** Takes an event in. Never throws, never waits. */
  event(event: CaptureEvent): void;
  /** When it resolves, all given before is in the file, or the capture has failed. */
  flush(): Promise<void>;
  /** Ends the capture; again: the same summary. Never rejects; waits for the disk 30 s at most, then the capture has failed. */
  close(reason: string): Promise<CaptureSummary>;
  readonly stats: CaptureStats;
}

export interface CaptureWriterOptions {
  readonly flushMs?: number;
  readonly syncMs?: number;
  /** How many bytes may wait for a disk that hangs. */
  readonly maxPendingBytes?: number;
  /** How long opening and closing wait for the disk, sharing it with all other captures. */
  readonly diskTimeoutMs?: number;
  /** Through which the file is written; without one it is written to by itself. */
  readonly journal?: CaptureJournal;
  /** Unix time in ms, for the instants of events. */
  readonly now?: () => number;
  /** Told once, with CAPTURE_WRITE, when a capture fails after it was opened; it must not throw. */
  readonly onFailure?: (failure: Failure) => void;
}

type SetOptions = Required<Omit<CaptureWriterOptions, 'onFailure' | 'journal'>> & Pick<CaptureWriterOptions, 'onFailure'>;

const defaults = { flushMs: 100, syncMs: 1000, maxPendingBytes: 8 * 1024 * 1024, diskTimeoutMs: 30_000, now: Date.now };

export type CaptureBegin = Omit<Extract<CaptureEvent, { type: 'begin' }>, 'type'>;

/**
 * Begins a capture in a new file at `path`, in a folder that exists; resolves when the `begin` event is in the file.
 * Failure CAPTURE_WRITE: the file exists already, the metadata is longer than 1 MiB, or the disk refused or did not
 * answer; then a file may be left that is no capture.
 */
export function openCaptureWriter(
  path: string,
  to: VaultPublic,
  begin: CaptureBegin,
  options: CaptureWriterOptions = {},
): Promise<CaptureWriter> {
  return writeCapture(options.journal?.createFile(path) ?? createCaptureFile(path), path, to, begin, options);
}

/** The same on any file; `path` is for messages. The file is closed in every case. */
export async function writeCapture(
  creating: Promise<CaptureFile>,
  path: string,
  to: VaultPublic,
  begin: CaptureBegin,
  options: CaptureWriterOptions = {},
): Promise<CaptureWriter> {
  const set: SetOptions = { ...defaults, ...options };
  let file: CaptureFile;
  try {
    file = await answerWithin(creating, set.diskTimeoutMs);
  } catch (cause) {
    creating.then((late) => late.close()).catch(() => undefined);
    throw writeFailure(path, cause);
  }
  const writer = new SealedCaptureWriter(file, path, await createSealer(to), set);
  const failure = await writer.begin({ type: 'begin', ...begin });
  if (failure === undefined) return writer;
  await writer.close('failed');
  throw failure;
}

class SealedCaptureWriter implements CaptureWriter {
  readonly #file: CaptureFile;
  readonly #path: string;
  readonly #sealer: Sealer;
  readonly #pending: PendingChunks;
  readonly #options: SetOptions;
  readonly #periodsPerSync: number;
  readonly #counts = {
    packets: 0,
    bytes: 0,
    droppedPackets: 0,
    droppedEvents: 0,
    writtenPackets: 0,
    writtenPacketBytes: 0,
    writtenBytes: 0,
  };
  #leaveWheel: () => void = () => undefined;
  #accepting = true;
  #begun = false;
  #failure: Failure | undefined;
  #writing: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #closing: Promise<CaptureSummary> | undefined;
  #unsynced = false;
  #periodsSinceSync = 0;

  constructor(file: CaptureFile, path: string, sealer: Sealer, options: SetOptions) {
    this.#file = file;
    this.#path = path;
    this.#sealer = sealer;
    this.#options = options;
    this.#pending = new PendingChunks(options.maxPendingBytes);
    this.#periodsPerSync = Math.max(1, Math.ceil(options.syncMs / options.flushMs));
  }

  get stats(): CaptureStats {
    const { packets, bytes, droppedPackets, droppedEvents, writtenPackets, writtenBytes } = this.#counts;
    return { packets, bytes, droppedPackets, droppedEvents, writtenPackets, writtenBytes };
  }

  /** Writes the head of the file and the first record; returns why that failed. */
  async begin(event: CaptureEvent): Promise<Failure | undefined> {
    this.event(event);
    if (this.#counts.droppedEvents > 0) {
      this.#fail(new Error(`its metadata is longer than ${maxEventBytes} bytes`));
    } else {
      const written = this.#append(Buffer.concat([magic, this.#sealer.header])).then(() => this.flush());
      await answerWithin(written, this.#options.diskTimeoutMs).catch((cause: unknown) => this.#fail(cause));
    }
    if (this.#hasFailed()) return this.#failure;
    this.#begun = true;
    this.#leaveWheel = flushWheel(this.#options.flushMs).join(() => this.#turn());
    return undefined;
  }

  packet(stream: number, arrivedAtMs: number, rtcp: boolean, bytes: Buffer): boolean {
    assert(stream <= maxStream && bytes.length <= maxPacketBytes, 'no UDP packet is longer, no call has more streams');
    const offset = this.#accepting ? this.#pending.claim(recordHeadBytes + bytes.length, bytes.length) : -1;
    if (offset < 0) {
      this.#counts.droppedPackets += 1;
      return false;
    }
    encodePacket(this.#pending.buffer, offset, stream, arrivedAtMs, rtcp, bytes);
    this.#counts.packets += 1;
    this.#counts.bytes += bytes.length;
    if (this.#pending.hasFull && this.#writing === undefined) void this.#write();
    return true;
  }

  event(event: CaptureEvent): void {
    const json = encodeEvent(event);
    const takes = this.#accepting && json.length <= maxEventBytes;
    const offset = takes ? this.#pending.claim(recordHeadBytes + json.length, undefined) : -1;
    if (offset < 0) this.#counts.droppedEvents += 1;
    else encodeEventRecord(this.#pending.buffer, offset, this.#options.now(), json);
  }

  async flush(): Promise<void> {
    this.#pending.cut();
    while (this.#failure === undefined && (this.#pending.hasFull || this.#writing !== undefined)) await this.#write();
  }

  close(reason: string): Promise<CaptureSummary> {
    this.#accepting = false;
    this.#closing ??= answerWithin(this.#finish(reason), this.#options.diskTimeoutMs)
      .catch((cause: unknown) => this.#fail(cause))
      .then(() => ({ state: this.#failure === undefined ? 'closed' : 'failed', moreFollows: this.#file.moreFollows ?? false, ...this.stats }));
    return this.#closing;
  }

  /** What the timer does in each period. */
  #turn(): void {
    // A chunk for each period that a slow write takes would only make many small ones: let it fill.
    if (this.#writing === undefined) {
      this.#pending.cut();
      if (this.#pending.hasFull) void this.#write();
    }
    this.#periodsSinceSync += 1;
    if (this.#unsynced && this.#periodsSinceSync >= this.#periodsPerSync && this.#syncing === undefined) void this.#sync();
  }

  /** Writes the full chunks, one writer at a time. */
  #write(): Promise<void> {
    if (this.#writing !== undefined || !this.#pending.hasFull) return this.#writing ?? Promise.resolve();
    // There is a chunk, so it waits for the disk before it says that it is done.
    this.#writing = this.#writeFull();
    return this.#writing;
  }

  async #writeFull(): Promise<void> {
    try {
      for (let chunk = this.#pending.take(); chunk !== undefined; chunk = this.#pending.take()) {
        const { packets, packetBytes } = chunk;
        const sealed = sealChunk(this.#sealer, roomFor(framedBytes(chunk.bytes.length)), chunk.bytes);
        this.#pending.recycle(chunk);
        // The bytes are for the next chunk by then, of whichever capture.
        const { length } = sealed;
        await this.#file.write(sealed);
        this.#isWritten(length);
        if (this.#hasFailed()) return;
        this.#counts.writtenPackets += packets;
        this.#counts.writtenPacketBytes += packetBytes;
      }
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#writing = undefined;
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    const { length } = bytes;
    await this.#file.write(bytes);
    this.#isWritten(length);
  }

  #isWritten(length: number): void {
    this.#counts.writtenBytes += length;
    this.#unsynced = true;
  }

  /** Joins a sync under way. */
  #sync(): Promise<void> {
    this.#syncing ??= this.#syncFile().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  async #syncFile(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#unsynced = false;
    this.#periodsSinceSync = 0;
    await this.#file.sync().catch((cause: unknown) => this.#fail(cause));
  }

  async #finish(reason: string): Promise<void> {
    this.#leaveWheel();
    await this.flush();
    if (!this.#hasFailed()) {
      const json = encodeEvent({ type: 'end', reason });
      const record = Buffer.alloc(recordHeadBytes + json.length);
      encodeEventRecord(record, 0, this.#options.now(), json);
      await this.#append(sealChunk(this.#sealer, roomFor(framedBytes(record.length)), record, true)).catch((cause: unknown) => this.#fail(cause));
      // One under way may have begun before the last chunk.
      await this.#syncing;
      await this.#sync();
    }
    await this.#file.close();
  }

  /** For where an await may have changed it unseen by the compiler. */
  #hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = writeFailure(this.#path, cause);
    this.#accepting = false;
    this.#leaveWheel();
    this.#pending.clear();
    this.#sealer.close();
    const counts = this.#counts;
    counts.droppedPackets += counts.packets - counts.writtenPackets;
    counts.packets = counts.writtenPackets;
    counts.bytes = counts.writtenPacketBytes;
    // Whoever began the capture learns of a failure until then by the rejection.
    if (this.#begun) this.#options.onFailure?.(this.#failure);
  }
}

/** In which chunks are sealed, of all captures, one after the other: a file has taken one when its write() returns. */
let sealingRoom = Buffer.allocUnsafeSlow(64 * 1024);

function roomFor(bytes: number): Buffer {
  if (bytes <= sealingRoom.length) return sealingRoom;
  const larger = Buffer.allocUnsafeSlow(bytes);
  // The room for a long event is not kept.
  if (bytes <= framedBytes(chunkBytes)) sealingRoom = larger;
  return larger;
}

/** Fails when the disk says nothing for so long. The work itself goes on: nothing can stop it. */
async function answerWithin<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the disk did not answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const writeFailure = (path: string, cause: unknown): Failure =>
  new Failure('CAPTURE_WRITE', `the capture ${path} cannot be written: ${diskAdvice(cause)}.`, {
    cause,
    facts: { path, errno: errnoOf(cause) },
  });
