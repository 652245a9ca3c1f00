/**
 * A PostgreSQL server behind the door, which several processes share.
 *
 * Owns       connections (a few, opened when needed), the bound on what waits for them, the timeouts, the back-off while
 *            the server is not there, and that a transaction which lost to another is done again.
 * Leaves to  pg the protocol; settings.ts where the server is.
 *
 * A connection on which anything went wrong but a statement that the server refused is given up, never used again. What was
 * under way on it may have been done.
 */
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { messageOf } from '../errors/index.js';
import { refusal, sqlStateOf, unavailable } from './refusal.js';
import { storableText } from './rows.js';
import type { PostgresSettings } from './settings.js';
import type { Row, Sql, SqlValue, Statement } from './sql.js';

export interface PostgresOptions extends Omit<PostgresSettings, 'tls'> {
  readonly tls?: PostgresSettings['tls'];
  /** To connect, and to wait for a connection that is free. */
  readonly connectTimeoutMs?: number;
  /** A statement that takes longer is ended by the server. */
  readonly queryTimeoutMs?: number;
  readonly maxWaiting?: number;
  /** Before the first new try to connect after one that failed; doubled with each, up to fiftyfold. */
  readonly backOffMs?: number;
}

const defaults = { connectTimeoutMs: 5_000, queryTimeoutMs: 5_000, maxWaiting: 10_000, backOffMs: 100 };
/** A server that does not even end a statement in time is not waited for. */
const graceMs = 1_000;
const idleMs = 60_000;
/** Longer than any password; a file beyond it is another file. */
const maxPasswordBytes = 4_096;
/** Of a transaction that the server has undone because of another one: a deadlock, or an order that there cannot be. */
const maxTries = 4;
const lostToAnother = new Set(['40001', '40P01']);

/** @throws Failure LEDGER_UNAVAILABLE when the server does not answer, does not let us in, or its database is not in UTF-8. */
export const openPostgres = async (options: PostgresOptions): Promise<PostgresSql> => {
  const where = `the ledger's database ${options.database} on ${options.host}`;
  let ca: string | undefined;
  const { caFile } = options.tls ?? {};
  try {
    if (caFile !== undefined) ca = await readFile(caFile, 'utf8');
  } catch (cause) {
    throw unavailable(`ledger.postgres.tls.caFile ${caFile ?? ''} cannot be read: ${messageOf(cause)}`, cause);
  }
  const sql = new PostgresSql(options, ca);
  try {
    const [row] = await sql.query('show server_encoding');
    if (row?.['server_encoding'] === 'UTF8') return sql;
    throw unavailable('it is not in UTF-8; make another with: createdb --encoding=UTF8 --template=template0');
  } catch (cause) {
    await sql.close();
    throw unavailable(`${where} cannot be used: ${messageOf(cause)}`, cause);
  }
};

export class PostgresSql implements Sql {
  readonly #settings: Required<Pick<PostgresOptions, keyof typeof defaults>> & PostgresOptions;
  readonly #pool: pg.Pool;
  readonly #underWay = new Set<Promise<unknown>>();
  #failedConnects = 0;
  #notBeforeMs = 0;
  #lastError = '';
  #closed: Promise<void> | undefined;

  constructor(options: PostgresOptions, ca?: string) {
    this.#settings = { ...defaults, ...options };
    const { host, port, database, user, passwordFile, tls, connections, connectTimeoutMs, queryTimeoutMs } = this.#settings;
    this.#pool = new pg.Pool({
      host,
      port,
      database,
      user,
      ...(passwordFile === undefined ? {} : { password: () => readPassword(passwordFile) }),
      ssl: tls === undefined ? false : { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
      max: connections,
      idleTimeoutMillis: idleMs,
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: queryTimeoutMs,
      query_timeout: queryTimeoutMs + graceMs,
      // A process that hangs within a transaction keeps nobody waiting for ever.
      idle_in_transaction_session_timeout: queryTimeoutMs + graceMs,
      keepAlive: true,
      application_name: 'twintrack',
    });
    // A connection that breaks says so to what is under way on it; where there is nothing, the pool replaces it.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async query(text: string, params: readonly SqlValue[] = []): Promise<readonly Row[]> {
    const [rows = []] = await this.transaction([{ text, params }]);
    return rows;
  }

  async transaction(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    if (this.#closed !== undefined) throw unavailable('the ledger is closed');
    if (this.#underWay.size >= this.#settings.maxWaiting) throw unavailable(`the ledger is ${this.#settings.maxWaiting} requests behind; this one was not entered`);
    const done = this.#runUntilSettled(statements);
    this.#underWay.add(done);
    try {
      return await done;
    } finally {
      this.#underWay.delete(done);
    }
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    // Bounded by the timeouts of what is waiting.
    await Promise.allSettled(this.#underWay);
    await this.#pool.end();
  }

  async #runUntilSettled(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    for (let tries = 1; ; tries += 1) {
      const client = await this.#connect();
      try {
        const rows = await run(client, statements);
        client.release();
        return rows;
      } catch (error) {
        const sqlState = sqlStateOf(error);
        const usable = sqlState !== undefined && (await rolledBack(client, statements));
        client.release(!usable);
        if (sqlState === undefined) throw unavailable(`the ledger's database did not answer: ${messageOf(error)}; whether it did what was asked is not known`, error);
        if (!lostToAnother.has(sqlState) || tries === maxTries) throw refusal(sqlState, messageOf(error));
      }
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    if (performance.now() < this.#notBeforeMs) throw unavailable(`the ledger's database is not reached: ${this.#lastError}`);
    const allBusy = this.#underWay.size >= this.#settings.connections;
    try {
      const client = await this.#pool.connect();
      this.#failedConnects = 0;
      return client;
    } catch (cause) {
      if (allBusy && this.#pool.totalCount > 0) throw unavailable('the ledger was busy for too long; this request was not done', cause);
      if (performance.now() >= this.#notBeforeMs) {
        this.#notBeforeMs = performance.now() + this.#settings.backOffMs * Math.min(50, 2 ** this.#failedConnects);
        this.#failedConnects += 1;
      }
      this.#lastError = messageOf(cause);
      throw unavailable(`the ledger's database is not reached: ${this.#lastError}`, cause);
    }
  }
}

const run = async (client: pg.PoolClient, statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> => {
  const results: Row[][] = [];
  if (statements.length > 1) await client.query('begin');
  for (const { text, params } of statements) {
    const values = params.map((value) => (typeof value === 'string' ? storableText(value) : value));
    results.push((await client.query<Record<string, unknown>>(text, values)).rows);
  }
  if (statements.length > 1) await client.query('commit');
  return results;
};

const rolledBack = (client: pg.PoolClient, statements: readonly Statement[]): Promise<boolean> =>
  statements.length === 1
    ? Promise.resolve(true)
    : client.query('rollback').then(
        () => true,
        () => false,
      );

/** White space around the password is not part of it. Its errors hold nothing of it. */
const readPassword = async (file: string): Promise<string> => {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`ledger.postgres.passwordFile ${file} cannot be read: ${messageOf(cause)}`);
  });
  const password = text.trim();
  if (password === '' || text.length > maxPasswordBytes || /[\r\n]/u.test(password)) throw new Error(`ledger.postgres.passwordFile ${file} should hold one line with the password`);
  return password;
};
