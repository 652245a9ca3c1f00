/**
 * Runs test files, each in a process of its own: they are tap's tests and say by their exit status whether they passed.
 * A line a file tells how far it is; what failed is printed again at the end, where people look first.
 *
 * tap's own runner puts loaders into each process and each of its threads; a run of these tests with them takes
 * twice as long.
 */
import { spawn } from 'node:child_process';
import { relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { collectFailures } from './failures.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** tap ends a file that takes too long by itself, and tells what it waited for; one that does not even do that is killed. */
const killedAfterMs = 15_000;
/** From the end of a process to the end of what it printed. */
const outputWithinMs = 2_000;

export interface FilesRun {
  /** Compiled tests, whole paths. */
  readonly files: readonly string[];
  /** How many at once; a file knows which of them it is by TAP_JOB_ID, from 0. */
  readonly jobs: number;
  readonly timeoutSeconds: number;
  /** Of all of them, beside this process's own. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

interface Outcome {
  readonly file: string;
  readonly passed: boolean;
  readonly said: readonly string[];
}

/** Resolves to whether all passed. */
export async function runFiles({ files, jobs, timeoutSeconds, env = {} }: FilesRun): Promise<boolean> {
  const startedMs = Date.now();
  const waiting = [...files];
  const outcomes: Outcome[] = [];
  const work = async (job: number): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const fileStartedMs = Date.now();
      const outcome = await runFile(file, timeoutSeconds, { ...env, TAP_JOB_ID: String(job) });
      outcomes.push(outcome);
      console.log(`${String(outcomes.length).padStart(4)}/${files.length} ${outcome.passed ? 'ok    ' : 'FAILED'} ${((Date.now() - fileStartedMs) / 1000).toFixed(1).padStart(6)} s  ${relative(root, file)}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, job) => work(job)));
  const failed = outcomes.filter(({ passed }) => !passed);
  for (const { file, said } of failed) console.log(`\n== FAILED ${relative(root, file)}\n${said.join('\n')}`);
  const names = failed.map(({ file }) => relative(root, file)).join(', ');
  console.log(`\n${outcomes.length} test files in ${((Date.now() - startedMs) / 1000).toFixed(0)} s: ${failed.length === 0 ? 'all passed' : `FAILED: ${names}`}`);
  return failed.length === 0;
}

const runFile = (file: string, timeoutSeconds: number, env: Readonly<Record<string, string>>): Promise<Outcome> =>
  new Promise((resolve) => {
    const failures = collectFailures();
    const child = spawn(process.execPath, ['--enable-source-maps', file], {
      cwd: root,
      env: { ...process.env, ...env, TAP_TIMEOUT: String(timeoutSeconds) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => failures.take(line));
    const killing = setTimeout(() => {
      failures.take(`killed: it did not end by itself in ${timeoutSeconds} s`);
      child.kill('SIGKILL');
    }, timeoutSeconds * 1000 + killedAfterMs);
    child.on('error', ({ message }) => failures.take(message));
    // A process that it left behind may hold its output open.
    child.on('exit', () => setTimeout(() => (child.stdout.destroy(), child.stderr.destroy()), outputWithinMs).unref());
    child.on('close', (status, signal) => {
      clearTimeout(killing);
      const passed = status === 0;
      const said = failures.lines();
      resolve({ file, passed, said: passed || said.length > 0 ? said : [`it ended with ${signal ?? `status ${status ?? 'unknown'}`} and said nothing`] });
    });
  });
