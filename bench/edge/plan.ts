/** What is measured, out of the options: which shapes, subjects and measures, how long and how finely. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError, type BenchOptions } from '../bench.js';
import type { CpuPlan } from './cpu-per-call.js';
import type { MemoryPlan } from './dialog-memory.js';
import type { HighestPlan } from './highest-rate.js';
import type { OverloadPlan } from './overload.js';
import { shapes, type Shape, type SubjectName } from './shapes.js';
import { giveUpMs } from './sipp-end.js';
import { subjectNames } from './subjects.js';

export const measures = ['cpu', 'highest', 'overload', 'memory'] as const;
export type Measure = (typeof measures)[number];

export interface Plan {
  readonly shapes: readonly Shape[];
  readonly subjects: readonly SubjectName[];
  readonly cpu: CpuPlan | undefined;
  readonly highest: HighestPlan | undefined;
  /** Taken for the highest rate, in place of a search. */
  readonly knownHighest: number | undefined;
  readonly overload: OverloadPlan | undefined;
  readonly memory: MemoryPlan | undefined;
  readonly soakMinutes: number | undefined;
  /** For these shapes the highest rate is searched and exceeded. */
  readonly pushed: readonly Shape[];
  /** Whether the highest rate of peers is searched, too. */
  readonly pushPeers: boolean;
}

export const optionsOfEdge = {
  only: { type: 'string', multiple: true },
  rate: { type: 'string' },
  seconds: { type: 'string' },
  runs: { type: 'string' },
  highest: { type: 'string' },
  soak: { type: 'string' },
  quick: { type: 'boolean' },
  profile: { type: 'string' },
} as const;

/** Past 64 T1, after which everybody has given up. */
const patientMs = giveUpMs + 5_000;

const shapeNames = shapes.map(({ name }) => name);

export const helpOfEdge: readonly string[] = [
  `--only NAME,…    a part: ${[...shapeNames, ...subjectNames, ...measures].join(', ')}`,
  '--rate N         only CPU a call, at N calls a second (100)',
  '--seconds N      length of its windows (20); --runs N: how many, in turns (3)',
  '--profile DIR    only CPU a call of twintrack, and a CPU profile of each of its threads in DIR',
  '--highest N      takes N for the highest rate in place of searching it: for overload and soak',
  '--soak MINUTES   only that: half the highest rate for so long; fails when memory grows',
  '--quick          short and coarse, below two minutes: CPU a call of all, twintrack at its limit with proxied-udp',
];

/** Throws UsageError. */
export function planOf(options: BenchOptions): Plan {
  const names = [options['only'] ?? []].flat().flatMap((each) => String(each).split(','));
  const known: readonly string[] = [...shapeNames, ...subjectNames, ...measures];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new UsageError(`--only takes ${known.join(', ')}; not ${unknown.join(', ')}`);
  const some = <Name extends string>(all: readonly Name[], otherwise: readonly Name[] = all): readonly Name[] => {
    const named = all.filter((name) => names.includes(name));
    return named.length > 0 ? named : otherwise;
  };
  const number = (name: string): number | undefined => {
    if (options[name] === undefined) return undefined;
    const value = Number(options[name]);
    if (!(value > 0)) throw new UsageError(`--${name} takes a number above 0, not ${String(options[name])}`);
    return value;
  };
  const quick = options['quick'] === true;
  const rate = number('rate');
  const soakMinutes = number('soak');
  const knownHighest = number('highest');
  const profileDir = options['profile'] === undefined ? undefined : resolve(String(options['profile']));
  if (profileDir !== undefined) mkdirSync(profileDir, { recursive: true });

  const usual: readonly Measure[] =
    soakMinutes !== undefined ? [] :
    rate !== undefined || profileDir !== undefined ? ['cpu'] :
    knownHighest !== undefined ? ['overload'] :
    quick ? ['cpu', 'highest', 'overload'] : measures;
  const wanted = some(measures, usual);
  const searched = knownHighest === undefined && (wanted.includes('highest') || wanted.includes('overload') || soakMinutes !== undefined);
  const wantedShapes = some(shapeNames);
  const shaped = shapes.filter(({ name }) => wantedShapes.includes(name));
  return {
    shapes: shaped,
    subjects: some(subjectNames, profileDir === undefined ? subjectNames : ['twintrack']),
    cpu: wanted.includes('cpu')
      ? { rate: rate ?? 100, windowSeconds: number('seconds') ?? (quick ? 3 : 20), warmUpSeconds: quick ? 2 : 10, runs: number('runs') ?? (quick ? 1 : 3), profileDir }
      : undefined,
    highest: !searched ? undefined : quick
      ? { startRate: 800, factor: 2, fineness: 0.5, ceiling: 4_000, stepSeconds: 4, confirmSeconds: 0, chances: 1, drainMs: 3_000 }
      : { startRate: 200, factor: 1.5, fineness: 0.05, ceiling: 4_000, stepSeconds: 15, confirmSeconds: 45, chances: 2, drainMs: patientMs },
    knownHighest,
    overload: wanted.includes('overload') ? { seconds: quick ? 6 : 30, recoverySeconds: quick ? 4 : 10, drainMs: quick ? 3_000 : patientMs } : undefined,
    memory: wanted.includes('memory') ? { calls: quick ? [500, 2_000] : [2_000, 10_000], rate: 100 } : undefined,
    soakMinutes,
    pushPeers: !quick,
    pushed: quick && !names.some((name) => (shapeNames).includes(name)) ? shaped.filter(({ name }) => name === 'proxied-udp') : shaped,
  };
}
