/**
 * PGlite behind the door, for one process.
 *
 * Owns       the worker thread, the queue before it, the timeouts, and starting it again after a crash.
 * Leaves to  pglite-worker.ts the database; open-ledger.ts the lock that keeps other processes out.
 *
 * One request is under way at a time; the others wait here, where they can still be given up in the
 * knowledge that they were not done. What was under way when the thread died may have been done.
 *
 *   opening ──ready──▶ idle ◀──answer── busy        any ──thread ends──▶ down ──request──▶ opening
 *                       └────request─────▶┘         any ──close──▶ closing ──▶ closed
 */
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { Failure, messageOf } from '../errors/index.js';
import { refusal, unavailable } from './refusal.js';
import type { Row, Sql, SqlValue, Statement } from './sql.js';
import { storableText } from './rows.js';
import type { FromWorker, ToWorker, WorkerSettings } from './worker-messages.js';

export interface PgliteOptions {
  /** PGlite's data folder. */
  readonly dir: string;
  /** An answer later than this is not waited for. */
  readonly queryTimeoutMs?: number;
  /** A request that could not even be started by then fails, not done. */
  readonly waitTimeoutMs?: number;
  /** A thread that is busy with one request for this long is ended and started anew. */
  readonly stuckAfterMs?: number;
  /**
   * The same for a transaction, which is a few rows: PGlite 0.5 spins for ever in the COMMIT of one that cannot be
   * written, as on a full disk.
   */
  readonly stuckTransactionMs?: number;
  readonly openTimeoutMs?: number;
  readonly maxWaiting?: number;
  /** Before the first new start after a crash; doubled with each that fails, up to a hundredfold. */
  readonly backOffMs?: number;
}

interface Job {
  readonly statements: readonly Statement[];
  readonly waitUntilMs: number;
  readonly resolve: (rows: readonly (readonly Row[])[]) => void;
  readonly reject: (error: Error) => void;
}

/** Failure LEDGER_UNAVAILABLE when PGlite does not start. */
export const openPglite = async (options: PgliteOptions): Promise<PgliteSql> => {
  const sql = new PgliteSql(options);
  try {
    await sql.ready();
  } catch (cause) {
    await sql.close();
    throw new Failure('LEDGER_UNAVAILABLE', `the ledger in ${options.dir} cannot be opened: ${messageOf(cause)}; see that the folder is writable and the disk not full`, { cause });
  }
  return sql;
};

export class PgliteSql implements Sql {
  readonly #settings: Required<PgliteOptions>;
  #state: 'down' | 'opening' | 'idle' | 'busy' | 'closing' | 'closed' = 'down';
  #worker: Worker | undefined;
  #underWay: Job | undefined;
  #waiting: Job[] = [];
  #failedStarts = 0;
  #notBeforeMs = 0;
  #lastError = '';
  /** Of the request under way, or of the start. */
  #deadline: NodeJS.Timeout | undefined;
  #waitTimer: NodeJS.Timeout | undefined;
  #startTimer: NodeJS.Timeout | undefined;
  #drained: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: PgliteOptions) {
    this.#settings = {
      queryTimeoutMs: 5_000,
      waitTimeoutMs: 30_000,
      stuckAfterMs: 30_000,
      stuckTransactionMs: 6_000,
      openTimeoutMs: 30_000,
      maxWaiting: 10_000,
      backOffMs: 100,
      ...options,
    };
  }

  /** The thread, for tests that kill it. */
  get worker(): Worker | undefined {
    return this.#worker;
  }

  async query(text: string, params: readonly SqlValue[] = []): Promise<readonly Row[]> {
    const [rows = []] = await this.transaction([{ text, params }]);
    return rows;
  }

  transaction(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    return this.#enqueue(statements, this.#settings.waitTimeoutMs);
  }

  /** When the database answers for the first time. */
  async ready(): Promise<void> {
    await this.#enqueue([{ text: 'select 1', params: [] }], this.#settings.openTimeoutMs);
  }

  async #enqueue(statements: readonly Statement[], waitMs: number): Promise<readonly (readonly Row[])[]> {
    if (this.#closed !== undefined) throw unavailable('the ledger is closed');
    if (this.#waiting.length >= this.#settings.maxWaiting) {
      throw unavailable(`the ledger is ${this.#settings.maxWaiting} requests behind; this one was not entered`);
    }
    const storable = statements.map(({ text, params }) => ({
      text,
      params: params.map((value) => (typeof value === 'string' ? storableText(value) : value)),
    }));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statements: storable, waitUntilMs: performance.now() + waitMs, resolve, reject });
      this.#next();
    });
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#underWay !== undefined || this.#waiting.length > 0) {
      // Bounded by the timeouts of what is waiting.
      const drained = new Promise<void>((resolve) => (this.#drained = resolve));
      await drained;
    }
    this.#state = 'closing';
    clearTimeout(this.#startTimer);
    clearTimeout(this.#waitTimer);
    clearTimeout(this.#deadline);
    const worker = this.#worker;
    if (worker !== undefined) {
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      const impatience = setTimeout(() => void worker.terminate(), this.#settings.queryTimeoutMs);
      this.#send({ do: 'close' });
      await ended;
      clearTimeout(impatience);
    }
    this.#state = 'closed';
  }

  /** Does whatever the state and the queue call for. */
  #next(): void {
    if (this.#state === 'idle') this.#dispatch();
    else if (this.#state === 'down' && this.#waiting.length > 0) this.#startWhenDue();
    this.#armWaitTimer();
    if (this.#underWay === undefined && this.#waiting.length === 0) this.#drained?.();
  }

  #dispatch(): void {
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#state = 'busy';
    this.#underWay = job;
    this.#deadline = setTimeout(() => this.#late(job), this.#settings.queryTimeoutMs);
    this.#send({ do: 'run', statements: job.statements });
  }

  #send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #late(job: Job): void {
    job.reject(unavailable(`the ledger did not answer within ${this.#settings.queryTimeoutMs} ms; whether it did what was asked is not known`));
    const { stuckAfterMs, stuckTransactionMs, queryTimeoutMs } = this.#settings;
    const patienceMs = Math.max(0, (job.statements.length > 1 ? stuckTransactionMs : stuckAfterMs) - queryTimeoutMs);
    this.#deadline = setTimeout(() => void this.#worker?.terminate(), patienceMs);
  }

  #startWhenDue(): void {
    if (this.#startTimer !== undefined) return;
    this.#startTimer = setTimeout(() => {
      this.#startTimer = undefined;
      this.#start();
    }, Math.max(0, this.#notBeforeMs - performance.now()));
  }

  #start(): void {
    assert(this.#state === 'down', 'only one thread runs the database');
    this.#state = 'opening';
    const settings: WorkerSettings = { dir: this.#settings.dir };
    const worker = new Worker(new URL('./pglite-worker.js', import.meta.url), { workerData: settings, execArgv: [], name: 'ledger' });
    this.#worker = worker;
    this.#deadline = setTimeout(() => void worker.terminate(), this.#settings.openTimeoutMs);
    worker.on('message', (message: FromWorker) => this.#answered(message));
    worker.on('error', (error: unknown) => (this.#lastError = messageOf(error)));
    worker.on('exit', () => this.#ended());
  }

  #answered(message: FromWorker): void {
    clearTimeout(this.#deadline);
    const job = this.#underWay;
    this.#underWay = undefined;
    if (this.#state === 'closing') return;
    this.#state = 'idle';
    this.#lastError = '';
    if (message.is !== 'ready') this.#failedStarts = 0;
    if (message.is === 'rows') job?.resolve(message.rows);
    if (message.is === 'refused') job?.reject(refusal(message.sqlState, message.message));
    this.#next();
  }

  /** The thread is gone: all who wait are told, the next one starts another. */
  #ended(): void {
    clearTimeout(this.#deadline);
    this.#worker = undefined;
    if (this.#state === 'closing') return;
    this.#state = 'down';
    this.#notBeforeMs = performance.now() + this.#settings.backOffMs * Math.min(100, 2 ** this.#failedStarts);
    this.#failedStarts += 1;
    const pending = [...(this.#underWay === undefined ? [] : [this.#underWay]), ...this.#waiting];
    this.#underWay = undefined;
    this.#waiting = [];
    for (const job of pending) job.reject(unavailable(`the ledger's database stopped${this.#lastError === '' ? '' : `: ${this.#lastError}`}`));
    this.#next();
  }

  #armWaitTimer(): void {
    clearTimeout(this.#waitTimer);
    this.#waitTimer = undefined;
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    this.#waitTimer = setTimeout(() => {
      const nowMs = performance.now();
      const overdue = this.#waiting.findIndex((job) => job.waitUntilMs > nowMs);
      for (const job of this.#waiting.splice(0, overdue === -1 ? this.#waiting.length : overdue)) {
        job.reject(unavailable('the ledger was busy for too long; this request was not done'));
      }
      this.#next();
    }, Math.max(1, oldest.waitUntilMs - performance.now()));
  }
}
