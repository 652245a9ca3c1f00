/** A recorder without signalling, in a process of its own. */
import { openCaptures } from '../captures.js';
import type { CallPorts } from '../relay/calls.js';
import type { FromRecorder, RecorderSetup } from './messages.js';

const tell = (message: FromRecorder): void => void process.send?.(message);

async function open({ accelerator, calls: count, dir }: RecorderSetup): Promise<void> {
  const captures = await openCaptures(dir, accelerator, [20_000, 65_000]);
  const calls: CallPorts[] = [];
  for (let call = 0; call < count; call += 1) {
    const [forCaller, forCallee] = await captures.open(call);
    calls.push({ forCaller, forCallee });
  }
  tell({ kind: 'ready', calls, datagrams: captures.datagrams });
  process.on('message', () => tell({ kind: 'counts', ...captures.counts() }));
}

process.once('message', (setup: RecorderSetup) => {
  open(setup).catch((error: unknown) => tell({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
});
process.on('disconnect', () => process.exit(0));
