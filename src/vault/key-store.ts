/**
 * The key files on disk: `vault.key` (0600) and `vault.pub` (0644) of one folder.
 *
 * vault.key is made once and never replaced; vault.pub follows from it and is written anew when it is missing.
 * The order is vault.key, then vault.pub: a vault.pub alone says that a vault.key existed and is gone, and then
 * no new one is made, since nobody could open what the old one sealed.
 *
 * Owns       creation (two processes that start at once end with the same keys), the check of who may read.
 * Leaves to  key-file.ts what the files say.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Failure } from '../errors/index.js';
import { diskAdvice, errnoOf } from './disk-advice.js';
import { makeFolder, writeWhole } from './durable-file.js';
import {
  encodeKeyFile,
  encodePublicFile,
  maxKeyFileBytes,
  parseKeyFile,
  parsePublicFile,
  type KeyFileReject,
} from './key-file.js';
import { keysFromSeeds, seedBytes, type VaultKeys, type VaultPublic } from './keys.js';
import { openSodium, type Sodium } from './sodium.js';

const keyMode = 0o600;
const publicMode = 0o644;

/**
 * The keys of the vault whose key files are in `dir`; made on first use.
 *
 * Failure VAULT_KEYS: a file is damaged, of another vault, readable by others, or cannot be read or written.
 * The message says what to do; no failure carries key bytes.
 */
export async function loadOrCreateKeys(dir: string): Promise<VaultKeys> {
  const sodium = await openSodium();
  const keyPath = resolve(dir, 'vault.key');
  const publicPath = resolve(dir, 'vault.pub');
  let keys = await loadKeyFile(sodium, keyPath);
  if (keys === undefined) {
    // Another process may have made both files since we looked, so a public file alone makes us look again.
    if ((await loadPublicFile(sodium, publicPath)) === undefined) await createKeyFile(sodium, keyPath);
    keys = await loadKeyFile(sodium, keyPath);
    if (keys === undefined) {
      throw keysFailure(
        keyPath,
        `${publicPath} is there, but ${keyPath} is missing. Restore it from your backup; only if nothing that was ` +
          'sealed for it is needed any more, move vault.pub away to begin with new keys.',
      );
    }
  }
  await keepPublicFile(sodium, publicPath, keys.public);
  return keys;
}

/** The keys of a vault that is there; none are made. Failure VAULT_KEYS as above, or there are none. */
export async function loadExistingKeys(dir: string): Promise<VaultKeys> {
  const path = resolve(dir, 'vault.key');
  const found = await loadKeyFile(await openSodium(), path);
  if (found !== undefined) return found;
  throw keysFailure(path, `${path} is missing. Name the configuration of the vault that was sealed for, with --config.`);
}

/** The public half, for a recorder that may seal but not open. Failure VAULT_KEYS as above. */
export async function loadPublic(dir: string): Promise<VaultPublic> {
  const path = resolve(dir, 'vault.pub');
  const found = await loadPublicFile(await openSodium(), path);
  if (found !== undefined) return found;
  throw keysFailure(path, `${path} is missing. Copy vault.pub from the machine that has the vault's keys.`);
}

async function loadKeyFile(sodium: Sodium, path: string): Promise<VaultKeys | undefined> {
  const file = await loadText(path);
  if (file === undefined) return undefined;
  if ((file.mode & 0o077) !== 0) {
    throw keysFailure(path, `${path} may be used by other users (mode ${file.mode.toString(8)}). Run: chmod 600 ${path}`);
  }
  const keys = parseKeyFile(sodium, file.text);
  if (typeof keys === 'string') throw rejected(path, keys, 'Restore it from your backup.');
  return keys;
}

async function loadPublicFile(sodium: Sodium, path: string): Promise<VaultPublic | undefined> {
  const file = await loadText(path);
  if (file === undefined) return undefined;
  const found = parsePublicFile(sodium, file.text);
  if (typeof found === 'string') throw rejected(path, found, 'Copy it again; where vault.key is, delete it and it is written anew.');
  return found;
}

async function createKeyFile(sodium: Sodium, path: string): Promise<void> {
  const seeds = { sealSeed: sodium.randombytes_buf(seedBytes), signSeed: sodium.randombytes_buf(seedBytes) };
  const text = encodeKeyFile(keysFromSeeds(sodium, seeds).public.keyId, seeds);
  await writing(path, async (folder) => {
    await makeFolder(folder);
    await writeWhole(path, Buffer.from(`${text}\n`), { folder, mode: keyMode, existing: 'keep' });
  });
}

async function keepPublicFile(sodium: Sodium, path: string, belonging: VaultPublic): Promise<void> {
  const found = await loadPublicFile(sodium, path);
  if (found === undefined) {
    const text = encodePublicFile(belonging);
    await writing(path, async (folder) => {
      await writeWhole(path, Buffer.from(`${text}\n`), { folder, mode: publicMode, existing: 'replace' });
    });
  } else if (found.keyId !== belonging.keyId) {
    throw keysFailure(
      path,
      `${path} has the keys ${found.keyId}, the vault.key beside it ${belonging.keyId}. Restore the two that belong ` +
        'together; vault.pub may be deleted and is then written anew from vault.key.',
    );
  }
}

async function writing(path: string, write: (folder: string) => Promise<void>): Promise<void> {
  try {
    await write(dirname(path));
  } catch (cause) {
    throw keysFailure(path, `${path} cannot be written: ${diskAdvice(cause)}.`, { cause });
  }
}

/** The text and mode of a small file; undefined when there is none. */
async function loadText(path: string): Promise<{ text: string; mode: number } | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { mode } = await handle.stat();
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxKeyFileBytes), 0, maxKeyFileBytes, 0);
      return { text: buffer.toString('utf8', 0, bytesRead), mode: mode & 0o777 };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw keysFailure(path, `${path} cannot be read: ${diskAdvice(cause)}.`, { cause });
  }
}

function rejected(path: string, reason: KeyFileReject, todo: string): Failure {
  const what = {
    'not-a-key-file': 'is not a key file of a vault',
    'unknown-version': 'was written by another version of twintrack',
    damaged: 'is damaged',
  }[reason];
  return keysFailure(path, `${path} ${what}. ${todo}`);
}

const keysFailure = (file: string, message: string, options: { cause?: unknown } = {}): Failure =>
  new Failure('VAULT_KEYS', message, { ...options, facts: { file } });
