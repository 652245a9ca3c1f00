/**
 * `npm run fuzz [-- NAME…] [--not NAME] [--seconds N] [--count N] [--runs N] [--seed N] [--json]`: mutated input
 * for every parser that takes what strangers send, and for the whole edge (`edge`), and recorders that fail at
 * random while calls run (`failover`). Without names all, or all but those of `--not`; without `--seconds` five
 * for a parser, sixty for the edge and twenty for failover; `--count` stops the edge after so many messages
 * instead, `--runs` failover after so many schedules. Fails on a throw, a broken promise of a target, or an input that takes too long; the input
 * is left in a file, and so is what happened in a schedule.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzzEdge } from './edge/fuzz-edge.js';
import { fuzzFailover } from './failover.js';
import { mutate, randomFrom } from './mutate.js';
import type { Target } from './target.js';
import { targets } from './targets.js';

/** An input of at most 70 kB that keeps a core busy this long would let one datagram stop the calls. */
const slowestMs = 500;

interface Outcome {
  readonly target: string;
  readonly inputs: number;
  readonly seconds: number;
  readonly slowestMs: number;
  /** What went wrong and with which input; absent when nothing did. */
  readonly failure?: { readonly message: string; readonly file: string };
}

async function fuzz(name: string, target: Target, seconds: number, seed: number): Promise<Outcome> {
  const random = randomFrom(seed);
  const startedAt = performance.now();
  let inputs = 0;
  let slowest = 0;
  let before = startedAt;
  while (before - startedAt < seconds * 1_000) {
    const input = mutate(target, random);
    const outcome = (failure: Error) => keep(name, input, failure).then((file) => ({ target: name, inputs, seconds: (performance.now() - startedAt) / 1_000, slowestMs: slowest, failure: { message: failure.message, file } }));
    try {
      const running = target.run(input);
      if (running !== undefined) await running;
    } catch (error) {
      return outcome(error instanceof Error ? error : new Error(String(error)));
    }
    const now = performance.now();
    slowest = Math.max(slowest, now - before);
    inputs += 1;
    if (now - before > slowestMs) return outcome(new Error(`an input of ${input.length} bytes took ${Math.round(now - before)} ms`));
    before = now;
  }
  return { target: name, inputs, seconds: (before - startedAt) / 1_000, slowestMs: slowest };
}

async function keep(name: string, input: Buffer | string, failure: Error): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'twintrack-fuzz-')), name);
  await writeFile(file, input);
  await writeFile(`${file}.txt`, failure.stack ?? failure.message);
  return file;
}

/** The whole edge: the outcome, and the rest of its figures in words. */
async function edge(seconds: number, count: number, seed: number): Promise<{ readonly outcome: Outcome; readonly words: string }> {
  const { failure, messages, mutated, invites, grownBytes, ...times } = await fuzzEdge(seconds, count, seed);
  const words = `, ${mutated} mutated, ${invites} calls, ${Math.round(messages / times.seconds)} a second, heap ${grownBytes < 0 ? '-' : '+'}${Math.round(Math.abs(grownBytes) / 1_024)} kB`;
  const outcome = { target: 'edge', inputs: messages, ...times };
  if (failure === undefined) return { outcome, words };
  const message = `${failure.message}\n  again: npm run fuzz -- edge --seed ${failure.seed} --count ${failure.count}`;
  const file = await keep('edge', Buffer.from(failure.inputs.map((input, i) => `== ${i + 1}\n${input}\n`).join(''), 'latin1'), new Error(message));
  return { outcome: { ...outcome, failure: { message, file } }, words };
}

/** The recording of calls while recorders fail, likewise. */
async function failover(seconds: number, runs: number, seed: number): Promise<{ readonly outcome: Outcome; readonly words: string }> {
  const { failure, runs: done, calls, packets, dropped, left, takenOver, ...times } = await fuzzFailover(seconds, runs, seed, (line) => void process.stderr.write(`failover: ${line}\n`));
  const words = `, ${calls} calls, ${takenOver} taken over, ${packets} packets, ${dropped} of them lost for want of a recorder, ${left} at the end of their calls`;
  const outcome = { target: 'failover', inputs: done, ...times };
  if (failure === undefined) return { outcome, words };
  const message = `${failure.message}\n  again: npm run fuzz -- failover --seed ${failure.seed} --runs 1`;
  const file = await keep('failover', failure.trace.join('\n'), new Error(message));
  return { outcome: { ...outcome, failure: { message, file } }, words };
}

/** What stands beside the parsers, with how many seconds it takes if nobody says. */
const others = { edge: { run: edge, seconds: 60, most: 'count' }, failover: { run: failover, seconds: 20, most: 'runs' } } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { not: { type: 'string', multiple: true, default: [] }, seconds: { type: 'string' }, count: { type: 'string' }, runs: { type: 'string' }, seed: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const names = [...Object.keys(targets), ...Object.keys(others)];
const unknown = [...positionals, ...values.not].filter((name) => !names.includes(name));
const most = (given: string | undefined, limit: number): boolean => given === undefined || (Number(given) > 0 && Number(given) <= limit);
if (unknown.length > 0 || !most(values.seconds, 86_400) || !most(values.count, 1e12) || !most(values.runs, 1e12)) {
  console.error(
    unknown.length > 0 ? `There is no target ${unknown.join(', ')}. There are: ${names.join(', ')}` : '--seconds takes a number up to 86400, --count and --runs one up to a million million',
  );
  process.exit(2);
}
const seed = Number(values.seed ?? Date.now() % 0xffff_ffff);
const outcomes: Outcome[] = [];
const other = ({ run, seconds, most: bound }: (typeof others)[keyof typeof others]) =>
  run(Number(values.seconds ?? (values[bound] === undefined ? seconds : 86_400)), Number(values[bound] ?? Infinity), seed);
for (const name of names) {
  if ((positionals.length > 0 && !positionals.includes(name)) || values.not.includes(name)) continue;
  const target = targets[name];
  const { outcome, words } = target === undefined
    ? await other(name === 'failover' ? others.failover : others.edge)
    : { outcome: await fuzz(name, target, Number(values.seconds ?? 5), seed), words: '' };
  outcomes.push(outcome);
  if (values.json) continue;
  const { inputs, failure } = outcome;
  console.log(`${name.padEnd(8)} ${String(inputs).padStart(9)} inputs in ${outcome.seconds.toFixed(1)} s, slowest ${outcome.slowestMs.toFixed(1)} ms${words}${failure === undefined ? '' : `\n  FAILED: ${failure.message}\n  input: ${failure.file}`}`);
}
if (values.json) console.log(JSON.stringify({ seed, outcomes }, null, 2));
else console.log(`seed ${seed}: --seed ${seed} gives the same inputs again`);
process.exit(outcomes.some((outcome) => outcome.failure !== undefined) ? 1 : 0);
