/** SIPp for lossy lines, which counts its calls. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nothingYet, readStatistics } from '../support/sipp-statistics.js';

export interface SippEnd {
  readonly role: 'uac' | 'uas';
  readonly port: number;
  /** How many it makes, or at least has room for. */
  readonly calls: number;
  readonly dir: string;
  /** Where the uac calls. */
  readonly remote?: string;
  readonly callsPerSecond?: number;
}

export interface SippCounts {
  readonly created: number;
  readonly successful: number;
  readonly failed: number;
  readonly retransmissions: number;
}

export interface SippEndRun {
  /** What it counted when it has ended; it ends by itself after its calls, when it is the uac. */
  readonly counts: Promise<SippCounts>;
  /** What it found unexpected, from the first call that it gave up for it. */
  objections(): string;
  /** Takes no new calls, and ends with the last one. */
  finish(): void;
}

const endsWithinSeconds = 120;

function readCounts(file: string): SippCounts {
  const { created, successful, failed, retransmissions } = readStatistics(file).at(-1) ?? nothingYet;
  return { created, successful, failed, retransmissions };
}

/** Scenarios stand beside the sources, not in the build. */
const scenarioFile = (role: string): string => fileURLToPath(new URL(`../../../sip-tests/edge/${role}-lossy.xml`, import.meta.url));

export function runSippEnd({ role, port, calls, dir, remote, callsPerSecond = 20 }: SippEnd): SippEndRun {
  const objected = join(dir, `${role}-${port}.errors`);
  const statistics = join(dir, `${role}-${port}.csv`);
  const child = spawn('sipp', [
    ...(remote === undefined ? [] : [remote, '-m', String(calls)]),
    ...['-sf', scenarioFile(role), '-i', '127.0.0.1', '-p', String(port), '-mi', '127.0.0.1', '-r', String(callsPerSecond), '-l', String(calls * 2)],
    ...['-timeout', String(endsWithinSeconds), '-nostdin', '-trace_stat', '-stf', statistics],
    ...['-trace_err', '-error_file', objected],
  ], { cwd: dir, stdio: 'ignore' });
  return {
    counts: once(child, 'close').then(() => readCounts(statistics)),
    objections: () => {
      const all = existsSync(objected) ? readFileSync(objected, 'utf8') : '';
      return all.slice(Math.max(0, all.indexOf('Aborting'))).slice(0, 4_000);
    },
    finish: () => child.kill('SIGUSR1'),
  };
}
