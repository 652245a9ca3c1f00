/**
 * The door to a database that speaks PostgreSQL's SQL: PGlite (pglite-sql.ts) or a server (postgres-sql.ts).
 *
 * A promise that resolves means: committed.
 */

export type SqlValue = string | number | boolean | null;

export interface Statement {
  readonly text: string;
  /** For `$1`, `$2` … in order. */
  readonly params: readonly SqlValue[];
}

/** Columns by name. 64-bit integers may come as number, bigint or text, as each driver likes. */
export type Row = Readonly<Record<string, unknown>>;

export interface Sql {
  /** One statement. Fails with Failure LEDGER_UNAVAILABLE when the database does not answer; then the outcome is unknown. */
  query(text: string, params?: readonly SqlValue[]): Promise<readonly Row[]>;
  /** All of them or none, in order; the rows of each. Failures as in `query`. */
  transaction(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]>;
  /** Lets what was asked before finish. */
  close(): Promise<void>;
}
