/** Figures, ratios, tables and failures out of what was measured. Pure. */
import { rounded, type BenchOutcome, type Figure, type Table } from '../bench.js';
import type { CpuFigures } from './cpu-per-call.js';
import type { DialogMemory } from './dialog-memory.js';
import type { HighestRate } from './highest-rate.js';
import type { Overload } from './overload.js';
import type { Plan } from './plan.js';
import type { Soak } from './soak.js';

export interface Measured {
  readonly cpu?: CpuFigures;
  readonly highest?: HighestRate;
  readonly overload?: Overload;
  readonly memory?: DialogMemory;
  readonly soak?: Soak;
}

/** By subject. */
export type ShapeFigures = Record<string, Measured>;

type Row = readonly [shape: string, subject: string, measured: Measured];

/** The least of the highest rate that still completes at twice that rate. */
const overloadShare = 0.9;
/** What an overloaded subject may take at most. */
const overloadMemoryBytes = 1 << 30;

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

function ratiosOf(figures: Readonly<Record<string, ShapeFigures>>): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const [shape, bySubject] of Object.entries(figures)) {
    const ours = bySubject['twintrack'];
    for (const [name, peer] of Object.entries(bySubject)) {
      if (ours === undefined || name === 'twintrack') continue;
      const add = (what: string, mine: number | undefined, theirs: number | undefined): void => {
        if (mine !== undefined && theirs !== undefined && Number.isFinite(mine / theirs)) ratios[`${shape} ${what}, twintrack to ${name}`] = rounded(mine / theirs);
      };
      add('CPU a call', ours.cpu?.cpuMsPerCall, peer.cpu?.cpuMsPerCall);
      // A rate the other way round, so that lower is better here as well.
      add('time a call at the highest rate', 1 / (ours.highest?.rate ?? Number.NaN) || undefined, 1 / (peer.highest?.rate ?? Number.NaN) || undefined);
      add('memory an open call', ours.memory?.residentBytesPerCall, peer.memory?.residentBytesPerCall);
    }
  }
  return ratios;
}

function failuresOf([shape, subject, { cpu, highest, overload, soak }]: Row): string[] {
  const what = `${shape} ${subject}`;
  const failures: string[] = [];
  for (const { failed, refused, objections } of cpu?.runs ?? []) {
    if (failed + refused > 0) failures.push(`${what}: ${failed} calls failed and ${refused} were refused at the moderate rate: ${objections}`);
  }
  if (highest?.rate === 0) failures.push(`${what}: at no rate all calls completed`);
  // The promises are ours; peers have made none.
  if (subject !== 'twintrack') return failures;
  if (overload !== undefined) {
    const { completedShareOfHighest, memoryPeakBytes, recovery } = overload;
    if (completedShareOfHighest < overloadShare) failures.push(`${what}: at twice its highest rate only ${Math.round(completedShareOfHighest * 100)} % of that rate completed`);
    if (memoryPeakBytes > overloadMemoryBytes) failures.push(`${what}: took ${megabytes(memoryPeakBytes)} MB when overloaded`);
    if (recovery.completed < recovery.placed) failures.push(`${what}: after the overload ${recovery.completed} of ${recovery.placed} calls completed at half its highest rate`);
  }
  for (const failure of soak?.failures ?? []) failures.push(`${what}: ${failure}`);
  return failures;
}

function tablesOf(rows: readonly Row[], plan: Plan): Table[] {
  const table = <Part>(title: string, columns: readonly string[], part: (measured: Measured) => Part | undefined, cells: (measured: Part) => readonly string[]): Table[] => {
    const filled = rows.flatMap(([shape, subject, measured]) => {
      const own = part(measured);
      return own === undefined ? [] : [[`${shape} ${subject}`, ...cells(own)]];
    });
    return filled.length === 0 ? [] : [{ title, columns: ['', ...columns], rows: filled }];
  };
  return [
    ...table(`CPU milliseconds a call, at ${plan.cpu?.rate ?? 0} calls a second (median of ${plan.cpu?.runs ?? 0}; threads, SIPp and the rest: last run)`,
      ['CPU', 'application', 'edge', 'SIPp', 'failed', 'repeated', 'MB'], ({ cpu }) => cpu, ({ cpuMsPerCall, runs }) => {
        const run = runs.at(-1);
        if (run === undefined) return [];
        const { threads, loadMsPerCall, failed, refused, retransmissions, memoryBytes } = run;
        return [
          cpuMsPerCall.toFixed(2), threads === undefined ? '' : threads.applicationMs.toFixed(2), threads === undefined ? '' : threads.edgeMs.toFixed(2),
          loadMsPerCall.toFixed(2), String(failed + refused), String(retransmissions), megabytes(memoryBytes),
        ];
      }),
    ...table('Highest rate without a failed call, calls a second', ['rate', 'limited by', 'CPU ms a call', 'repeated', 'tries'], ({ highest }) => highest, ({ rate, limitedBy, tries }) => {
      const held = tries.findLast((tried) => tried.rate === rate && tried.held);
      return [String(rate), limitedBy, held?.cpuMsPerCall.toFixed(2) ?? '', String(held?.retransmissions ?? ''), String(tries.length)];
    }),
    ...table('At twice the highest rate', ['placed/s', 'completed/s', 'of highest', '503', 'failed', 'cores', 'SIPp cores', 'MB before', 'MB at most', 'after it'], ({ overload }) => overload, (overload) => [
      String(overload.placedRate), String(overload.completedPerSecond), `${Math.round(overload.completedShareOfHighest * 100)} %`, String(overload.refused), String(overload.failed),
      overload.subjectCores.toFixed(2), overload.loadCores.toFixed(2), megabytes(overload.memoryBeforeBytes), megabytes(overload.memoryPeakBytes), `${overload.recovery.completed} of ${overload.recovery.placed}`,
    ]),
    ...table('Memory an open back-to-back call (two dialogs), kB', ['resident', 'heap', 'heap a dialog', 'calls'], ({ memory }) => memory, (memory) => [
      (memory.residentBytesPerCall / 1e3).toFixed(1), (memory.heapBytesPerCall / 1e3).toFixed(1), (memory.heapBytesPerDialog / 1e3).toFixed(1), memory.readings.map(({ calls }) => calls).join(' → '),
    ]),
    ...table('Soak', ['minutes', 'calls/s', 'calls', 'failed', 'heap MB', 'growth', 'resident MB', 'growth', 'left'], ({ soak }) => soak, (soak) => [
      String(soak.minutes), String(soak.rate), String(soak.placed), String(soak.failed + soak.refused), megabytes(soak.heapStartBytes), (soak.heapGrowthBytes / 1e6).toFixed(1),
      megabytes(soak.residentStartBytes), (soak.residentGrowthBytes / 1e6).toFixed(1), String(soak.transactionsLeft + soak.dialogsLeft),
    ]),
  ];
}

export function report(figures: Readonly<Record<string, ShapeFigures>>, plan: Plan): Pick<BenchOutcome, 'figures' | 'ratios' | 'tables' | 'failures'> {
  const rows = Object.entries(figures).flatMap(([shape, bySubject]) => Object.entries(bySubject).map(([subject, measured]): Row => [shape, subject, measured]));
  return {
    figures: figures as unknown as Readonly<Record<string, Figure>>,
    ratios: ratiosOf(figures),
    tables: tablesOf(rows, plan),
    failures: rows.flatMap(failuresOf),
  };
}
