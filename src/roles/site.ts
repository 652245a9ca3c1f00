/**
 * Where a site keeps its things on disk, and the things themselves: keys, vault, ledger, the API's token.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/index.js';
import { openLedger, type Ledger, type LedgerObserver } from '../ledger/index.js';
import { captureFolderName } from '../recorder/index.js';
import { loadOrCreateKeys, openObjectStore, type ObjectStore, type VaultKeys } from '../vault/index.js';

export interface SitePaths {
  /** Of this site's recorder. */
  readonly captures: string;
  /** Above it: captures lay there before each recorder had a folder of its own. */
  readonly allCaptures: string;
  readonly keys: string;
  readonly vault: string;
  readonly ledger: string;
  readonly token: string;
}

export function sitePaths(config: Config): SitePaths {
  const root = resolve(config.dataDir);
  return {
    captures: join(root, 'captures', captureFolderName(config.recorder.name)),
    allCaptures: join(root, 'captures'),
    keys: join(root, 'keys'),
    vault: join(root, 'vault'),
    ledger: join(root, 'ledger'),
    token: join(root, 'api.token'),
  };
}

export interface Site {
  readonly paths: SitePaths;
  readonly keys: VaultKeys;
  readonly store: ObjectStore;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

/** @throws Failure LEDGER_LOCKED when another process has it; VAULT_KEYS, VAULT_WRITE. */
export async function openSite(config: Config, observer?: LedgerObserver): Promise<Site> {
  const paths = sitePaths(config);
  await mkdir(resolve(config.dataDir), { recursive: true, mode: 0o700 });
  const keys = await loadOrCreateKeys(paths.keys);
  const store = await openObjectStore(paths.vault, keys);
  const ledger = await openLedger({ dir: paths.ledger, postgres: config.ledger.postgres, observer });
  return { paths, keys, store, ledger, close: () => ledger.close() };
}

/**
 * The secret by which the command line of this machine's owner speaks to the running product. One that nobody else could
 * read is used on: another process may have made it, and answers by it.
 */
export async function makeToken({ token: path }: Pick<SitePaths, 'token'>): Promise<string> {
  const before = await usableToken(path);
  if (before !== undefined) return before;
  const aside = `${path}.${randomUUID()}`;
  const token = randomBytes(32).toString('base64url');
  try {
    await writeFile(aside, `${token}\n`, { flag: 'wx', mode: 0o600 });
    // Of two who find none at once, the first makes it.
    if (await link(aside, path).then(() => true, () => false)) return token;
    const others = await usableToken(path);
    if (others !== undefined) return others;
    await rename(aside, path);
    return token;
  } finally {
    await rm(aside, { force: true });
  }
}

/** Undefined for one that is not ours, that others may read or write, or that is none of our making. */
async function usableToken(path: string): Promise<string | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const found = await handle.stat();
    if (!found.isFile() || found.size > 100 || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) return undefined;
    return /^([-\w]{43})\n$/u.exec(await handle.readFile('utf8'))?.[1];
  } finally {
    await handle.close();
  }
}

/** Undefined when no product has run here, or when it is another user's. */
export const readToken = async (paths: SitePaths): Promise<string | undefined> => {
  try {
    return (await readFile(paths.token, 'utf8')).trim();
  } catch {
    return undefined;
  }
};
