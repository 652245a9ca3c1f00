/** The worker thread's side of `spawnEdge`: opens the edge and answers for it. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { Failure, messageOf } from '../errors/index.js';
import { openEdge } from './open-edge.js';
import type { FromWorker, Refusal, ToWorker, WorkerData } from './worker-messages.js';

assert(parentPort !== null);
const port = parentPort;
const tell = (message: FromWorker): void => port.postMessage(message);
const refusalOf = (thrown: unknown): Refusal => ({
  code: thrown instanceof Failure ? thrown.code : undefined,
  message: messageOf(thrown),
  facts: thrown instanceof Failure ? thrown.facts : {},
});

const obey = (id: number, order: Promise<void>): void => {
  order.then(
    () => tell({ kind: 'done', id }),
    (thrown: unknown) => tell({ kind: 'done', id, refused: refusalOf(thrown) }),
  );
};

try {
  const edge = await openEdge((workerData as WorkerData).edge);
  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'stats':
        void Promise.resolve(edge.stats()).then((stats) => {
          tell({ kind: 'stats', id: message.id, stats });
        });
        break;
      case 'reload-tls':
        obey(message.id, edge.reloadTls());
        break;
      case 'set-sources':
        obey(message.id, edge.setSources(message.sources));
        break;
      case 'close':
        void edge.close().then(() => {
          tell({ kind: 'closed' });
          port.close();
        });
        break;
    }
  });
  tell({ kind: 'open', listening: edge.listening, admin: edge.admin });
} catch (thrown) {
  tell({ kind: 'failed', ...refusalOf(thrown) });
  port.close();
}
