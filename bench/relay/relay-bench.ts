/**
 * `npm run bench -- relay`: what a relayed and forked packet costs in CPU and in time, beside rtpengine in userspace that
 * does the same; and what calls that are anchored and recorded take of the machine. docs/bench.md says how to read it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRtpengine } from '../../src/anchor/index.js';
import { rtpengineIsInstalled, startDaemon } from '../../src/anchor/rtpengine/daemon.fixture.js';
import { loadLibc } from '../../src/udp/native/libc.js';
import { median, rounded, UsageError, type Bench, type BenchContext, type BenchOptions, type BenchOutcome } from '../bench.js';
import { answerOf, end, measure, rtpBytes, start, withLoad, type LoadWindow } from '../media-load.js';
import { setUpCalls, type CallPorts } from './calls.js';
import type { FromSubject, SubjectSetup, ToSubject } from './messages.js';

const daemonPort = 12_221;
const rtpenginePorts = [20_000, 39_999] as const;

/** Before all calls are opened these few have packets for a while. */
const [firstCalls, firstSeconds] = [50, 5];

const promised = { native: 0.7, node: 1.6, memoryKb: 150, load: 0.7, delayMs: 6 } as const;

interface Plan {
  readonly calls: number;
  readonly recordedCalls: number;
  readonly seconds: number;
  readonly runs: number;
}

interface Window extends LoadWindow {
  readonly memoryKbPerCall?: number;
  readonly dropped?: Readonly<Record<string, number>>;
  readonly recorderDropped?: number;
}

async function measureOurs(setup: Omit<SubjectSetup, 'parties'>, calls: number, plan: Plan, context: BenchContext): Promise<Window> {
  const { signal } = context;
  return withLoad(signal, async (load, parties) => {
    const subject = start(new URL('./relay-subject.js', import.meta.url));
    const ask = (order: ToSubject): void => void subject.send(order);
    const open = async (count: number): Promise<readonly CallPorts[]> => {
      ask({ kind: 'open', calls: count });
      return (await answerOf<Extract<FromSubject, { kind: 'ready' }>>(subject, signal, 'ready')).calls;
    };
    const counts = (): Promise<Extract<FromSubject, { kind: 'counts' }>> => {
      ask({ kind: 'counts' });
      return answerOf(subject, signal, 'counts');
    };
    try {
      ask({ kind: 'setup', setup: { ...setup, parties } });
      // What all calls need together, code that has become fast above all, is none of any one's.
      await measure(load, subject.pid ?? 0, { calls: await open(firstCalls), seconds: firstSeconds, packetBytes: rtpBytes }, signal);
      const before = await counts();
      const window = await measure(load, subject.pid ?? 0, { calls: await open(calls - firstCalls), seconds: plan.seconds, packetBytes: rtpBytes }, signal);
      const { dropped, recorded, recorderDropped, memory } = await counts();
      return {
        ...window, dropped, recorderDropped,
        // The copies did not come to the load where they were recorded.
        copiesLost: setup.captureDir === undefined ? window.copiesLost : window.sent - (recorded - before.recorded),
        memoryKbPerCall: (memory - before.memory) / 1_024 / (calls - firstCalls),
      };
    } finally {
      await end(subject);
    }
  });
}

async function measureRtpengine(plan: Plan, context: BenchContext): Promise<Window> {
  return withLoad(context.signal, async (load, parties) => {
    const owed: (() => unknown)[] = [];
    const daemon = await startDaemon({ teardown: (close) => owed.push(close) }, daemonPort, rtpenginePorts, ['--num-threads=2', '--log-level=4']);
    const anchor = await openRtpengine({ settings: { nodes: [{ host: '127.0.0.1', port: daemonPort, weight: 1 }], answerWithinMs: 5_000, pingMs: 5_000, decrypt: false }, onChange: () => undefined, onCrash: assert.ifError });
    try {
      const calls = await setUpCalls(anchor, plan.calls, parties, () => Promise.resolve([parties.recorder ?? 0, parties.recorder ?? 0]));
      return await measure(load, daemon.pid, { calls, seconds: plan.seconds, packetBytes: rtpBytes }, context.signal);
    } finally {
      await anchor.close();
      for (const close of owed) await close();
    }
  });
}

function planOf(options: BenchOptions): Plan {
  const number = (name: string, byDefault: number): number => {
    const value = options[name] === undefined ? byDefault : Number(options[name]);
    const least = name.endsWith('calls') ? firstCalls + 1 : 1;
    if (!Number.isInteger(value) || value < least) throw new UsageError(`--${name} wants a whole number of ${least} or more`);
    return value;
  };
  const quick = options['relay-quick'] === true;
  return { calls: number('calls', 500), recordedCalls: number('recorded-calls', 1_000), seconds: number('seconds', quick ? 8 : 15), runs: number('relay-runs', quick ? 1 : 3) };
}

async function run(options: BenchOptions, context: BenchContext): Promise<BenchOutcome> {
  const plan = planOf(options);
  if (loadLibc() === undefined) throw new UsageError('bench relay needs the optional package koffi on 64-bit Linux: its load is made by it');
  const windows: Record<string, Window[]> = {};
  const notes: string[] = [];
  const add = async (name: string, window: () => Promise<Window>): Promise<void> => {
    const measured = await window();
    context.progress(`${name}: ${measured.cpuUs.toFixed(2)} µs a packet, ${measured.lost} lost, p99 ${measured.delayMs.p99.toFixed(2)} ms`);
    (windows[name] ??= []).push(measured);
  };
  if (!rtpengineIsInstalled()) notes.push('rtpengine is not installed (Debian: apt-get install rtpengine-daemon): nothing to compare with');
  for (let turn = 0; turn < plan.runs; turn += 1) {
    await add('native', () => measureOurs({ accelerator: 'auto' }, plan.calls, plan, context));
    await add('node', () => measureOurs({ accelerator: 'off' }, plan.calls, plan, context));
    if (rtpengineIsInstalled()) await add('rtpengine', () => measureRtpengine(plan, context));
  }
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
  try {
    await add('recorded', () => measureOurs({ accelerator: 'auto', captureDir: dir }, plan.recordedCalls, plan, context));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return report(plan, windows, notes);
}

function report(plan: Plan, windows: Readonly<Record<string, readonly Window[]>>, notes: readonly string[]): BenchOutcome {
  const figures = Object.fromEntries(Object.entries(windows).map(([name, all]) => [name, summary(all)]));
  const { native, node, rtpengine, recorded } = figures;
  const ratios: Record<string, number> = {};
  if (rtpengine !== undefined) for (const [name, own] of Object.entries({ native, node })) if (own !== undefined) ratios[`${name}/rtpengine`] = rounded(own.cpuUs / rtpengine.cpuUs);
  const failures: string[] = [];
  const hold = (what: string, value: number | undefined, most: number): void => {
    if (value !== undefined && !(value <= most)) failures.push(`${what}: ${rounded(value, 2)}, at most ${most} is promised`);
  };
  hold('CPU a packet by native calls, to rtpengine', ratios['native/rtpengine'], promised.native);
  hold("CPU a packet by Node's sockets, to rtpengine", ratios['node/rtpengine'], promised.node);
  hold('kB of memory a call', native?.memoryKbPerCall, promised.memoryKb);
  hold(`packets lost of ${plan.recordedCalls} recorded calls`, recorded?.lost, 0);
  hold(`copies lost of ${plan.recordedCalls} recorded calls`, recorded?.copiesLost, 0);
  hold(`share of the machine of ${plan.recordedCalls} recorded calls`, recorded?.machineShare, promised.load);
  hold(`delay at p99 of ${plan.recordedCalls} recorded calls, in ms`, recorded?.delayMs.p99, promised.delayMs);
  const version = spawnSync('rtpengine', ['--version'], { encoding: 'utf8' });
  return {
    figures: { calls: plan.calls, recordedCalls: plan.recordedCalls, ...figures },
    ratios,
    versions: rtpengine === undefined ? {} : { rtpengine: /[\d.]+\d/u.exec(version.stdout + version.stderr)?.[0] ?? 'unknown' },
    tables: [
      {
        title: `${plan.calls} calls relayed and forked; recorded: ${plan.recordedCalls} calls, with the recorder in the same process`,
        columns: ['', 'CPU µs a packet', 'share of the machine', 'with the load', 'lost', 'copies lost', 'delay p50 ms', 'p99', 'max', 'kB a call'],
        rows: Object.entries(figures).map(([name, { cpuUs, machineShare, busyShare, lost, copiesLost, delayMs, memoryKbPerCall }]) => [
          name, cpuUs.toFixed(2), machineShare.toFixed(2), busyShare.toFixed(2), String(lost), String(copiesLost), delayMs.p50.toFixed(2), delayMs.p99.toFixed(2), delayMs.max.toFixed(1), memoryKbPerCall?.toFixed(0) ?? '',
        ]),
      },
    ],
    notes,
    failures,
  };
}

/** Medians of the costs; of losses all. */
function summary(windows: readonly Window[]) {
  const of = (pick: (window: Window) => number): number => rounded(median(windows.map(pick)));
  const sum = (pick: (window: Window) => number): number => windows.reduce((all, window) => all + pick(window), 0);
  const memory = windows.flatMap(({ memoryKbPerCall }) => (memoryKbPerCall === undefined ? [] : [memoryKbPerCall]));
  const dropped = windows.at(-1)?.dropped;
  return {
    cpuUs: of(({ cpuUs }) => cpuUs),
    machineShare: of(({ machineShare }) => machineShare),
    busyShare: of(({ busyShare }) => busyShare),
    lost: sum(({ lost }) => lost),
    copiesLost: sum(({ copiesLost }) => copiesLost),
    delayMs: { p50: of(({ delayMs }) => delayMs.p50), p99: of(({ delayMs }) => delayMs.p99), max: of(({ delayMs }) => delayMs.max) },
    ...(memory.length === 0 ? {} : { memoryKbPerCall: rounded(median(memory)) }),
    ...(dropped === undefined ? {} : { dropped, recorderDropped: windows.at(-1)?.recorderDropped ?? 0 }),
  };
}

export const relay: Bench = {
  name: 'relay',
  summary: 'a relayed and forked packet: CPU, delay and memory, beside rtpengine; and anchored and recorded calls',
  options: { calls: { type: 'string' }, 'recorded-calls': { type: 'string' }, seconds: { type: 'string' }, 'relay-runs': { type: 'string' }, 'relay-quick': { type: 'boolean' } },
  help: [
    '--calls N            relayed and forked at a time (500)',
    '--recorded-calls N   anchored and recorded at a time (1000)',
    '--seconds N          of each window (15)',
    '--relay-runs N       of each, taking turns; the median counts (3)',
    '--relay-quick        one window of 8 s each',
  ],
  run,
};
