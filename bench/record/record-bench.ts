/**
 * `npm run bench -- record`: what a packet costs a recorder, from its socket to its sealed capture, and what stitching and
 * sealing the finished recording adds; beside rtpengine that writes what it relays to pcap. docs/bench.md says how to read it.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openNgClient, type NgClient } from '../../src/anchor/rtpengine/ng-client.js';
import { rtpengineIsInstalled, startDaemon } from '../../src/anchor/rtpengine/daemon.fixture.js';
import { loadLibc } from '../../src/udp/native/libc.js';
import { median, rounded, UsageError, type Bench, type BenchContext, type BenchOptions, type BenchOutcome } from '../bench.js';
import { answerOf, end, measure, rtpBytes, start, withLoad, type LoadWindow } from '../media-load.js';
import { audioSdp, portIn, type CallPorts, type Parties } from '../relay/calls.js';
import type { FromRecorder, RecorderSetup } from './messages.js';

const exec = promisify(execFile);
const finishSubject = fileURLToPath(new URL('./finish-subject.js', import.meta.url));
const daemonPort = 12_231;
/** With the ten octets of an 80-bit tag. */
const srtpBytes = rtpBytes + 10;
const packetsPerCallSecond = 100;
const promised = { native: 2_000, node: 800 } as const;

interface Plan {
  readonly calls: number;
  readonly nodeCalls: number;
  readonly seconds: number;
  readonly runs: number;
  readonly finishedSeconds: number;
}

interface Window extends LoadWindow {
  readonly lostPackets: number;
}

async function measureOurs(setup: Omit<RecorderSetup, 'dir'>, packetBytes: number, { seconds }: Plan, { signal }: BenchContext): Promise<Window> {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
  try {
    return await withLoad(signal, async (load) => {
      const subject = start(new URL('./record-subject.js', import.meta.url));
      try {
        subject.send({ ...setup, dir } satisfies RecorderSetup);
        const { calls } = await answerOf<Extract<FromRecorder, { kind: 'ready' }>>(subject, signal, 'ready');
        const window = await measure(load, subject.pid ?? 0, { calls, seconds, packetBytes }, signal);
        subject.send('counts');
        const { recorded, recorderDropped } = await answerOf<Extract<FromRecorder, { kind: 'counts' }>>(subject, signal, 'counts');
        return { ...window, lostPackets: window.sent - recorded + recorderDropped };
      } finally {
        await end(subject);
      }
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function measureRtpengine({ nodeCalls: count, seconds }: Plan, { signal }: BenchContext): Promise<Window> {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
  const owed: (() => unknown)[] = [];
  try {
    return await withLoad(signal, async (load, parties) => {
      const daemon = await startDaemon({ teardown: (close) => owed.push(close) }, daemonPort, [20_000, 39_999], ['--num-threads=2', '--log-level=4', `--recording-dir=${dir}`, '--recording-method=pcap', '--recording-format=eth']);
      const client = await openNgClient({ host: '127.0.0.1', port: daemonPort }, 10_000);
      owed.push(() => client.close());
      const calls: CallPorts[] = [];
      for (let n = 0; n < count; n += 1) calls.push(await recordedCall(client, `bench-${n}`, parties));
      const window = await measure(load, daemon.pid, { calls, seconds, packetBytes: rtpBytes }, signal);
      return { ...window, lostPackets: window.lost };
    });
  } finally {
    for (const close of owed.reverse()) await close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function recordedCall(client: NgClient, callId: string, { caller, callee }: Parties): Promise<CallPorts> {
  const ask = async (command: string, more: Record<string, string>): Promise<string> => (await client.ask({ command, 'call-id': callId, ...more })).sdp ?? '';
  const forCallee = portIn(await ask('offer', { 'from-tag': 'a', sdp: audioSdp(caller), ICE: 'remove' }));
  const forCaller = portIn(await ask('answer', { 'from-tag': 'a', 'to-tag': 'b', sdp: audioSdp(callee), ICE: 'remove' }));
  await ask('start recording', {});
  return { forCaller, forCallee };
}

async function finishCost(how: 'plain' | 'srtp', accelerator: 'auto' | 'off', seconds: number, signal: AbortSignal): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
  try {
    const { stdout } = await exec(process.execPath, [finishSubject, dir, how, String(seconds), accelerator], { signal });
    const { cpuUs, state } = JSON.parse(stdout) as { cpuUs: number; state: string };
    if (state !== 'complete') throw new Error(`the recording of the bench is ${state}`);
    return cpuUs;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function planOf(options: BenchOptions): Plan {
  const number = (name: string, byDefault: number): number => {
    const value = options[name] === undefined ? byDefault : Number(options[name]);
    if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} wants a whole number of 1 or more`);
    return value;
  };
  const quick = options['record-quick'] === true;
  return { calls: number('record-calls', 2_000), nodeCalls: number('record-node-calls', 1_000), seconds: quick ? 8 : 15, runs: quick ? 1 : 3, finishedSeconds: quick ? 120 : 1_200 };
}

async function run(options: BenchOptions, context: BenchContext): Promise<BenchOutcome> {
  const plan = planOf(options);
  if (loadLibc() === undefined) throw new UsageError('bench record needs the optional package koffi on 64-bit Linux: its load is made by it');
  const windows: Record<string, Window[]> = {};
  const finishing: Record<string, number[]> = {};
  const notes: string[] = [];
  const add = async (name: string, window: Promise<Window>): Promise<void> => {
    const measured = await window;
    context.progress(`${name}: ${measured.cpuUs.toFixed(2)} µs a packet, ${measured.lostPackets} lost`);
    (windows[name] ??= []).push(measured);
  };
  const finish = async (name: string, how: 'plain' | 'srtp', accelerator: 'auto' | 'off'): Promise<void> => {
    const cpuUs = await finishCost(how, accelerator, plan.finishedSeconds, context.signal);
    context.progress(`${name}: ${cpuUs.toFixed(2)} µs a packet to stitch and seal`);
    (finishing[name] ??= []).push(cpuUs);
  };
  if (!rtpengineIsInstalled()) notes.push('rtpengine is not installed (Debian: apt-get install rtpengine-daemon): nothing to compare with');
  for (let turn = 0; turn < plan.runs; turn += 1) {
    await add('plain', measureOurs({ accelerator: 'auto', calls: plan.calls }, rtpBytes, plan, context));
    await add('SRTP', measureOurs({ accelerator: 'auto', calls: plan.calls }, srtpBytes, plan, context));
    await add('SRTP, without koffi', measureOurs({ accelerator: 'off', calls: plan.nodeCalls }, srtpBytes, plan, context));
    if (rtpengineIsInstalled()) await add('rtpengine, pcap', measureRtpengine(plan, context));
    await finish('plain', 'plain', 'auto');
    await finish('SRTP', 'srtp', 'auto');
    await finish('SRTP, without koffi', 'srtp', 'off');
  }
  return report(plan, windows, finishing, notes);
}

function report(plan: Plan, windows: Readonly<Record<string, readonly Window[]>>, finishing: Readonly<Record<string, readonly number[]>>, notes: readonly string[]): BenchOutcome {
  const callsPerCore = (cpuUs: number): number => Math.round(1e6 / (cpuUs * packetsPerCallSecond));
  const figures = Object.fromEntries(
    Object.entries(windows).map(([name, all]) => {
      const liveUs = rounded(median(all.map(({ cpuUs }) => cpuUs)));
      const finishUs = finishing[name] === undefined ? undefined : rounded(median(finishing[name]));
      return [name, {
        liveUs,
        callsPerCore: callsPerCore(liveUs),
        ...(finishUs === undefined ? {} : { finishUs, callsPerCoreFinished: callsPerCore(liveUs + finishUs) }),
        lost: all.reduce((sum, { lostPackets }) => sum + lostPackets, 0),
      }] as const;
    }),
  );
  const peer = figures['rtpengine, pcap'];
  const ratios = peer === undefined ? {} : Object.fromEntries(Object.entries(figures).filter(([name]) => name !== 'rtpengine, pcap').map(([name, { liveUs }]) => [`${name}/rtpengine, pcap`, rounded(liveUs / peer.liveUs)]));
  const failures: string[] = [];
  const hold = (name: string, least: number): void => {
    const figure = figures[name];
    if (figure === undefined) return;
    if (figure.callsPerCore < least) failures.push(`${name}: ${figure.callsPerCore} calls a core, at least ${least} are promised`);
    if (figure.lost > 0) failures.push(`${name}: ${figure.lost} packets were lost`);
  };
  hold('SRTP', promised.native);
  hold('SRTP, without koffi', promised.node);
  const version = spawnSync('rtpengine', ['--version'], { encoding: 'utf8' });
  return {
    figures: { calls: plan.calls, nodeCalls: plan.nodeCalls, ...figures },
    ratios,
    versions: peer === undefined ? {} : { rtpengine: /[\d.]+\d/u.exec(version.stdout + version.stderr)?.[0] ?? 'unknown' },
    tables: [
      {
        title: `${plan.calls} calls recorded at a time, ${plan.nodeCalls} without koffi and by rtpengine, which relays them as well`,
        columns: ['', 'CPU µs a packet', 'calls a core', 'µs to stitch and seal', 'calls a core with that', 'lost'],
        rows: Object.entries(figures).map(([name, figure]) => [name, figure.liveUs.toFixed(2), String(figure.callsPerCore), figure.finishUs?.toFixed(2) ?? '', String(figure.callsPerCoreFinished ?? ''), String(figure.lost)]),
      },
    ],
    notes,
    failures,
  };
}

export const record: Bench = {
  name: 'record',
  summary: 'a recorded packet from its socket to its sealed capture, and to its sealed recording; beside rtpengine writing pcap',
  options: { 'record-calls': { type: 'string' }, 'record-node-calls': { type: 'string' }, 'record-quick': { type: 'boolean' } },
  help: [
    '--record-calls N       at a time (2000)',
    '--record-node-calls N  without koffi, and by rtpengine (1000)',
    '--record-quick         one window of 8 s each, and a recording of two minutes',
  ],
  run,
};
