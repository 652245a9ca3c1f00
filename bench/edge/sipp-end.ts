/** One end of the load: a SIPp process that places calls or answers them, and what it counts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nothingYet, readStatistics, type SippStatistics } from '../../sip-tests/support/sipp-statistics.js';
import { portTaken, usageOf } from '../process-usage.js';
import { takePort } from './ports.js';
import type { Transport } from './shapes.js';

/** Scenarios stand beside the sources, not in the build. */
export const scenarioFile = (role: 'uac' | 'uas'): string => fileURLToPath(new URL(`../../../bench/edge/${role}.xml`, import.meta.url));

export interface SippEnd {
  /** What it counted so far, the newest last; a line a second. */
  history(): readonly SippStatistics[];
  counts(): SippStatistics;
  cpuMs(): number;
  /** The first of what it found unexpected. */
  objections(): string;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Lets calls under way go on, and ends with the last of them. Idempotent. */
  stopPlacing(): void;
  /** The same, but not for longer than this. */
  finish(withinMs: number): Promise<void>;
  close(): Promise<void>;
}

/** 64 T1: after that a call that stands still will not go on (RFC 3261 §17.1.1.2). */
export const giveUpMs = 32_000;

/** Without the heading, and without the advice to open more files, which its single socket has no use for. */
const objectionsIn = (text: string): string => text.replace(/^The following events occurred:\n/, '').replace(/^.*Maximum number of open sockets.*\n?/m, '');

function run(role: 'uac' | 'uas', port: number, transport: Transport, dir: string, livesMs: number, waitsMs: number, own: readonly string[]): SippEnd {
  const statistics = join(dir, `${role}-${port}-${Date.now()}.csv`);
  const objected = `${statistics}.errors`;
  const child = spawn('sipp', [
    ...own,
    ...['-sf', scenarioFile(role), '-t', transport === 'udp' ? 'u1' : 't1', '-i', '127.0.0.1', '-p', String(port), '-mi', '127.0.0.1', '-mp', String(takePort())],
    // Calls that stand still end on TCP as well, where nothing is repeated.
    ...['-recv_timeout', String(waitsMs + giveUpMs + 3_000), '-timeout', `${Math.ceil(livesMs / 1_000)}s`],
    // On a busy machine SIPp's watchdog takes a late timer for a hang, and a full pipe is no reason to give up.
    ...['-watchdog_interval', '0', '-sendbuffer_warn', 'true', '-buff_size', '4194304', '-nostdin'],
    ...['-trace_stat', '-stf', statistics, '-fd', '1', '-trace_err', '-error_file', objected, '-max_log_size', '1000000'],
  ], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(0, 1_500)));
  const pid = child.pid ?? 0;
  const over = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const ended = once(child, 'exit').then(() => undefined);
  const close = async (): Promise<void> => {
    if (over()) return;
    child.kill('SIGKILL');
    await ended;
  };
  let stopped = false;
  const stopPlacing = (): void => {
    // The second of these signals would end it at once.
    if (!stopped && !over()) child.kill('SIGUSR1');
    stopped = true;
  };
  return {
    history: () => readStatistics(statistics),
    counts: () => readStatistics(statistics).at(-1) ?? nothingYet,
    cpuMs: () => usageOf([pid]).cpuMs,
    objections: () => (existsSync(objected) ? objectionsIn(readFileSync(objected, 'latin1')).slice(0, 1_500) : existsSync(statistics) ? '' : said),
    ended,
    stopPlacing,
    finish: async (withinMs) => {
      stopPlacing();
      await Promise.race([ended, sleep(withinMs, undefined, { ref: false })]);
      await close();
    },
    close,
  };
}

export interface CalleeOptions {
  readonly transport: Transport;
  readonly port: number;
  /** How long it is needed at most. */
  readonly livesMs: number;
  readonly holdMs: number;
  readonly dir: string;
}

/** Answers calls at once. Rejects when it does not come up. */
export async function openCallee({ transport, port, livesMs, holdMs, dir }: CalleeOptions): Promise<SippEnd> {
  const end = run('uas', port, transport, dir, livesMs, holdMs, ['-l', '1000000']);
  for (let waited = 0; !portTaken(transport, port); waited += 20) {
    if (waited > 5_000) {
      await end.close();
      throw new Error(`SIPp does not listen on ${transport}:127.0.0.1:${port}: ${end.objections()}`);
    }
    await sleep(20);
  }
  return end;
}

export interface CallerOptions {
  readonly transport: Transport;
  /** Where calls are placed. */
  readonly to: { readonly host: string; readonly port: number };
  readonly rate: number;
  readonly calls: number;
  readonly holdMs: number;
  readonly dir: string;
}

/** Places calls at a steady rate, however many are open, and ends with the last one. */
export function openCaller({ transport, to, rate, calls, holdMs, dir }: CallerOptions): SippEnd {
  const livesMs = (calls / rate) * 2_000 + holdMs + 2 * giveUpMs;
  return run('uac', takePort(), transport, dir, livesMs, 0, [`${to.host}:${to.port}`, '-m', String(calls), '-r', String(rate), '-l', String(calls), '-d', String(holdMs)]);
}
