/**
 * `npm run bench -- NAME… [options]`: measures, beside peers where there are any. Without a name all run.
 *
 * Standard output has the result and nothing else: a table, or with --json one JSON document. What goes on
 * meanwhile is told on standard error. (`npm run -s`: npm itself prints a heading.) Exit status 1: a bench could not be run, or a promise does not hold.
 */
import { parseArgs } from 'node:util';
import { UsageError, type Bench, type BenchOutcome, type Table } from './bench.js';
import { edge } from './edge/edge-bench.js';
import { failover } from './failover/failover-bench.js';
import { describeMachine } from './machine.js';
import { record } from './record/record-bench.js';
import { relay } from './relay/relay-bench.js';
import { srtp } from './srtp/srtp-bench.js';
import { stitchBench } from './stitch/stitch-bench.js';

/** A machine with nothing else to do stays below. */
const quietLoad = 0.5;

const benches: readonly Bench[] = [edge, relay, srtp, record, stitchBench, failover];

function printTable({ title, columns, rows }: Table): void {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]): string => cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))).join('  ').trimEnd();
  console.log(`\n${title}\n${line(columns)}`);
  for (const row of rows) console.log(line(row));
}

function print(name: string, outcome: BenchOutcome): void {
  console.log(`${name}: ${Object.entries(outcome.versions).map(([program, version]) => `${program} ${version}`).join(', ')}`);
  for (const table of outcome.tables) printTable(table);
  if (Object.keys(outcome.ratios).length > 0) {
    printTable({ title: 'ours to the peer\'s, lower is better', columns: ['', 'ratio'], rows: Object.entries(outcome.ratios).map(([ratio, value]) => [ratio, value.toFixed(2)]) });
  }
  for (const note of outcome.notes) console.log(`\nNote: ${note}`);
  for (const failure of outcome.failures) console.log(`\nFAILED: ${failure}`);
}

function usage(): string {
  return [
    'npm run bench -- [NAME…] [--json] [options of the bench]', '',
    ...benches.flatMap(({ name, summary, help }) => [`${name}: ${summary}`, ...help.map((line) => `  ${line}`)]),
  ].join('\n');
}

const abort = new AbortController();

async function main(): Promise<number> {
  const own: Bench['options'] = Object.fromEntries(benches.flatMap(({ options }) => Object.entries(options)));
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }, ...own },
  });
  if (values.help === true) {
    console.log(usage());
    return 0;
  }
  const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) throw new UsageError(`There is no bench ${unknown.join(', ')}. There are: ${benches.map(({ name }) => name).join(', ')}`);

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      abort.abort(new Error(`ended by ${signal}`));
    });
  }
  const context = { signal: abort.signal, progress: (line: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`) };
  const machine = describeMachine();
  if (machine.loadAverageBefore > quietLoad) context.progress(`the load average is ${machine.loadAverageBefore.toFixed(1)}: what else runs on this machine spoils the figures`);
  const outcomes: Record<string, BenchOutcome> = {};
  for (const bench of benches) {
    if (positionals.length === 0 || positionals.includes(bench.name)) outcomes[bench.name] = await bench.run(values, context);
  }
  if (values.json === true) {
    const told = Object.entries(outcomes).map(([name, { figures, ratios, versions, notes, failures }]) => [name, { figures, ratios, versions, notes, failures }] as const);
    console.log(JSON.stringify({ at: new Date().toISOString(), machine, benches: Object.fromEntries(told) }, null, 2));
  } else {
    console.log(`${machine.cores} cores of ${machine.model}, ${machine.kernel}, node ${machine.node}, load average ${machine.loadAverageBefore.toFixed(1)} before`);
    for (const [name, outcome] of Object.entries(outcomes)) print(name, outcome);
  }
  return Object.values(outcomes).some(({ failures }) => failures.length > 0) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  const isUsage = thrown instanceof UsageError || (thrown instanceof TypeError && 'code' in thrown && String(thrown.code).startsWith('ERR_PARSE_ARGS'));
  console.error(isUsage ? thrown.message : abort.signal.aborted ? String(abort.signal.reason) : thrown);
  process.exitCode = isUsage ? 2 : 1;
}
