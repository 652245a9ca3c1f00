/**
 * What a process that died has left in the journal of captures (journal.ts), put into their files.
 *
 * It may be done again, from the beginning: the same bytes come to the same place.
 */
import { constants } from 'node:fs';
import { open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncFolder } from '../vault/index.js';
import { FileBytes } from './file-bytes.js';
import { closed, entryBytes, entryHeadBytes, journalMagic, parseEntry, type JournalEntry } from './journal-format.js';

const segmentNames = /^journal-\d{12,}$/u;
/** Open at a time. */
const mostFiles = 200;

/**
 * To be called before anybody reads the captures of a folder, or begins a journal there. Returns the names of the files that got bytes.
 *
 * @throws Error of node's fs where the disk refuses; the journal is then still there.
 */
export async function replayJournals(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => segmentNames.test(name)).sort();
  if (names.length === 0) return [];
  const segments = names.map((name) => join(folder, name));
  const whole = new Set<string>();
  for (const segment of segments) for await (const { name, offset } of entriesOf(segment)) if (offset === closed) whole.add(name);
  const files = new Files(folder);
  try {
    for (const segment of segments) {
      for await (const entry of entriesOf(segment)) if (!whole.has(entry.name) && isFileName(entry.name)) await files.put(entry);
    }
    await files.sync();
  } finally {
    await files.close();
  }
  await syncFolder(folder);
  for (const segment of segments) await rm(segment);
  return [...files.written];
}

/** Nothing outside of the folder, and no journal. */
const isFileName = (name: string): boolean => basename(name) === name && !name.startsWith('.') && !segmentNames.test(name);

async function* entriesOf(path: string): AsyncGenerator<JournalEntry, void, undefined> {
  const handle = await open(path);
  try {
    const bytes = new FileBytes(handle);
    if ((await bytes.take(journalMagic.length))?.equals(journalMagic) !== true) return;
    for (;;) {
      const head = await bytes.take(entryHeadBytes);
      const length = head === undefined ? undefined : entryBytes(head);
      if (head === undefined || length === undefined) return;
      const rest = await bytes.take(length - entryHeadBytes);
      const entry = rest === undefined ? undefined : parseEntry(Buffer.concat([head, rest]));
      if (entry === undefined) return;
      yield entry;
    }
  } finally {
    await handle.close();
  }
}

class Files {
  readonly written = new Set<string>();
  readonly #open = new Map<string, FileHandle>();

  constructor(private readonly folder: string) {}

  async put({ name, offset, bytes }: JournalEntry): Promise<void> {
    const handle = this.#open.get(name) ?? (await this.#reopen(name, offset));
    // Bytes that would leave a hole before them belong to a file that somebody has cut.
    if (handle === undefined || (await handle.stat()).size < offset) return;
    for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
    this.written.add(name);
  }

  async sync(): Promise<void> {
    for (const handle of this.#open.values()) await handle.datasync();
  }

  async close(): Promise<void> {
    for (const handle of this.#open.values()) await handle.close();
    this.#open.clear();
  }

  /** A file that is not there is made anew only from its beginning on: else it was removed when it was done with. */
  async #reopen(name: string, offset: number): Promise<FileHandle | undefined> {
    const oldest = this.#open.size < mostFiles ? undefined : this.#open.entries().next().value;
    if (oldest !== undefined) {
      this.#open.delete(oldest[0]);
      await oldest[1].datasync();
      await oldest[1].close();
    }
    try {
      const handle = await open(join(this.folder, name), constants.O_WRONLY | (offset === 0 ? constants.O_CREAT : 0), 0o600);
      this.#open.set(name, handle);
      return handle;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
