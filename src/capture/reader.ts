/**
 * Reading a capture, whole or cut, in bounded memory.
 *
 * Owns       the file handle, from the first record asked for to the last or to the consumer's break.
 * Leaves to  stitch/ what the records mean and what a cut capture costs the recording.
 */
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Failure } from '../errors/index.js';
import { diskAdvice, errnoOf, openSealed, sealedHeaderBytes, sealOverheadBytes, type Unsealer, type VaultKeys } from '../vault/index.js';
import { FileBytes } from './file-bytes.js';
import { chunkBytes, chunkLengthBytes, magic, maxSealedChunkBytes } from './file-layout.js';
import { openRecords, parseRecords, type CaptureRecord, type RecordCursor } from './format.js';

/**
 * Why a capture is cut. `ended`: the file ends before the last chunk, as after a kill. `damaged`: a chunk is not
 * what was written. `malformed`: an authentic chunk holds something that is no record of this version.
 */
export type CutCause = 'ended' | 'damaged' | 'malformed';

/** Which part of the file was read. Bytes dropped after the last chunk of a closed capture were never part of it. */
export type CaptureOutcome =
  | { readonly state: 'closed'; readonly wholeBytes: number; readonly droppedBytes: number }
  | { readonly state: 'cut'; readonly cause: CutCause; readonly wholeBytes: number; readonly droppedBytes: number };

/** What a capture file holds. Each iteration reads the file anew. */
export interface CaptureReading<T = CaptureRecord> extends AsyncIterable<T> {
  /** Of the latest iteration that came to its end; undefined before. */
  readonly outcome: CaptureOutcome | undefined;
}

/**
 * The records of the capture at `path`, the `begin` event first, up to its end or its first damage.
 *
 * Failure CAPTURE_INVALID, when iterated: the file cannot be read, is no capture, has its header cut or damaged,
 * is sealed for other keys, or does not begin with a `begin` event. A capture that is still being written reads
 * as cut.
 */
export function readCapture(path: string, keys: VaultKeys): CaptureReading {
  return reading(async function* () {
    const chunks = readChunks(path, keys);
    try {
      for (;;) {
        const { done, value } = await chunks.next();
        if (done === true) return value;
        // What is read of them is the reader's for good, and a chunk is not.
        const records = parseRecords(Buffer.from(value.chunk));
        assert(typeof records !== 'string');
        yield* records;
      }
    } finally {
      await chunks.return(undefined as never);
    }
  });
}

/**
 * The same by the chunk: whoever reads hours of packets saves a promise and an object for each. A chunk and its cursor are
 * good until the next one is asked for.
 */
export const readCaptureChunks = (path: string, keys: VaultKeys): CaptureReading<RecordCursor> => reading(() => readChunks(path, keys));

function reading<T>(begin: () => AsyncGenerator<T, CaptureOutcome, undefined>): CaptureReading<T> {
  let outcome: CaptureOutcome | undefined;
  return {
    get outcome() {
      return outcome;
    },
    async *[Symbol.asyncIterator]() {
      outcome = undefined;
      outcome = yield* begin();
    },
  };
}

async function* readChunks(path: string, keys: VaultKeys): AsyncGenerator<RecordCursor, CaptureOutcome, undefined> {
  const handle = await onDisk(path, open(path, constants.O_RDONLY | constants.O_NONBLOCK));
  let unsealer: Unsealer | undefined;
  try {
    const bytes = new FileBytes(handle, 'until-next');
    unsealer = await openHead(path, bytes, keys);
    const room = Buffer.allocUnsafeSlow(chunkBytes);
    for (let wholeBytes = bytes.position, begun = false; ; wholeBytes = bytes.position) {
      const chunk = await nextChunk(path, bytes, unsealer, room);
      if (typeof chunk === 'string') {
        return { state: 'cut', cause: chunk, wholeBytes, droppedBytes: await bytesAfter(path, handle, wholeBytes) };
      }
      if (!begun) requireBegin(path, chunk.records);
      begun = true;
      yield chunk.records;
      if (chunk.last) {
        return { state: 'closed', wholeBytes: bytes.position, droppedBytes: await bytesAfter(path, handle, bytes.position) };
      }
    }
  } finally {
    unsealer?.close();
    await handle.close();
  }
}

async function openHead(path: string, bytes: FileBytes, keys: VaultKeys): Promise<Unsealer> {
  const head = await onDisk(path, bytes.take(magic.length + sealedHeaderBytes));
  if (head === undefined) throw invalid(path, 'it is shorter than the head of a capture: nothing was recorded in it');
  if (!head.subarray(0, magic.length).equals(magic)) throw invalid(path, 'it is no capture, or one of another version of twintrack');
  try {
    return await openSealed(head.subarray(magic.length), keys);
  } catch (cause) {
    if (cause instanceof Failure) throw invalid(path, cause.message, cause);
    throw cause;
  }
}

async function nextChunk(
  path: string,
  bytes: FileBytes,
  unsealer: Unsealer,
  room: Buffer,
): Promise<{ records: RecordCursor; last: boolean } | CutCause> {
  const length = (await onDisk(path, bytes.take(chunkLengthBytes)))?.readUInt32BE(0);
  if (length === undefined) return 'ended';
  if (length < sealOverheadBytes || length > maxSealedChunkBytes) return 'damaged';
  const sealed = await onDisk(path, bytes.take(length));
  if (sealed === undefined) return 'ended';
  const opened = unsealer.open(sealed, room);
  if (opened === 'damaged') return 'damaged';
  const records = openRecords(opened.plain);
  return typeof records === 'string' ? 'malformed' : { records, last: opened.last };
}

function requireBegin(path: string, records: RecordCursor): void {
  if (records.firstEvent?.type === 'begin') return;
  throw invalid(path, 'it does not say which call it is of; it was not written by twintrack');
}

const bytesAfter = async (path: string, handle: FileHandle, offset: number): Promise<number> =>
  Math.max(0, (await onDisk(path, handle.stat())).size - offset);

async function onDisk<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw invalid(path, diskAdvice(cause), cause);
  }
}

const invalid = (path: string, why: string, cause?: unknown): Failure =>
  new Failure('CAPTURE_INVALID', `the capture ${path} cannot be read: ${why.replace(/\.$/, '')}.`, {
    cause,
    facts: { path, errno: errnoOf(cause) },
  });
