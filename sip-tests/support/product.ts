/** The product as its users run it: the command line in processes of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Listed } from '../../src/ledger/index.js';
import type { Workspace } from './workspace.js';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** As `npm start` does. */
const flags = ['--single-threaded-gc'];
const startWithinMs = 40_000;

/**
 * As from a user's shell: by way of env(1), since the hooks of tap, which the tests have in theirs, add themselves to
 * whatever a test spawns, and take signals (SIGXFSZ of a full disk, which then kills). The process is the same after it.
 */
const spawnAsUser = (args: readonly string[], env: NodeJS.ProcessEnv, stdin: 'pipe' | 'ignore', within: readonly string[] = []): ChildProcess =>
  spawn('env', ['-u', 'NODE_OPTIONS', ...within, process.execPath, ...args], { env, stdio: [stdin, 'pipe', 'pipe'] });

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export const twintrack = (workspace: Workspace, ...args: readonly string[]): Promise<Ran> => twintrackWith(workspace, '', ...args);

/** The same, for one that reads its standard input. */
export async function twintrackWith(workspace: Workspace, input: string, ...args: readonly string[]): Promise<Ran> {
  const child = spawnAsUser([main, ...args], { ...process.env, TWINTRACK_CONFIG: workspace.configFile }, 'pipe');
  child.stdin?.on('error', () => undefined).end(input);
  const output = collect(child);
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output() };
}

/** The same, for one that prints JSON and must not fail. */
export async function twintrackJson<T>(workspace: Workspace, ...args: readonly string[]): Promise<T> {
  const { status, stdout, stderr } = await twintrack(workspace, ...args, '--json');
  if (status !== 0) throw new Error(`twintrack ${args.join(' ')} exited with ${status}: ${stderr}${stdout}`);
  return JSON.parse(stdout) as T;
}

export interface RunningProduct {
  readonly pid: number;
  /** What it has logged so far. */
  log(): string;
  signal(name: 'SIGHUP' | 'SIGUSR2' | 'SIGSTOP' | 'SIGCONT'): void;
  /** SIGTERM, and its exit status. */
  stop(): Promise<number | null>;
  /** SIGKILL: nothing is closed. */
  kill(): Promise<void>;
}

export interface StartOptions {
  readonly nodeOptions?: readonly string[];
  /** With commas; left out: all. */
  readonly roles?: string;
  /** A command that runs the product, as `ip netns exec NAME`. */
  readonly within?: readonly string[];
}

/** Starts the product and waits until it is well. */
export async function startProduct(workspace: Workspace, { nodeOptions = [], roles, within = [] }: StartOptions = {}): Promise<RunningProduct> {
  const child = spawnAsUser([...flags, ...nodeOptions, main, 'start', '--config', workspace.configFile, ...(roles === undefined ? [] : ['--roles', roles])], process.env, 'ignore', within);
  const output = collect(child);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const log = (): string => output().stderr;
  let ending = false;
  void closed.then(([status]) => {
    if (!ending) console.error(`the product ended by itself (${child.signalCode ?? status}): ${log().slice(-4_000)}`);
  });
  const giveUpAt = Date.now() + startWithinMs;
  while (!(await isWell(workspace))) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      ending = true;
      child.kill('SIGKILL');
      throw new Error(`the product did not start: ${log()}`);
    }
    await delay(100);
  }
  return {
    pid: child.pid ?? 0,
    log,
    signal: (name) => void child.kill(name),
    async stop() {
      ending = true;
      child.kill('SIGTERM');
      return (await closed)[0];
    },
    async kill() {
      ending = true;
      child.kill('SIGKILL');
      await closed;
    },
  };
}

export async function isWell(workspace: Workspace): Promise<boolean> {
  try {
    const response = await fetch(`http://${workspace.httpHost ?? '127.0.0.1'}:${workspace.httpPort}/health`, { signal: AbortSignal.timeout(2_000) });
    return response.ok;
  } catch {
    return false;
  }
}

/** What `twintrack list` shows, without a process of its own; throws while the ledger does not answer. */
export async function listed(workspace: Workspace, state?: Listed['state']): Promise<readonly Listed[]> {
  const response = await askApi(workspace, `/v1/recordings?limit=1000${state === undefined ? '' : `&state=${state}`}`);
  if (!response.ok) throw new Error(`the list was answered ${response.status}`);
  return (await response.json()) as Listed[];
}

/** What `/health` says of one of its checks. */
export async function healthOf(workspace: Workspace, check: string): Promise<{ readonly ok: boolean; readonly detail: string } | undefined> {
  const response = await fetch(`http://${workspace.httpHost ?? '127.0.0.1'}:${workspace.httpPort}/health`);
  return ((await response.json()) as { checks: Record<string, { ok: boolean; detail: string }> }).checks[check];
}

/** A metric's value, by its full name with labels as the exposition prints them. */
export async function metric(workspace: Workspace, name: string): Promise<number> {
  const text = await (await fetch(`http://${workspace.httpHost ?? '127.0.0.1'}:${workspace.httpPort}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? Number.NaN : Number(line.slice(name.length + 1));
}

/** The bearer token of the running product. */
export const tokenOf = async ({ dir }: Workspace): Promise<string> => (await readFile(join(dir, 'data', 'api.token'), 'utf8')).trim();

/** Asks the API of the running product: sooner there than a command line that has to start. */
export async function askApi(workspace: Workspace, path: string): Promise<Response> {
  return fetch(`http://${workspace.httpHost ?? '127.0.0.1'}:${workspace.httpPort}${path}`, { headers: { authorization: `Bearer ${await tokenOf(workspace)}` } });
}

/** Asks until it is so; the test's own timeout bounds it. */
export async function until(isSo: () => Promise<boolean>, what: string, withinMs = 30_000): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(100);
  }
}

function collect(child: ChildProcess): () => { stdout: string; stderr: string } {
  const chunks = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (chunks.stdout += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (chunks.stderr += chunk));
  return () => chunks;
}
