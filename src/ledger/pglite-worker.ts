/**
 * The thread that runs PGlite, whose queries block it.
 *
 * Anything but an error that PostgreSQL itself reports leaves the WASM instance in a state that
 * nobody can name, so it ends the thread; the owner starts another, which recovers from the WAL.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { sqlStateOf } from './refusal.js';
import type { FromWorker, ToWorker, WorkerSettings } from './worker-messages.js';
import type { Row, Statement } from './sql.js';

const port = parentPort;
if (port === null) throw new Error('this module is a worker thread');
const answer = (message: FromWorker): void => {
  port.postMessage(message);
};

const database = new PGlite((workerData as WorkerSettings).dir);
await database.waitReady;

const run = async (statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> => {
  const [only] = statements;
  if (only !== undefined && statements.length === 1) return [(await database.query<Row>(only.text, [...only.params])).rows];
  return database.transaction(async (transaction) => {
    const results: Row[][] = [];
    for (const { text, params } of statements) results.push((await transaction.query<Row>(text, [...params])).rows);
    return results;
  });
};

/** As PostgreSQL reported it; class XX is a broken database. */
const refusedWith = (thrown: unknown): string | undefined => {
  const sqlState = sqlStateOf(thrown);
  return sqlState?.startsWith('XX') === true ? undefined : sqlState;
};

port.on('message', (message: ToWorker) => {
  if (message.do === 'close') {
    void database.close().finally(() => port.close());
    return;
  }
  run(message.statements).then(
    (rows) => answer({ is: 'rows', rows }),
    (thrown: unknown) => {
      const sqlState = refusedWith(thrown);
      if (sqlState === undefined) throw thrown;
      answer({ is: 'refused', sqlState, message: thrown instanceof Error ? thrown.message : '' });
    },
  );
});
answer({ is: 'ready' });
