/**
 * Where recordings are put in clear: a folder of the user's, one audio file and one report for each call.
 *
 * Files appear whole, under their own name only when they are; they are for this user alone.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../errors/index.js';
import type { RecordingSink } from '../stitch/index.js';
import { diskAdvice, errnoOf } from '../vault/index.js';

const longestName = 150;

/** Failure INGEST_OUTPUT: it cannot be made. */
export async function openRecordingFolder(dir: string): Promise<RecordingFolder> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (cause) {
    throw outputFailure(dir, cause);
  }
  return new RecordingFolder(dir);
}

export class RecordingFolder {
  readonly #used = new Set<string>();

  constructor(readonly dir: string) {}

  /** A name for the files of a session: its ID where a file may be called so, and no two the same. */
  nameFor(sessionId: string): string {
    const safe = sessionId.replace(/[^A-Za-z0-9._@+=,-]/gu, '_').replace(/^\./u, '_').slice(0, longestName);
    const plain = safe === sessionId ? safe : `${safe}_${createHash('sha256').update(sessionId).digest('hex').slice(0, 8)}`;
    let name = plain;
    // A system may take capitals for small letters.
    for (let n = 2; this.#used.has(name.toLowerCase()); n += 1) name = `${plain}_${n}`;
    this.#used.add(name.toLowerCase());
    return name;
  }

  /** Takes one recording, under this name. Failure INGEST_OUTPUT. */
  sink(name: string): RecordingSink & { readonly files: readonly string[] } {
    const files: string[] = [];
    return {
      files,
      put: async (objectName, plain) => {
        const path = join(this.dir, `${name}${extname(objectName)}`);
        const size = await this.#put(path, plain);
        files.push(path);
        return size;
      },
      // The report is written when all that is to be said of the call stands in it.
      putDocument: () => Promise.resolve(),
    };
  }

  async putReport(name: string, report: object): Promise<string> {
    const path = join(this.dir, `${name}.json`);
    await whole(path, (unfinished) => writeFile(unfinished, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 }));
    return path;
  }

  async #put(path: string, plain: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<{ digest: string; sealedBytes: number; plainBytes: number }> {
    const hash = createHash('sha256');
    let bytes = 0;
    const counted = new Transform({
      transform(piece: Buffer, _encoding, done) {
        hash.update(piece);
        bytes += piece.length;
        done(undefined, piece);
      },
    });
    await whole(path, (unfinished) => pipeline(Readable.from(copied(plain), { objectMode: false }), counted, createWriteStream(unfinished, { mode: 0o600 })));
    return { digest: hash.digest('hex'), sealedBytes: bytes, plainBytes: bytes };
  }
}

/** A stream holds several pieces at a time, and each is free again when the next is asked for. */
async function* copied(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) yield Uint8Array.from(piece);
}

async function whole(path: string, write: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = `${path}.part`;
  try {
    await write(unfinished);
    await rename(unfinished, path);
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw errnoOf(cause) === undefined ? cause : outputFailure(path, cause);
  }
}

const outputFailure = (path: string, cause: unknown): Failure => new Failure('INGEST_OUTPUT', `${path} cannot be written: ${diskAdvice(cause)}.`, { cause, facts: { path, errno: errnoOf(cause) } });
