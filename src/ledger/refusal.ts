/** What a database answered with an error, as a failure of ours. */
import { Failure } from '../errors/index.js';

export const unavailable = (message: string, cause?: unknown): Failure => new Failure('LEDGER_UNAVAILABLE', message, { cause });

/**
 * Wrong SQL or a value that the schema refuses is a bug of ours; the rest (a full disk, a lost lock, a missing right) is to
 * be expected.
 */
export const refusal = (sqlState: string, message: string): Error =>
  /^(22|23|42)/.test(sqlState) && sqlState !== insufficientPrivilege
    ? new Error(`the database refused a statement (${sqlState}): ${message}`)
    : new Failure('LEDGER_UNAVAILABLE', `the ledger's database refused (${sqlState}): ${message}`, { facts: { sqlState } });

const insufficientPrivilege = '42501';

/** The SQLSTATE of an error that PostgreSQL reported (five characters). */
export const sqlStateOf = (thrown: unknown): string | undefined => {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return undefined;
  return /^[0-9A-Z]{5}$/.test(thrown.code) ? thrown.code : undefined;
};
