/** A window of load on a process that carries or records media, and what it cost that process. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { coresUsage, usageOf } from './process-usage.js';
import type { Parties } from './relay/calls.js';
import type { FromLoad, LoadResult, ToLoad } from './relay/messages.js';

/** As `npm start` does. */
const flags = ['--single-threaded-gc'];
const warmUpMs = 3_000;
const patienceMs = 60_000;
/** RTP with 20 ms of G.711. */
export const rtpBytes = 172;

export interface LoadWindow {
  /** CPU of the subject for each packet that a party sent. */
  readonly cpuUs: number;
  /** Of all cores, the load's share left out. */
  readonly machineShare: number;
  /** Of all cores, by everybody: the load, and whatever else runs. */
  readonly busyShare: number;
  readonly lost: number;
  readonly copiesLost: number;
  readonly delayMs: LoadResult['delayMs'];
  readonly sent: number;
}

export async function answerOf<T extends { readonly kind: string }>(child: ChildProcess, signal: AbortSignal, kind: T['kind']): Promise<T> {
  const [answer] = (await Promise.race([
    once(child, 'message', { signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) }),
    once(child, 'exit', { signal }).then(([code]) => Promise.reject(new Error(`a process of the bench ended with ${String(code)}`))),
  ])) as [T | { kind: 'failed'; message: string }];
  if (answer.kind === 'failed') throw new Error((answer as { message: string }).message);
  if (answer.kind !== kind) throw new Error(`${answer.kind} came where ${kind} was awaited`);
  return answer as T;
}

/** A process of the bench, by the URL of its module. */
export const start = (file: URL): ChildProcess => fork(fileURLToPath(file), { execArgv: flags, serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] });

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Has the load run, and reads the subject's CPU in the middle of it. */
export async function measure(load: ChildProcess, pid: number, run: Omit<ToLoad, 'kind'>, signal: AbortSignal): Promise<LoadWindow> {
  const { seconds } = run;
  load.send({ kind: 'run', ...run } satisfies ToLoad);
  const result = answerOf<LoadResult>(load, signal, 'result');
  await delay(warmUpMs, undefined, { signal });
  const before = { ...usageOf([pid]), cores: coresUsage(), atMs: performance.timeOrigin + performance.now() };
  await delay(seconds * 1_000 - warmUpMs - 500, undefined, { signal });
  const after = { ...usageOf([pid]), cores: coresUsage(), atMs: performance.timeOrigin + performance.now() };
  const { startedAtMs, sentBy, sent, received, copies, delayMs } = await result;
  const sentAt = (ms: number): number => sentBy[Math.floor((ms - startedAtMs) / 100) - 1] ?? Number.NaN;
  const cpuMs = after.cpuMs - before.cpuMs;
  return {
    cpuUs: (cpuMs * 1_000) / (sentAt(after.atMs) - sentAt(before.atMs)),
    machineShare: cpuMs / (after.atMs - before.atMs) / availableParallelism(),
    busyShare: (after.cores.usedMs - before.cores.usedMs) / (after.cores.allMs - before.cores.allMs),
    sent,
    lost: sent - received,
    copiesLost: sent - copies,
    delayMs,
  };
}

export async function withLoad<T>(signal: AbortSignal, use: (load: ChildProcess, parties: Parties) => Promise<T>): Promise<T> {
  const load = start(new URL('./relay/load.js', import.meta.url));
  try {
    const { parties } = await answerOf<Extract<FromLoad, { kind: 'ports' }>>(load, signal, 'ports');
    return await use(load, parties);
  } finally {
    await end(load);
  }
}
