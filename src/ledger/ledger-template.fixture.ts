/**
 * For tests: a ledger's folder as PGlite's first start makes it, which takes seconds of CPU, made once for a run of many
 * files and copied. A file that is run by itself, and whoever tests a first start, has it made anew.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openPglite } from './pglite-sql.js';

const variable = 'TWINTRACK_LEDGER_TEMPLATE';

export interface LedgerTemplate {
  /** What the processes that are to copy it are given. */
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

export async function makeLedgerTemplate(): Promise<LedgerTemplate> {
  const root = await mkdtemp(join(tmpdir(), 'twintrack-template-'));
  const dir = join(root, 'ledger');
  await (await openPglite({ dir })).close();
  return { env: { [variable]: dir }, remove: () => rm(root, { recursive: true, force: true }) };
}

/** Where a ledger is to be opened for the first time. */
export async function furnishLedger(dir: string): Promise<void> {
  const template = process.env[variable];
  if (template === undefined) return;
  await mkdir(dirname(dir), { recursive: true, mode: 0o700 });
  await cp(template, dir, { recursive: true });
}
