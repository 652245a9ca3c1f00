/**
 * Where a site keeps its things on disk, and the things themselves: keys, vault, ledger, the API's token.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../config/index.js';
import { openLedger, type Ledger, type LedgerObserver } from '../ledger/index.js';
import { loadOrCreateKeys, openObjectStore, type ObjectStore, type VaultKeys } from '../vault/index.js';

export interface SitePaths {
  readonly captures: string;
  readonly keys: string;
  readonly vault: string;
  readonly ledger: string;
  readonly token: string;
}

export function sitePaths(config: Config): SitePaths {
  const root = resolve(config.dataDir);
  return {
    captures: join(root, 'captures'),
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

/** The secret by which the command line of this machine's owner speaks to the running product. */
export async function makeToken(paths: SitePaths): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await writeFile(paths.token, `${token}\n`, { mode: 0o600 });
  return token;
}

/** Undefined when no product has run here, or when it is another user's. */
export const readToken = async (paths: SitePaths): Promise<string | undefined> => {
  try {
    return (await readFile(paths.token, 'utf8')).trim();
  } catch {
    return undefined;
  }
};
