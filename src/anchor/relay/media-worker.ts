/** A media thread: the packets of the calls that were given to it. What it is told and tells is in orders.ts. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { srtpBy, useOpenSsl } from '../../media/index.js';
import { openDatagrams } from '../../udp/index.js';
import { stoodStillMs } from './fork.js';
import { MediaCalls } from './media-calls.js';
import type { FromThread, ThreadData, ToThread } from './orders.js';
import { goFirst } from './thread-priority.js';

const lookAtForksEveryMs = 250;
const looksAtAll = 4;

assert(parentPort !== null);
const port = parentPort;
const tell = (message: FromThread): void => port.postMessage(message);
const { accelerator, inRealTime, counts, share } = workerData as ThreadData;
useOpenSsl(accelerator === 'auto');
const rank = goFirst(inRealTime);
const datagrams = await openDatagrams(accelerator, share);
const calls = new MediaCalls({ datagrams, counts, tell });

port.on('message', ({ call, order, reply }: ToThread) => {
  calls.obey(call, order).then(
    () => tell({ kind: 'done', reply }),
    (thrown: unknown) => {
      // What the system refuses has a code; all else is a bug, and ends the thread.
      if (!(thrown instanceof Error) || !('code' in thrown)) throw thrown;
      tell({ kind: 'done', reply, refused: { message: thrown.message, code: String(thrown.code) } });
    },
  );
});
let looks = 0;
let lastMs = performance.now();
setInterval(() => {
  const nowMs = performance.now();
  calls.lookAtForks(nowMs, nowMs - lastMs > lookAtForksEveryMs + stoodStillMs);
  lastMs = nowMs;
  looks += 1;
  if (looks % looksAtAll === 0) calls.look(nowMs);
}, lookAtForksEveryMs);
tell({ kind: 'ready', datagrams: datagrams.kind, srtp: srtpBy(), rank });
