/**
 * An edge in a worker thread of its own, so that neither it nor its caller waits for the other.
 *
 * Owns       the thread: ends it on close, and starts it again, on the same ports, when it crashes.
 * Leaves to  worker.ts the edge itself.
 */
import { Worker } from 'node:worker_threads';
import { Failure, messageOf } from '../errors/index.js';
import type { Edge, EdgeOptions, EdgeStats, SourceOptions } from './edge-options.js';
import type { FromWorker, Order, Refusal, ToWorker, WorkerData } from './worker-messages.js';

/** Waits before the next start after a crash: doubling, and back to the first after a quiet minute. */
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 10_000;
const QUIET_MS = 60_000;
/** How long an edge may take to open, to count, and to close. */
const PATIENCE_MS = 10_000;
/**
 * What messages and short calls are made of dies before it counts as old, and old garbage is the dear kind: at
 * node's own measure the edge carries a quarter fewer calls.
 */
const YOUNG_MB = 64;

const failureOf = ({ code, message, facts }: Refusal): Failure => new Failure(code ?? 'EDGE_LISTEN', message, { facts });

interface Running {
  readonly worker: Worker;
  readonly opened: Extract<FromWorker, { kind: 'open' }>;
}

function start(options: EdgeOptions, crashed: (error: Error) => void, told: (message: FromWorker) => void): Promise<Running> {
  const data: WorkerData = { edge: options };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
  return new Promise((resolve, reject) => {
    let opened = false;
    let failed = false;
    const late = setTimeout(() => {
      reject(new Failure('EDGE_LISTEN', `the SIP edge did not open in ${PATIENCE_MS} ms; the machine may be overloaded`));
      void worker.terminate();
    }, PATIENCE_MS);
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'open') {
        opened = true;
        clearTimeout(late);
        resolve({ worker, opened: message });
      } else if (message.kind === 'failed') {
        failed = true;
        clearTimeout(late);
        reject(failureOf(message));
      } else told(message);
    });
    let cause: Error | undefined;
    worker.on('error', (thrown) => {
      cause = thrown instanceof Error ? thrown : new Error(messageOf(thrown));
    });
    worker.on('exit', (code) => {
      clearTimeout(late);
      const error = cause ?? new Error(`the SIP edge's thread ended with code ${code}`);
      if (opened) crashed(error);
      else if (!failed) reject(new Failure('EDGE_LISTEN', `the SIP edge could not be started: ${error.message}`, { cause: error }));
    });
  });
}

class SpawnedEdge implements Edge {
  readonly listening: Edge['listening'];
  readonly admin: Edge['admin'];
  #again: EdgeOptions;
  /** Ended from outside only by tests. */
  worker: Worker | undefined;
  #closing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = FIRST_RESTART_MS;
  #startedAt = Date.now();
  #nextId = 0;
  readonly #orders = new Map<number, (refused: Failure | undefined) => void>();
  readonly #counts = new Map<number, (stats: EdgeStats | undefined) => void>();
  #closed: () => void = () => undefined;

  constructor(options: EdgeOptions, running: Running, private readonly onCrash: (error: Error) => void) {
    this.listening = running.opened.listening;
    this.admin = running.opened.admin;
    // A crashed edge comes back where its peers and applications look for it.
    const { port, tlsPort } = this.admin;
    const { tls } = options.admin;
    this.#again = {
      ...options,
      listen: this.listening,
      admin: { ...options.admin, port, ...(tls === undefined || tlsPort === undefined ? {} : { tls: { ...tls, port: tlsPort } }) },
    };
    this.worker = running.worker;
  }

  async stats(): Promise<EdgeStats> {
    const id = (this.#nextId += 1);
    const worker = this.worker;
    const counted = await new Promise<EdgeStats | undefined>((resolve) => {
      if (worker === undefined) {
        resolve(undefined);
        return;
      }
      const late = setTimeout(() => this.#counts.get(id)?.(undefined), PATIENCE_MS);
      this.#counts.set(id, (stats) => {
        clearTimeout(late);
        this.#counts.delete(id);
        resolve(stats);
      });
      this.#post(worker, { kind: 'stats', id });
    });
    if (counted === undefined) throw new Failure('EDGE_LOST', 'the embedded SIP edge does not tell its counts: it is being started anew, or does not come to it');
    return counted;
  }

  /** One that has just crashed reads the files when it starts again. */
  reloadTls(): Promise<void> {
    return this.#order({ kind: 'reload-tls' });
  }

  async setSources(sources: SourceOptions): Promise<void> {
    await this.#order({ kind: 'set-sources', sources });
    const { silentUnless: _before, sourceLimit: _limit, ...again } = this.#again;
    this.#again = { ...again, ...sources };
  }

  /** Has it done, if there is an edge now. */
  async #order(order: Order): Promise<void> {
    const { worker } = this;
    if (worker === undefined) return;
    const id = (this.#nextId += 1);
    const refused = await new Promise<Failure | undefined>((resolve) => {
      const late = setTimeout(() => this.#orders.get(id)?.(undefined), PATIENCE_MS);
      this.#orders.set(id, (failure) => {
        clearTimeout(late);
        this.#orders.delete(id);
        resolve(failure);
      });
      this.#post(worker, { ...order, id });
    });
    if (refused !== undefined) throw refused;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  told(message: FromWorker): void {
    if (message.kind === 'stats') this.#counts.get(message.id)?.(message.stats);
    else if (message.kind === 'done') this.#orders.get(message.id)?.(message.refused === undefined ? undefined : failureOf(message.refused));
    else if (message.kind === 'closed') this.#closed();
  }

  crashed(error: Error): void {
    this.worker = undefined;
    for (const each of [...this.#counts.values(), ...this.#orders.values()]) each(undefined);
    this.#closed();
    if (this.#closing !== undefined) return;
    this.onCrash(error);
    if (Date.now() - this.#startedAt > QUIET_MS) this.#delayMs = FIRST_RESTART_MS;
    this.#restartLater();
  }

  #restartLater(): void {
    this.#timer = setTimeout(() => void this.#restart(), this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_RESTART_MS);
  }

  async #restart(): Promise<void> {
    try {
      const running = await start(this.#again, (error) => this.crashed(error), (message) => this.told(message));
      this.#startedAt = Date.now();
      this.worker = running.worker;
      if (this.#closing !== undefined) await running.worker.terminate();
    } catch (thrown) {
      if (this.#closing !== undefined) return;
      this.onCrash(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
      this.#restartLater();
    }
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    const worker = this.worker;
    if (worker === undefined) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, PATIENCE_MS);
      this.#closed = () => {
        clearTimeout(late);
        resolve();
      };
      this.#post(worker, { kind: 'close' });
    });
    await worker.terminate();
  }

  #post(worker: Worker, message: ToWorker): void {
    worker.postMessage(message);
  }
}

/**
 * Opens an edge in a thread of its own. A crash is told to `onCrash` and mended: the thread is started
 * again on the same ports, with back-off. `close` ends the thread. Throws as `openEdge` does.
 */
export async function spawnEdge(options: EdgeOptions, onCrash: (error: Error) => void = () => undefined): Promise<Edge> {
  const handle: { edge?: SpawnedEdge } = {};
  const running = await start(options, (error) => handle.edge?.crashed(error), (message) => handle.edge?.told(message));
  handle.edge = new SpawnedEdge(options, running, onCrash);
  return handle.edge;
}
