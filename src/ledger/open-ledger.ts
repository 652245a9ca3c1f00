/**
 * Opens the ledger: in a folder (lock, database, schema, in this order; closed in reverse), or on a server that others
 * use too (schema, database).
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure, messageOf } from '../errors/index.js';
import { keepingEntries, type LedgerObserver } from './kept-entries.js';
import { createLedger, type Ledger } from './ledger.js';
import { lockFolder } from './lock.js';
import { migrate, takesChanges } from './migrations.js';
import { openPglite } from './pglite-sql.js';
import { openPostgres } from './postgres-sql.js';
import type { PostgresSettings } from './settings.js';
import type { Sql } from './sql.js';
import { releaseAll } from './stitch-claims.js';

export interface LedgerOptions {
  /** PGlite's data folder; made when it is not there. `<dir>.lock` beside it names who uses it. */
  readonly dir: string;
  /** A server in place of PGlite: nothing is in `dir` then. */
  readonly postgres?: PostgresSettings | undefined;
  /** Unix time in milliseconds. */
  readonly now?: () => number;
  /** Told how entries fare. */
  readonly observer?: LedgerObserver | undefined;
}

/** A step of the schema may go through all of a large table. */
const migrateWithinMs = 600_000;

/**
 * Failures: LEDGER_LOCKED naming the process that has it, LEDGER_UNAVAILABLE when it does not open.
 * PGlite's first start takes seconds.
 */
export const openLedger = (options: LedgerOptions): Promise<Ledger> =>
  options.postgres === undefined ? openInFolder(options) : openOnServer(options.postgres, options);

const openInFolder = async ({ dir, now = Date.now, observer }: LedgerOptions): Promise<Ledger> => {
  try {
    await mkdir(dirname(dir), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Failure('LEDGER_UNAVAILABLE', `the folder ${dirname(dir)} for the ledger cannot be made: ${messageOf(cause)}`, { cause });
  }
  const lock = await lockFolder(dir);
  try {
    const sql = await openPglite({ dir });
    await prepared(sql, async () => {
      await migrate(sql, now());
      await releaseAll(sql);
    });
    const ledger = overSql(sql, now, observer);
    return {
      ...ledger,
      close: async () => {
        await ledger.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
};

const openOnServer = async (postgres: PostgresSettings, { now = Date.now, observer }: LedgerOptions): Promise<Ledger> => {
  const migrating = await openPostgres({ ...postgres, connections: 1, queryTimeoutMs: migrateWithinMs });
  await prepared(migrating, () => migrate(migrating, now()));
  await migrating.close();
  return overSql(await openPostgres(postgres), now, observer);
};

/** Closed where that fails. */
const prepared = async (sql: Sql, prepare: () => Promise<void>): Promise<void> => {
  try {
    await prepare();
  } catch (error) {
    await sql.close();
    throw error;
  }
};

const overSql = (sql: Sql, now: () => number, observer: LedgerObserver | undefined): Ledger =>
  keepingEntries(createLedger(sql, now), { takesChanges: () => takesChanges(sql), observer });
