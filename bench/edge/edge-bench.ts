/**
 * `npm run bench -- edge`: what calls through the embedded edge cost and how many it carries, beside Kamailio
 * and, where one is reachable, drachtio-server. docs/bench.md says how to read it.
 */
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { sippIsInstalled } from '../../sip-tests/support/sipp.js';
import { rounded, UsageError, type Bench, type BenchContext, type BenchOptions, type BenchOutcome, type Figure } from '../bench.js';
import { measureCpu, type CpuFigures, type CpuPlan } from './cpu-per-call.js';
import { kamailioVersion, openKamailio } from './kamailio.js';
import { openOwnSubject } from './own-subject.js';
import { takePort } from './ports.js';
import { shapes, type Shape, type Subject, type SubjectName, type SubjectOptions } from './shapes.js';

const subjectNames: readonly SubjectName[] = ['twintrack', 'kamailio'];

async function run(options: BenchOptions, context: BenchContext): Promise<BenchOutcome> {
  if (!sippIsInstalled()) throw new UsageError('bench edge needs SIPp: on Debian, apt-get install sip-tester');
  const only = [options['only'] ?? []].flat().flatMap((names) => String(names).split(','));
  const known: readonly string[] = [...shapes.map(({ name }) => name), ...subjectNames];
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new UsageError(`--only takes ${known.join(', ')}; not ${unknown.join(', ')}`);
  const pick = <T extends string>(all: readonly T[]): readonly T[] => (all.some((name) => only.includes(name)) ? all.filter((name) => only.includes(name)) : all);
  const number = (name: string, otherwise: number): number => {
    const value = options[name] === undefined ? otherwise : Number(options[name]);
    if (!(value > 0)) throw new UsageError(`--${name} takes a number above 0`);
    return value;
  };
  const quick = options['quick'] === true;
  const profileDir = options['profile'] === undefined ? undefined : resolve(String(options['profile']));
  if (profileDir !== undefined) mkdirSync(profileDir, { recursive: true });
  const plan: CpuPlan = { rate: number('rate', 100), windowSeconds: number('seconds', quick ? 5 : 20), warmUpSeconds: quick ? 4 : 10, runs: number('runs', quick ? 1 : 3), profileDir };

  const kamailio = kamailioVersion();
  const notes: string[] = [];
  let wanted = pick(subjectNames);
  if (kamailio === undefined && wanted.includes('kamailio')) {
    notes.push('Kamailio is not installed, so there is no peer and no ratio: on Debian, apt-get install kamailio.');
    wanted = wanted.filter((name) => name !== 'kamailio');
  }
  const figures: Record<string, Record<string, Figure>> = {};
  const ratios: Record<string, number> = {};
  const rows: string[][] = [];
  const failures: string[] = [];
  const wantedShapes = pick(shapes.map(({ name }) => name));
  for (const shape of shapes.filter(({ name }) => wantedShapes.includes(name))) {
    const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
    const subjects: Subject[] = [];
    try {
      const calleePort = takePort();
      for (const name of wanted) {
        const subject = await open(name, shape, { mode: shape.mode, calleePort, dir });
        if (subject !== undefined) subjects.push(subject);
      }
      const cpu = await measureCpu(subjects, shape, calleePort, dir, plan, context);
      figures[shape.name] = Object.fromEntries([...cpu].map(([name, measured]) => [name, { cpu: measured as unknown as Figure }]));
      for (const [name, measured] of cpu) {
        rows.push([shape.name, name, measured.cpuMsPerCall.toFixed(2), ...summary(measured)]);
        for (const { failed, objections } of measured.runs) if (failed > 0) failures.push(`${shape.name} ${name}: ${failed} calls failed at ${plan.rate} a second: ${objections}`);
      }
      const [ours, peer] = [cpu.get('twintrack'), cpu.get('kamailio')];
      if (ours !== undefined && peer !== undefined) ratios[`${shape.name} CPU a call, to kamailio`] = rounded(ours.cpuMsPerCall / peer.cpuMsPerCall);
    } finally {
      for (const subject of subjects.toReversed()) await subject.close();
      await rm(dir, { recursive: true, force: true });
    }
  }
  return {
    figures, ratios, notes, failures,
    versions: { sipp: sippVersion(), ...(kamailio === undefined ? {} : { kamailio }) },
    tables: [{ title: `CPU a call at ${plan.rate} calls a second`, columns: ['', 'carried by', 'ms', 'application', 'edge', 'SIPp', 'failed', 'repeated', 'MB'], rows }],
  };
}

function summary({ runs }: CpuFigures): string[] {
  const run = runs.at(-1);
  if (run === undefined) return [];
  return [run.applicationThreadMs.toFixed(2), run.busiestOtherThreadMs.toFixed(2), run.loadMsPerCall.toFixed(2), String(run.failed), String(run.retransmissions), (run.memoryBytes / 1e6).toFixed(0)];
}

async function open(name: SubjectName, shape: Shape, options: SubjectOptions): Promise<Subject | undefined> {
  switch (name) {
    case 'twintrack':
    case 'drachtio':
      return openOwnSubject(options);
    case 'kamailio':
      return shape.mode === 'proxied' ? openKamailio(options) : undefined;
  }
}

const sippVersion = (): string => /SIPp (\S+?)\.?\s/.exec(spawnSync('sipp', ['-v'], { encoding: 'utf8' }).stdout)?.[1] ?? 'unknown';

export const edge: Bench = {
  name: 'edge',
  summary: 'calls through the embedded edge: CPU a call',
  options: {
    only: { type: 'string', multiple: true },
    rate: { type: 'string' },
    seconds: { type: 'string' },
    runs: { type: 'string' },
    quick: { type: 'boolean' },
    profile: { type: 'string' },
  },
  help: [
    `--only NAME,…    a part: ${[...shapes.map(({ name }) => name), ...subjectNames].join(', ')}`,
    '--rate N         calls a second for CPU a call (100)',
    '--seconds N      length of a window (20); --runs N: how many, alternating (3)',
    '--quick          one short window each',
    '--profile DIR    leaves a CPU profile of each thread of the subject in DIR',
  ],
  run,
};
