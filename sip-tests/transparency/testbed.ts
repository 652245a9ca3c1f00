/** One product with a trunk for each scenario and mode, and SIPp at both ends of each call. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { loopbackAddress, mediaPorts } from '../support/ports.js';
import { startProduct, type RunningProduct } from '../support/product.js';
import { readMessageLog, type Logged } from './message-log.js';
import { expandScenario, type Mode, type Role } from './scenario.js';

export const modes: readonly Mode[] = ['proxied', 'back-to-back'];

/** Templates stand beside the sources, not in the build. */
const templateOf = (role: Role, name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../sip-tests/transparency/${role}-${name}.xml`, import.meta.url)), 'utf8');

export interface CallResult {
  readonly caller: readonly Logged[];
  readonly callee: readonly Logged[];
  /** What SIPp objected to; empty when both ends ran as their scenarios say. */
  readonly objections: string;
}

export interface Testbed {
  readonly product: RunningProduct;
  readonly sipPort: number;
  /** Where a trunk's callers call from, and where its callee is to listen. */
  endsOf(scenario: string, mode: Mode): { readonly callerAddress: string; readonly calleePort: number };
  /** Runs one call with a callee that waits for it. */
  call(scenario: string, mode: Mode): Promise<CallResult>;
  /** Starts one end; a callee waits for its call when this resolves. */
  start(role: Role, scenario: string, mode: Mode, options?: EndChoice): Promise<End>;
  close(): Promise<void>;
}

export interface EndChoice {
  /** What stands for each {{NAME}} of its template. */
  readonly values?: Readonly<Record<string, string>>;
  /** Calls that it has; one as a rule. */
  readonly calls?: number;
  /** Whose trunk it calls by, where that is not the one of its own scenario; from another port then. */
  readonly trunkOf?: string;
}

const callWithinSeconds = 30;
const boundWithinMs = 20_000;

export async function openTestbed(scenarios: readonly string[]): Promise<Testbed> {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-transparency-'));
  const [sipPort, recorderPort, httpPort] = [await freePort(), await freePort(), await freePort()];
  const { relay, recorder } = mediaPorts();
  const trunks = new Map<string, { callerAddress: string; calleePort: number }>();
  for (const [index, scenario] of scenarios.entries()) {
    for (const [which, mode] of modes.entries()) {
      trunks.set(`${scenario}-${mode}`, { callerAddress: loopbackAddress(which === 0 ? 0 : 1, index + 1), calleePort: await freePort() });
    }
  }
  const configFile = join(dir, 'twintrack.yaml');
  const lines = [...trunks].map(([name, { callerAddress, calleePort }]) => `  - {name: ${name}, sources: [${callerAddress}], nextHop: "sip:127.0.0.1:${calleePort}"}\n`);
  const never = [...trunks.keys()].filter((name) => name.endsWith('-proxied'));
  await writeFile(
    configFile,
    `node: test
dataDir: ${join(dir, 'data')}
http: {port: ${httpPort}}
sip: {listen: ["udp:127.0.0.1:${sipPort}", "tcp:127.0.0.1:${sipPort}"], natDetection: false}
trunks:
${lines.join('')}policy: {rules: [{name: not-these, when: {trunk: [${never.join(', ')}]}, record: never}]}
anchor: {relay: {address: 127.0.0.1, ports: [${relay.join(', ')}]}}
recording: {recorder: "sip:recorder@127.0.0.1:${recorderPort};transport=tcp"}
recorder:
  name: recorder
  sip: {listen: ["udp:127.0.0.1:${recorderPort}", "tcp:127.0.0.1:${recorderPort}"]}
  sources: [127.0.0.0/8]
  media: {address: 127.0.0.1, ports: [${recorder.join(', ')}]}
`,
  );
  const product = await startProduct({ dir, configFile, sipPort, recorderPort, nextHopPort: 0, httpPort, remove: () => Promise.resolve() });
  const endsOf = (scenario: string, mode: Mode): { callerAddress: string; calleePort: number } => {
    const ends = trunks.get(`${scenario}-${mode}`);
    if (ends === undefined) throw new Error(`no trunk for ${scenario}`);
    return ends;
  };
  const start = async (role: Role, scenario: string, mode: Mode, { values = {}, calls = 1, trunkOf }: EndChoice = {}): Promise<End> => {
    const { callerAddress, calleePort } = endsOf(trunkOf ?? scenario, mode);
    const common = { dir, scenario, mode, role, values, calls };
    if (role === 'uac') return runEnd({ ...common, address: callerAddress, port: trunkOf === undefined ? 5060 : 5062, remote: `127.0.0.1:${sipPort}` });
    const callee = await runEnd({ ...common, address: '127.0.0.1', port: calleePort });
    await bound(calleePort, callee);
    return callee;
  };
  return {
    product,
    sipPort,
    endsOf,
    start,
    call: async (scenario, mode) => {
      const callee = await start('uas', scenario, mode);
      const caller = await start('uac', scenario, mode);
      const objections = `${await caller.ended}${await callee.ended}`;
      return { caller: caller.messages(), callee: callee.messages(), objections };
    },
    close: async () => {
      await product.stop();
      if (process.env['TRANSPARENCY_KEEP'] === undefined) await rm(dir, { recursive: true, force: true });
      else console.error(`kept: ${dir}`);
    },
  };
}

export interface End {
  readonly process: ChildProcess;
  /** What it has sent and received so far. */
  messages(): readonly Logged[];
  /** Resolves with what SIPp objected to. */
  readonly ended: Promise<string>;
}

interface EndOptions {
  readonly dir: string;
  readonly scenario: string;
  readonly mode: Mode;
  readonly role: Role;
  readonly address: string;
  readonly port: number;
  readonly remote?: string;
  readonly values: Readonly<Record<string, string>>;
  readonly calls: number;
}

async function runEnd({ dir, scenario, mode, role, address, port, remote, values, calls }: EndOptions): Promise<End> {
  const name = join(dir, `${role}-${scenario}-${mode}`);
  const text = expandScenario(mode, role, templateOf(role, scenario)).replace(/\{\{([A-Z]+)\}\}/gu, (_, value: string) => values[value] ?? '');
  await writeFile(`${name}.xml`, text);
  for (const before of ['messages', 'errors']) await rm(`${name}.${before}`, { force: true });
  const child = spawn('sipp', [
    ...(remote === undefined ? [] : [remote]),
    ...['-sf', `${name}.xml`, '-i', address, '-p', String(port), '-m', String(calls), '-l', '1', '-nostdin', '-timeout', String(callWithinSeconds), '-timeout_error', '-recv_timeout', '10000'],
    ...['-trace_msg', '-message_file', `${name}.messages`, '-trace_err', '-error_file', `${name}.errors`],
  ], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (words = (words + chunk).slice(-4_000)));
  const ended = once(child, 'close').then(([status]) => {
    if (status === 0) return '';
    const errors = existsSync(`${name}.errors`) ? readFileSync(`${name}.errors`, 'utf8') : '';
    return `${role} exited with ${String(status)}: ${words}${errors.slice(0, 4_000)}\n`;
  });
  return { process: child, messages: () => readMessageLog(`${name}.messages`), ended };
}

/** SIPp does not say when it listens: the kernel does. */
async function bound(port: number, end: End): Promise<void> {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const giveUpAt = Date.now() + boundWithinMs;
  while (!readFileSync('/proc/net/udp', 'utf8').includes(hex)) {
    if (end.process.exitCode !== null) throw new Error(`the callee did not start: ${await end.ended}`);
    if (Date.now() > giveUpAt) throw new Error(`nobody listens on ${port}`);
    await delay(20);
  }
}
