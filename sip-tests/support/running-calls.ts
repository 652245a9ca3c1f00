/** SIPp calls with audio through a running product, all of them up when this resolves. */
import { join } from 'node:path';
import { tune } from '../../src/testcall/index.js';
import { writeCapture } from './audio.js';
import { metric, until } from './product.js';
import { sippMediaPort } from './ports.js';
import { runSipp } from './sipp.js';
import type { Workspace } from './workspace.js';

export interface RunningCalls {
  /** Resolves when all have been heard out; rejects when one has failed. */
  readonly done: Promise<unknown>;
  stop(): void;
}

let started = 0;

/** @param packets of 20 ms, which both ends speak */
export async function startCalls(workspace: Workspace, calls: number, packets: number): Promise<RunningCalls> {
  const capture = join(workspace.dir, 'voice.pcap');
  await writeCapture(capture, packets, tune('caller'));
  const [calleePort, callerPort] = (started += 1) % 2 === 0 ? ([0, 1] as const) : ([2, 3] as const);
  const common = { calls, dir: workspace.dir, values: { CAPTURE: capture, CAPTURE_MS: String(packets * 20) } };
  const ends = [
    runSipp({ ...common, scenario: 'uas-audio', port: workspace.nextHopPort, mediaPort: sippMediaPort(calleePort) }),
    runSipp({ ...common, scenario: 'uac-audio', remote: `127.0.0.1:${workspace.sipPort}`, port: workspace.sipPort + 1, mediaPort: sippMediaPort(callerPort) }),
  ];
  const done = Promise.all(ends.map((end) => end.done));
  // Whoever wants to know awaits it; others end the calls before that.
  done.catch(() => undefined);
  await until(async () => (await metric(workspace, 'twintrack_calls_active')) === calls, 'all calls run');
  return { done, stop: () => ends.forEach((end) => end.stop()) };
}
