/** Our relay in a process of its own, with the bench's calls; where it is asked to, with a recorder that takes the copies. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openRelay } from '../../src/anchor/index.js';
import { CaptureJournal, openCaptureWriter, type CaptureWriter } from '../../src/capture/index.js';
import { Intake } from '../../src/recorder/intake.js';
import { openDatagrams, openMediaSockets, PortPool } from '../../src/udp/index.js';
import { loadOrCreateKeys } from '../../src/vault/index.js';
import { memoryBytes } from '../process-usage.js';
import { loopback, setUpCalls, type RecorderPorts } from './calls.js';
import type { FromSubject, SubjectSetup } from './messages.js';

const tell = (message: FromSubject): void => void process.send?.(message);
const settleMs = 500;

let recorded = 0;
const writers: CaptureWriter[] = [];

/** A capture and two intakes for each call, as a recording session has them. */
async function recorderIn(dir: string, accelerator: SubjectSetup['accelerator']): Promise<RecorderPorts> {
  const keys = await loadOrCreateKeys(join(dir, 'keys'));
  const pool = new PortPool(46_000, 65_000);
  const journal = new CaptureJournal(dir);
  const datagrams = await openDatagrams(accelerator);
  const observer = { received: () => void (recorded += 1), rejected: () => undefined };
  return async (call) => {
    const writer = await openCaptureWriter(join(dir, `${call}.capture`), keys.public, { captureId: String(call), sessionId: String(call), recorder: 'bench', metadata: {} }, { journal });
    writers.push(writer);
    const [caller, callee] = [await openMediaSockets(loopback, pool, datagrams), await openMediaSockets(loopback, pool, datagrams)];
    return [new Intake(caller, writer, 0, observer).port, new Intake(callee, writer, 1, observer).port];
  };
}

async function open({ accelerator, calls: count, parties, captureDir }: SubjectSetup): Promise<void> {
  const recorderPorts = captureDir === undefined ? undefined : await recorderIn(captureDir, accelerator);
  const relay = await openRelay({
    settings: { address: loopback, ports: [20_000, 45_999], accelerator },
    onCrash: (error) => {
      throw error;
    },
  });
  await delay(settleMs);
  const memoryBefore = memoryBytes([process.pid]);
  const calls = await setUpCalls(relay, count, parties, recorderPorts ?? (() => Promise.resolve([parties.recorder ?? 0, parties.recorder ?? 0])));
  await delay(settleMs);
  tell({ kind: 'ready', calls, datagrams: relay.health().detail, memoryBefore, memoryAfter: memoryBytes([process.pid]) });
  process.on('message', () => {
    const { relayed, dropped } = relay.packets();
    tell({ kind: 'counts', relayed: relayed.caller + relayed.callee, dropped, recorded, recorderDropped: writers.reduce((sum, { stats }) => sum + stats.droppedPackets, 0) });
  });
}

process.once('message', (setup: SubjectSetup) => {
  open(setup).catch((error: unknown) => tell({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
});
process.on('disconnect', () => process.exit(0));
