/** Our relay in a process of its own, with the bench's calls; where it is asked to, with a recorder that takes the copies. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { openRelay } from '../../src/anchor/index.js';
import { openCaptures } from '../captures.js';
import { memoryBytes } from '../process-usage.js';
import { loopback, setUpCalls, type CallPorts } from './calls.js';
import type { FromSubject, SubjectSetup, ToSubject } from './messages.js';

const tell = (message: FromSubject): void => void process.send?.(message);
const settleMs = 500;

async function open({ accelerator, parties, captureDir }: SubjectSetup) {
  const captures = captureDir === undefined ? undefined : await openCaptures(captureDir, accelerator, [46_000, 65_000]);
  const relay = await openRelay({
    settings: { address: loopback, ports: [20_000, 45_999], accelerator },
    onCrash: (error) => {
      throw error;
    },
  });
  const calls: CallPorts[] = [];
  return {
    async openCalls(count: number): Promise<FromSubject> {
      const before = calls.length;
      calls.push(...(await setUpCalls(relay, count, parties, (call) => captures?.open(before + call) ?? Promise.resolve([parties.recorder ?? 0, parties.recorder ?? 0]))));
      await delay(settleMs);
      return { kind: 'ready', calls, datagrams: relay.health().detail };
    },
    counts(): FromSubject {
      const { relayed, dropped } = relay.packets();
      return { kind: 'counts', memory: memoryBytes([process.pid]), relayed: relayed.caller + relayed.callee, dropped, ...(captures?.counts() ?? { recorded: 0, recorderDropped: 0 }) };
    },
  };
}

let subject: Awaited<ReturnType<typeof open>> | undefined;

async function obey(order: ToSubject): Promise<void> {
  if (order.kind === 'setup') {
    subject = await open(order.setup);
    return;
  }
  assert(subject !== undefined, 'it is set up first');
  tell(order.kind === 'open' ? await subject.openCalls(order.calls) : subject.counts());
}

let before: Promise<void> = Promise.resolve();
process.on('message', (order: ToSubject) => {
  before = before.then(() => obey(order)).catch((error: unknown) => tell({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
});
process.on('disconnect', () => process.exit(0));
