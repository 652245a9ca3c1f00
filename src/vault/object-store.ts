/**
 * A folder as vault: sealed objects and signed documents by name.
 *
 * Layout     <root>/<name> for each object and document; <root>/.tmp/ for what is being written. Nothing gets its
 *            name before it is whole and synced, and names in .tmp are never shown, so a crash costs only what
 *            was not finished; temporary files older than an hour are cleared when the vault is opened.
 * Owns       names to paths, the wording of failures.
 * Leaves to  object-file.ts and document.ts the bytes; durable-file.ts the order of writes;
 *            callers which names stand for what, and removing what retention says.
 */
import { constants, type Dirent } from 'node:fs';
import { open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../errors/index.js';
import { createDigest } from './digest.js';
import { diskAdvice, errnoOf } from './disk-advice.js';
import { encodeDocument, maxDocumentBytes, parseDocument } from './document.js';
import { makeFolder, openTemporary, syncFolder, temporaryPrefix, writeWhole, type Temporary } from './durable-file.js';
import type { VaultKeys } from './keys.js';
import { openObject, sealObject, type ObjectSize } from './object-file.js';
import { folderOfPrefix, isNameSegment, isObjectName } from './object-name.js';
import { createSealer } from './sealed-stream.js';
import { openSodium } from './sodium.js';

const fileMode = 0o600;
const staleAfterMs = 3_600_000;
const readBytes = 256 * 1024;

/** Names are checked by object-name.ts; one that leaves the vault fails as VAULT_WRITE or VAULT_READ. */
export interface ObjectStore {
  /**
   * Seals `plain` under `name`, whole or not at all, in place of what had the name. A piece is free again when the next
   * is asked for. An error of `plain` itself is passed on as it is. Failure VAULT_WRITE: the disk refused.
   */
  put(name: string, plain: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<ObjectSize>;
  /**
   * The plain bytes, in pieces that belong to the caller. Failure VAULT_READ: missing, or at the first damaged or
   * missing chunk; VAULT_KEYS: sealed for other keys. Only a reading that ends without failure was whole.
   */
  read(name: string): AsyncIterable<Buffer>;
  /** BLAKE2b-256 of the bytes at rest, hex. Failure VAULT_READ. */
  digest(name: string): Promise<string>;
  /** Signs a JSON document and writes it, whole or not at all. Failure VAULT_WRITE. */
  putDocument(name: string, document: unknown): Promise<void>;
  /** Failure VAULT_READ: missing, changed, or signed under another name; VAULT_KEYS: signed with other keys. */
  readDocument(name: string): Promise<unknown>;
  /** Names that begin with `prefix`, in the order of their segments. Failure VAULT_READ. */
  list(prefix: string): AsyncIterable<string>;
  /** Removes an object or document; one that is not there is fine. Failure VAULT_WRITE. */
  remove(name: string): Promise<void>;
}

/** Opens the vault in the folder `root`, made when missing. Failure VAULT_WRITE: it cannot be used. */
export async function openObjectStore(root: string, keys: VaultKeys): Promise<ObjectStore> {
  const folder = resolve(root);
  try {
    await makeFolder(join(folder, '.tmp'));
    await clearStale(join(folder, '.tmp'));
  } catch (cause) {
    throw new Failure('VAULT_WRITE', `the vault ${folder} cannot be used: ${diskAdvice(cause)}.`, {
      cause,
      facts: { root: folder },
    });
  }
  return new FolderStore(folder, keys);
}

class FolderStore implements ObjectStore {
  readonly #root: string;
  readonly #temporary: string;
  readonly #keys: VaultKeys;

  constructor(root: string, keys: VaultKeys) {
    this.#root = root;
    this.#temporary = join(root, '.tmp');
    this.#keys = keys;
  }

  async put(name: string, plain: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<ObjectSize> {
    const path = this.#path(name, 'VAULT_WRITE');
    const sealer = await createSealer(this.#keys.public);
    let temporary: Temporary;
    try {
      temporary = await this.#writing(name, openTemporary(this.#temporary, fileMode));
    } catch (error) {
      sealer.close();
      throw error;
    }
    try {
      const size = await sealObject(sealer, plain, (bytes) => this.#writing(name, temporary.write(bytes)));
      await this.#writing(name, temporary.publish(path, 'replace'));
      return size;
    } finally {
      await temporary.discard();
    }
  }

  async *read(name: string): AsyncGenerator<Buffer, void, undefined> {
    const handle = await this.#open(name);
    try {
      const outcome = yield* openObject(handle, this.#keys);
      if (outcome === 'object-head') throw this.#unreadable(name, 'it is not a sealed object');
      if (outcome === 'object-chunk') throw this.#unreadable(name, 'it is damaged or cut; restore it from your backup');
    } catch (error) {
      throw this.#readFailure(name, error);
    } finally {
      await handle.close();
    }
  }

  async digest(name: string): Promise<string> {
    const handle = await this.#open(name);
    const digest = await createDigest();
    try {
      const buffer = Buffer.allocUnsafe(readBytes);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, readBytes);
        if (bytesRead === 0) return digest.hex();
        digest.update(buffer.subarray(0, bytesRead));
      }
    } catch (error) {
      throw this.#readFailure(name, error);
    } finally {
      digest.close();
      await handle.close();
    }
  }

  async putDocument(name: string, document: unknown): Promise<void> {
    const path = this.#path(name, 'VAULT_WRITE');
    const bytes = encodeDocument(await openSodium(), name, document, this.#keys);
    if (bytes.length > maxDocumentBytes) {
      throw new Failure('VAULT_WRITE', `the document ${name} is longer than ${maxDocumentBytes} bytes; put it as an object.`, {
        facts: { name, bytes: bytes.length },
      });
    }
    await this.#writing(name, writeWhole(path, bytes, { folder: this.#temporary, mode: fileMode, existing: 'replace' }));
  }

  async readDocument(name: string): Promise<unknown> {
    const handle = await this.#open(name);
    try {
      const { size } = await handle.stat();
      if (size > maxDocumentBytes) throw this.#unreadable(name, `it is longer than the ${maxDocumentBytes} bytes of a document`);
      const parsed = parseDocument(await openSodium(), name, await handle.readFile(), this.#keys.public);
      switch (parsed) {
        case 'document-layout':
          throw this.#unreadable(name, 'it is not a signed document, or damaged; restore it from your backup');
        case 'document-signature':
          throw this.#unreadable(name, 'its signature does not match: it was changed after it was signed; restore it from your backup');
        case 'document-other-keys':
          throw new Failure(
            'VAULT_KEYS',
            `${name} of the vault ${this.#root} was signed with other keys than ${this.#keys.public.keyId}; ` +
              'use the vault.key that belongs to it.',
            { facts: { name } },
          );
        default:
          return parsed.document;
      }
    } catch (error) {
      throw this.#readFailure(name, error);
    } finally {
      await handle.close();
    }
  }

  async *list(prefix: string): AsyncGenerator<string, void, undefined> {
    const folder = folderOfPrefix(prefix);
    if (folder !== undefined) yield* this.#walk(folder, prefix);
  }

  async remove(name: string): Promise<void> {
    const path = this.#path(name, 'VAULT_WRITE');
    try {
      await rm(path);
      await syncFolder(dirname(path));
    } catch (cause) {
      if (!isAbsent(cause)) throw this.#writeFailure(name, cause);
    }
  }

  /** `folder` is empty or ends in a slash. Yields what begins with `prefix`, going only where such names can be. */
  async *#walk(folder: string, prefix: string): AsyncGenerator<string, void, undefined> {
    for (const entry of await this.#entries(folder)) {
      const name = folder + entry.name;
      if (!isNameSegment(entry.name)) continue;
      if (entry.isDirectory()) {
        if (`${name}/`.startsWith(prefix) || prefix.startsWith(`${name}/`)) yield* this.#walk(`${name}/`, prefix);
      } else if (entry.isFile() && name.startsWith(prefix)) {
        yield name;
      }
    }
  }

  async #entries(folder: string): Promise<Dirent[]> {
    try {
      const entries = await readdir(join(this.#root, folder), { withFileTypes: true });
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (cause) {
      if (isAbsent(cause)) return [];
      throw new Failure('VAULT_READ', `the vault ${this.#root} cannot be listed: ${diskAdvice(cause)}.`, {
        cause,
        facts: { folder },
      });
    }
  }

  #path(name: string, code: 'VAULT_READ' | 'VAULT_WRITE'): string {
    if (isObjectName(name)) return join(this.#root, name);
    throw new Failure(
      code,
      `${JSON.stringify(name.slice(0, 200))} cannot be a name in the vault: those are segments of letters, digits and ` +
        '_.@+=,:- that do not begin with a dot, joined by /.',
    );
  }

  async #open(name: string): Promise<FileHandle> {
    const path = this.#path(name, 'VAULT_READ');
    try {
      return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      throw this.#readFailure(name, error);
    }
  }

  async #writing<T>(name: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      throw this.#writeFailure(name, cause);
    }
  }

  #writeFailure(name: string, cause: unknown): Failure {
    return new Failure('VAULT_WRITE', `${name} cannot be written to the vault ${this.#root}: ${diskAdvice(cause)}.`, {
      cause,
      facts: { name, errno: errnoOf(cause) },
    });
  }

  /** Says which object a failure of a layer below is about, and makes one of an error of the disk. */
  #readFailure(name: string, error: unknown): unknown {
    if (error instanceof Failure) {
      if ('name' in error.facts) return error;
      const message = `${name} of the vault ${this.#root} cannot be read: ${error.message}`;
      return new Failure(error.code, message, { cause: error, facts: { ...error.facts, name } });
    }
    return errnoOf(error) === undefined ? error : this.#unreadable(name, diskAdvice(error), error);
  }

  #unreadable(name: string, why: string, cause?: unknown): Failure {
    return new Failure('VAULT_READ', `${name} of the vault ${this.#root} cannot be read: ${why}.`, {
      cause,
      facts: { name, errno: errnoOf(cause) },
    });
  }
}

/** A name whose folder is a file is as little there as one without a file. */
const isAbsent = (cause: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errnoOf(cause) ?? '');

async function clearStale(folder: string): Promise<void> {
  const nowMs = Date.now();
  for (const name of await readdir(folder)) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const path = join(folder, name);
    try {
      if (nowMs - (await stat(path)).mtimeMs > staleAfterMs) await rm(path, { force: true });
    } catch (cause) {
      // Another process that opens the same vault may have cleared it first.
      if (!isAbsent(cause)) throw cause;
    }
  }
}
