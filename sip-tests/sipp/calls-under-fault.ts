/**
 * Fifty SIPp calls through a running product, something done to it while they run, and what the calls and the
 * ledger say afterwards.
 *
 * Owns       what holds of every call whatever is done: it is heard to its end, without a gap.
 * Leaves to  its user what is done, and what the ledger should say.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Listed } from '../../src/ledger/index.js';
import { tune } from '../../src/testcall/index.js';
import { writeCapture } from '../support/audio.js';
import { listed, metric, startProduct, until, type RunningProduct } from '../support/product.js';
import { sippMediaPort } from '../support/ports.js';
import { openRtpSink, type RtpSink } from '../support/rtp-sink.js';
import { runSipp } from '../support/sipp.js';
import { openWorkspace, type Workspace, type WorkspaceOptions } from '../support/workspace.js';

export const calls = 50;
/** A process that has just begun takes these on a slow machine too: more it may turn away, and the test is not of that. */
const callsPerSecond = 15;
/** Of 20 ms: all calls run for three seconds, or less where the machine is slow to set them up. */
const packets = 325;
/** SIPp's voice may lag behind its clock on a busy machine. */
const lagMs = 250;

export interface Bed {
  readonly workspace: Workspace;
  readonly product: RunningProduct;
  readonly sink: RtpSink;
  readonly capture: string;
  /** The configuration as it was at first. */
  readonly file: string;
}

export async function openBed(t: Test, options: WorkspaceOptions): Promise<Bed> {
  const [workspace, sink] = [await openWorkspace(options), await openRtpSink()];
  t.teardown(() => workspace.remove().then(() => sink.close()));
  const capture = join(workspace.dir, 'voice.pcap');
  await writeCapture(capture, packets, tune('caller'));
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  return { workspace, product, sink, capture, file: await readFile(workspace.configFile, 'utf8') };
}

export async function reload({ workspace, product }: Bed, text: string): Promise<void> {
  await writeFile(workspace.configFile, text);
  const before = product.log().length;
  product.signal('SIGHUP');
  await until(() => Promise.resolve(/the configuration is (?:not )?taken/u.test(product.log().slice(before))), 'the configuration is read');
  if (!/is taken/u.test(product.log().slice(before))) throw new Error(product.log().slice(before));
}

export interface Fault {
  /** Done once so many calls run: all of them, unless `when` says less. */
  readonly inject?: () => Promise<void> | void;
  readonly when?: number;
}

/** Gives what the ledger says of the calls, once all of them have ended in one of these states. */
export type Settled = (...states: Listed['state'][]) => Promise<readonly Listed[]>;

/** Places 50 calls, and resolves when all have come to their end. */
export async function place(t: Test, { workspace, sink, capture }: Bed, { inject, when = calls }: Fault = {}): Promise<Settled> {
  const before = new Set((await listed(workspace)).map(({ sessionId }) => sessionId));
  const active = (): Promise<number> => metric(workspace, 'twintrack_calls_active');
  const common = { calls, rate: callsPerSecond, dir: workspace.dir };
  const ends = [
    runSipp({ ...common, scenario: 'uas-sink', port: workspace.nextHopPort, mediaPort: sippMediaPort(0), values: { SINK: String(sink.port) } }),
    runSipp({
      ...common, scenario: 'uac-audio', remote: `127.0.0.1:${workspace.sipPort}`, port: workspace.sipPort + 1, mediaPort: sippMediaPort(1),
      values: { CAPTURE: capture, CAPTURE_MS: String(packets * 20 + lagMs) },
    }),
  ];
  t.teardown(() => ends.forEach((end) => end.stop()));
  const done = Promise.all(ends.map((end) => end.done));
  done.catch(() => undefined);
  const running = (count: number): Promise<void> => Promise.race([until(async () => (await active()) >= count, `${count} calls run`), ended(done)]);
  if (when < calls) {
    await running(when);
    await inject?.();
  }
  await running(calls);
  if (when === calls) await inject?.();
  await done;
  const heard = sink.take();
  t.equal(heard.length, calls, 'every call was heard');
  t.strictSame(heard.filter(({ packets: count, longestGap }) => count < packets - 1 || longestGap > 1), [], 'no audio was interrupted for more than 20 ms');
  await until(async () => (await active()) === 0, 'all calls have ended');
  return async (...states) => {
    let found: readonly Listed[] = [];
    await until(async () => {
      found = (await listed(workspace).catch(() => [])).filter(({ sessionId }) => !before.has(sessionId));
      return found.length === calls && found.every(({ state }) => states.includes(state));
    }, `the ledger has them as ${states.join(' or ')}`, 60_000);
    return found;
  };
}

/** For those who wait for something before that: rejects in either case. */
async function ended(done: Promise<unknown>): Promise<never> {
  await done;
  throw new Error('the calls ended before all of them ran');
}

export function statesOf(found: readonly Listed[]): Partial<Record<Listed['state'], number>> {
  const counts: Partial<Record<Listed['state'], number>> = {};
  for (const { state } of found) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
