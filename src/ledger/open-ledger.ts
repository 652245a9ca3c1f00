/**
 * Opens the ledger that lives in a folder: lock, database, schema, in this order; closed in reverse.
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure, messageOf } from '../errors/index.js';
import { keepingEntries, type LedgerObserver } from './kept-entries.js';
import { createLedger, type Ledger } from './ledger.js';
import { lockFolder } from './lock.js';
import { migrate, takesChanges } from './migrations.js';
import { openPglite } from './pglite-sql.js';

export interface LedgerOptions {
  /** PGlite's data folder; made when it is not there. `<dir>.lock` beside it names who uses it. */
  readonly dir: string;
  /** Unix time in milliseconds. */
  readonly now?: () => number;
  /** Told how entries fare. */
  readonly observer?: LedgerObserver | undefined;
}

/**
 * Failures: LEDGER_LOCKED naming the process that has it, LEDGER_UNAVAILABLE when it does not open.
 * The first start takes seconds.
 */
export const openLedger = async ({ dir, now = Date.now, observer }: LedgerOptions): Promise<Ledger> => {
  try {
    await mkdir(dirname(dir), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Failure('LEDGER_UNAVAILABLE', `the folder ${dirname(dir)} for the ledger cannot be made: ${messageOf(cause)}`, { cause });
  }
  const lock = await lockFolder(dir);
  try {
    const sql = await openPglite({ dir });
    try {
      await migrate(sql, now());
    } catch (error) {
      await sql.close();
      throw error;
    }
    const ledger = keepingEntries(createLedger(sql, now), { takesChanges: () => takesChanges(sql), observer });
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
