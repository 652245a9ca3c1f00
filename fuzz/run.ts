/**
 * `npm run fuzz [-- NAME…] [--seconds N] [--seed N] [--json]`: mutated input for every parser that takes what
 * strangers send. Without names all, `--seconds` each (5 by default). Fails on a throw, a broken promise of a
 * target, or an input that takes too long; the input is left in a file.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mutate, randomFrom } from './mutate.js';
import { targets, type Target } from './targets.js';

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
      target.run(input);
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

async function keep(name: string, input: Buffer, failure: Error): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'twintrack-fuzz-')), name);
  await writeFile(file, input);
  await writeFile(`${file}.txt`, failure.stack ?? failure.message);
  return file;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '5' }, seed: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !(name in targets));
const seconds = Number(values.seconds);
if (unknown.length > 0 || !(seconds > 0 && seconds <= 86_400)) {
  console.error(unknown.length > 0 ? `There is no target ${unknown.join(', ')}. There are: ${Object.keys(targets).join(', ')}` : '--seconds takes a number from 1 to 86400');
  process.exit(2);
}
const seed = Number(values.seed ?? Date.now() % 0xffff_ffff);
const outcomes: Outcome[] = [];
for (const [name, target] of Object.entries(targets)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const outcome = await fuzz(name, target, seconds, seed);
  outcomes.push(outcome);
  if (values.json) continue;
  const { inputs, failure } = outcome;
  console.log(`${name.padEnd(8)} ${String(inputs).padStart(9)} inputs in ${outcome.seconds.toFixed(1)} s, slowest ${outcome.slowestMs.toFixed(1)} ms${failure === undefined ? '' : `\n  FAILED: ${failure.message}\n  input: ${failure.file}`}`);
}
if (values.json) console.log(JSON.stringify({ seed, outcomes }, null, 2));
else console.log(`seed ${seed}: --seed ${seed} gives the same inputs again`);
process.exit(outcomes.some((outcome) => outcome.failure !== undefined) ? 1 : 0);
