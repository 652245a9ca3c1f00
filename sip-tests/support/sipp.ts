/** SIPp (Debian's sip-tester), the far ends of most SIP tests. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const sippIsInstalled = (): boolean => spawnSync('sipp', ['-v'], { stdio: 'ignore' }).error === undefined;

/** A recorded conversation in A-law that comes with SIPp. */
export const shippedCapture = '/usr/share/sip-tester/g711a.pcap';

/** What a scenario has logged is here. */
export const sippLog = ({ dir, scenario, port }: Pick<SippOptions, 'dir' | 'scenario' | 'port'>): string => `${dir}/${scenario}-${port}.log`;

/** Scenarios stand beside the sources, not in the build. */
const scenarioFile = (name: string): string => fileURLToPath(new URL(`../../../sip-tests/scenarios/${name}.xml`, import.meta.url));

export interface SippOptions {
  readonly scenario: string;
  /** The scenario itself, where it is not a file of scenarios/. */
  readonly text?: string;
  /** The Call-ID of its one call, where somebody else has to know it. */
  readonly callId?: string;
  /** Where calls are sent to; a scenario that waits for calls has none. */
  readonly remote?: string;
  readonly port: number;
  readonly calls: number;
  /** Calls started in a second. */
  readonly rate?: number;
  /** First port of its media; each call takes the next pair. */
  readonly mediaPort: number;
  readonly dir: string;
  /** What stands for each @NAME@ of the scenario: SIPp itself fills in nothing for the names of files. */
  readonly values?: Readonly<Record<string, string>>;
}

export interface SippRun {
  /** Resolves when all calls are over. Rejects with SIPp's own words when one has failed. */
  readonly done: Promise<void>;
  stop(): void;
}

const callWithinSeconds = 120;

export function runSipp(options: SippOptions): SippRun {
  const { scenario, text, callId, remote, port, calls, rate = 10, mediaPort, dir, values = {} } = options;
  const file = join(dir, `${scenario}-${port}.xml`);
  const template = text ?? readFileSync(scenarioFile(scenario), 'utf8');
  writeFileSync(file, template.replace(/@([A-Z_]+)@/g, (_, name: string) => values[name] ?? ''));
  const args = [
    ...(remote === undefined ? [] : [remote]),
    ...['-sf', file, '-i', '127.0.0.1', '-p', String(port), '-mi', '127.0.0.1', '-mp', String(mediaPort)],
    ...['-m', String(calls), '-r', String(rate), '-l', String(calls)],
    ...(callId === undefined ? [] : ['-cid_str', callId]),
    ...(text?.includes('<log ') === true ? ['-trace_logs', '-log_file', sippLog(options)] : []),
    ...['-timeout', String(callWithinSeconds), '-timeout_error', '-nostdin', '-trace_err', '-error_file', `${dir}/${scenario}-${port}.errors`],
  ];
  const child = spawn('sipp', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (output = (output + chunk).slice(-4_000)));
  const done = once(child, 'close').then(([status]) => {
    if (status !== 0) throw new Error(`sipp ${scenario} exited with ${String(status)}: ${output}`);
  });
  return { done, stop: () => child.kill('SIGTERM') };
}
