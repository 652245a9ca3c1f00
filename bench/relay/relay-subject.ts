/** Our relay in a process of its own, with the bench's calls; where it is asked to, with a recorder that takes the copies. */
import { setTimeout as delay } from 'node:timers/promises';
import { openRelay } from '../../src/anchor/index.js';
import { openCaptures } from '../captures.js';
import { memoryBytes } from '../process-usage.js';
import { loopback, setUpCalls } from './calls.js';
import type { FromSubject, SubjectSetup } from './messages.js';

const tell = (message: FromSubject): void => void process.send?.(message);
const settleMs = 500;

async function open({ accelerator, calls: count, parties, captureDir }: SubjectSetup): Promise<void> {
  const captures = captureDir === undefined ? undefined : await openCaptures(captureDir, accelerator, [46_000, 65_000]);
  const relay = await openRelay({
    settings: { address: loopback, ports: [20_000, 45_999], accelerator },
    onCrash: (error) => {
      throw error;
    },
  });
  await delay(settleMs);
  const memoryBefore = memoryBytes([process.pid]);
  const calls = await setUpCalls(relay, count, parties, captures?.open ?? (() => Promise.resolve([parties.recorder ?? 0, parties.recorder ?? 0])));
  await delay(settleMs);
  tell({ kind: 'ready', calls, datagrams: relay.health().detail, memoryBefore, memoryAfter: memoryBytes([process.pid]) });
  process.on('message', () => {
    const { relayed, dropped } = relay.packets();
    tell({ kind: 'counts', relayed: relayed.caller + relayed.callee, dropped, ...(captures?.counts() ?? { recorded: 0, recorderDropped: 0 }) });
  });
}

process.once('message', (setup: SubjectSetup) => {
  open(setup).catch((error: unknown) => tell({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
});
process.on('disconnect', () => process.exit(0));
