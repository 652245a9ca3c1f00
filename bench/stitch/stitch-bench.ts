/**
 * `npm run bench -- stitch`: an hour's call from its capture to a sealed recording, beside sox that merges two files which
 * are ready; FLAC and Opus beside flac and opusenc. docs/bench.md says how to read it.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, rounded, UsageError, type Bench, type BenchContext, type BenchOptions, type BenchOutcome, type Figure } from '../bench.js';
import { writeCall } from './call-capture.js';

const exec = promisify(execFile);
const subject = fileURLToPath(new URL('./stitch-subject.js', import.meta.url));
/** Opus costs a minute of CPU for an hour: less of it is measured. */
const opusShare = 0.1;
const mostMemoryMb = 100;

interface Used {
  readonly cpuSeconds: number;
  readonly memoryMb?: number;
  readonly bytes?: number;
}

async function ours(signal: AbortSignal, ...args: string[]): Promise<Required<Used>> {
  return JSON.parse((await exec(process.execPath, [subject, ...args], { signal })).stdout) as Required<Used>;
}

/** A program's user and system time, as bash counts it. */
async function theirs(signal: AbortSignal, program: string, ...args: string[]): Promise<Used> {
  const { stderr } = await exec('bash', ['-c', 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1', 'bash', program, ...args], { signal });
  const [user = 0, system = 0] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  return { cpuSeconds: user + system };
}

const installed = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

function plan(options: BenchOptions): { seconds: number; runs: number } {
  const [seconds, runs] = [Number(options['call-seconds'] ?? 3_600), Number(options['stitch-runs'] ?? 3)];
  if (!(seconds >= 60 && Number.isInteger(seconds / 60))) throw new UsageError('--call-seconds is a number of whole minutes, in seconds');
  if (!(Number.isInteger(runs) && runs >= 1)) throw new UsageError('--stitch-runs is a whole number');
  return { seconds, runs };
}

async function run(options: BenchOptions, { signal, progress }: BenchContext): Promise<BenchOutcome> {
  const { seconds, runs } = plan(options);
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
  const shortDir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
  const cpu = new Map<string, number[]>();
  let [memoryMb, wavBytes] = [0, 0];
  const take = (name: string, used: Used): void => {
    cpu.set(name, [...(cpu.get(name) ?? []), used.cpuSeconds]);
    progress(`${name}: ${used.cpuSeconds.toFixed(2)} s`);
  };
  const notes: string[] = ['sox', 'flac', 'opusenc'].filter((program) => !installed(program)).map((program) => `there is no ${program}: it is left out (Debian: sox, flac, opus-tools)`);
  const file = (name: string): string => join(dir, name);
  const short = join(shortDir, 'both.wav');
  try {
    progress(`a call of ${seconds} s is captured`);
    await writeCall(dir, seconds);
    await writeCall(shortDir, Math.max(60, Math.round((seconds * opusShare) / 60) * 60));
    for (let turn = 0; turn < runs; turn += 1) {
      const stitched = await ours(signal, 'stitch', dir, 'wav');
      take('stitch', stitched);
      memoryMb = Math.max(memoryMb, stitched.memoryMb);
      wavBytes = stitched.bytes;
      take('unseal', await ours(signal, 'unseal', dir));
      take('seal', await ours(signal, 'seal', dir, String(wavBytes)));
      if (installed('sox')) take('sox', await theirs(signal, 'sox', '-M', file('left.wav'), file('right.wav'), file('merged.wav')));
      take('flac, ours', await ours(signal, 'encode', file('both.wav'), 'flac'));
      if (installed('flac')) take('flac', await theirs(signal, 'flac', '--force', '-o', file('both.flac'), file('both.wav')));
      take('opus, ours', await ours(signal, 'encode', short, 'opus'));
      if (installed('opusenc')) take('opusenc', await theirs(signal, 'opusenc', short, join(shortDir, 'both.opus')));
    }
  } finally {
    await Promise.all([dir, shortDir].map((folder) => rm(folder, { recursive: true, force: true })));
  }
  return report(new Map([...cpu].map(([name, all]) => [name, rounded(median(all), 2)])), { memoryMb: rounded(memoryMb, 1), seconds, notes });
}

function report(cpu: Map<string, number>, { memoryMb, seconds, notes }: { memoryMb: number; seconds: number; notes: readonly string[] }): BenchOutcome {
  const alone = rounded(Math.max(0, (cpu.get('stitch') ?? 0) - (cpu.get('unseal') ?? 0) - (cpu.get('seal') ?? 0)), 2);
  cpu.set('stitch alone', alone);
  const ratios: Record<string, number> = {};
  const compare = (name: string, own: string, peer: string): void => {
    const [ownCpu, peerCpu] = [cpu.get(own), cpu.get(peer)];
    if (ownCpu !== undefined && peerCpu !== undefined && peerCpu > 0) ratios[name] = rounded(ownCpu / peerCpu, 2);
  };
  compare('stitch alone/sox', 'stitch alone', 'sox');
  compare('stitch, unseal and seal/sox', 'stitch', 'sox');
  compare('flac/flac', 'flac, ours', 'flac');
  compare('opus/opusenc', 'opus, ours', 'opusenc');
  const failures = memoryMb > mostMemoryMb ? [`${memoryMb} MB of memory, at most ${mostMemoryMb} are promised`] : [];
  if ((ratios['stitch alone/sox'] ?? 0) > 1) failures.push(`stitching takes ${String(ratios['stitch alone/sox'])} times sox's CPU, no more than sox is promised`);
  const figures: Record<string, Figure> = { callSeconds: seconds, memoryMb, cpuSeconds: Object.fromEntries(cpu) };
  return {
    figures, ratios, versions: {}, notes, failures,
    tables: [{ title: `CPU seconds for a call of ${seconds} s (Opus: a tenth of it); the most memory ${memoryMb} MB`, columns: ['', 'CPU s'], rows: [...cpu].map(([name, used]) => [name, used.toFixed(2)]) }],
  };
}

export const stitchBench: Bench = {
  name: 'stitch',
  summary: 'a call from its capture to a sealed recording, beside sox; FLAC and Opus, beside flac and opusenc',
  options: { 'call-seconds': { type: 'string' }, 'stitch-runs': { type: 'string' } },
  help: ['--call-seconds N   length of the call, whole minutes (default 3600)', '--stitch-runs N    turns (default 3)'],
  run,
};
