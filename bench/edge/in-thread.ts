/**
 * Loaded into every thread of a subject before anything else (node --import): measures from within.
 *
 * `node --cpu-prof` and `global.gc` reach only threads that take over their parent's options, and the edge's
 * does not; a module named in NODE_OPTIONS is loaded in all of them.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';
import { threadsChannel, type FromThread, type ToThread } from './subject-messages.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const channel = new BroadcastChannel(threadsChannel);
channel.unref();

const profiling: { session?: Session; dir?: string } = {};

async function profile(dir: string | undefined): Promise<void> {
  if (dir !== undefined) {
    profiling.session = new Session();
    profiling.dir = dir;
    profiling.session.connect();
    await profiling.session.post('Profiler.enable');
    await profiling.session.post('Profiler.start');
    return;
  }
  const { session, dir: into } = profiling;
  if (session === undefined || into === undefined) return;
  const { profile } = await session.post('Profiler.stop');
  writeFileSync(join(into, `${process.pid}-${isMainThread ? 'application' : `edge-${threadId}`}.cpuprofile`), JSON.stringify(profile));
  session.disconnect();
  delete profiling.session;
}

channel.onmessage = (event: unknown) => {
  const message = (event as { readonly data: ToThread | FromThread }).data;
  const done = (): void => {
    const told: FromThread = { kind: 'done', id: message.id, heapBytes: process.memoryUsage().heapUsed };
    channel.postMessage(told);
  };
  switch (message.kind) {
    case 'heap':
      collect();
      done();
      break;
    case 'profile':
      void profile(message.dir).then(done);
      break;
    case 'done':
  }
};
