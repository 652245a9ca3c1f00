/** What a benchmark is to the runner, and what it hands back. */
import type { ParseArgsConfig } from 'node:util';

export type Figure = number | string | boolean | null | readonly Figure[] | { readonly [name: string]: Figure };

/** For people: what --json says in full, in short. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface BenchOutcome {
  readonly figures: { readonly [name: string]: Figure };
  /** Ours to a peer's in the same run; lower is better in all of them. */
  readonly ratios: Readonly<Record<string, number>>;
  /** Versions of the programs it used, beside those of the machine. */
  readonly versions: Readonly<Record<string, string>>;
  readonly tables: readonly Table[];
  /** What was left out and why. */
  readonly notes: readonly string[];
  /** What was promised and does not hold; the exit status is 1 when there is any. */
  readonly failures: readonly string[];
}

export interface BenchContext {
  /** One line about what goes on; never on standard output. */
  readonly progress: (line: string) => void;
  /** Aborted when the run is to end early; the bench then closes what it has opened and rejects. */
  readonly signal: AbortSignal;
}

/** The values that parseArgs gives for `options`. */
export type BenchOptions = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

export interface Bench {
  readonly name: string;
  readonly summary: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** One line for each option. */
  readonly help: readonly string[];
  /** Throws UsageError, before anything is started, when an option or a program it needs is wrong. */
  run(options: BenchOptions, context: BenchContext): Promise<BenchOutcome>;
}

/** What the one at the keyboard has to put right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
};

export const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));
