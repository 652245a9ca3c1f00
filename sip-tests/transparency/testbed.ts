/** One product with a trunk for each scenario and mode, and SIPp at both ends of each call. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { furnishLedger } from '../../src/ledger/ledger-template.fixture.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { loopbackAddress, mediaPorts } from '../support/ports.js';
import { startProduct, type RunningProduct } from '../support/product.js';
import { Crossroads, openCrossingLine, type CrossingLine, type Phases } from './crossing-line.js';
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
  call(scenario: string, mode: Mode, crossing?: Crossing): Promise<CallResult>;
  /** Starts one end; a callee waits for its call when this resolves. */
  start(role: Role, scenario: string, mode: Mode, options?: EndChoice): Promise<End>;
  close(): Promise<void>;
}

/** Which messages have to cross. */
export interface Crossing extends Readonly<Record<Role, Phases>> {
  /** The first of these that both ends send reach the product at once. */
  readonly atOnce?: RegExp;
}

export interface EndChoice {
  /** What stands for each {{NAME}} of its template. */
  readonly values?: Readonly<Record<string, string>>;
  /** Calls that it has; one as a rule. */
  readonly calls?: number;
  /** Whose trunk it calls by, where that is not the one of its own scenario; from another port then. */
  readonly trunkOf?: string;
  /** Its messages come and go by a line on which some wait. */
  readonly crossing?: { readonly phases: Phases; readonly crossroads: Crossroads | undefined };
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
  await furnishLedger(join(dir, 'data', 'ledger'));
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
  const lineOf = async (address: string, outerPort: number, crossing: NonNullable<EndChoice['crossing']>): Promise<LineOfEnd> => {
    const endPort = await freePort();
    return { endPort, line: await openCrossingLine({ address, outerPort, endPort, productPort: sipPort, ...crossing }) };
  };
  const start = async (role: Role, scenario: string, mode: Mode, { values = {}, calls = 1, trunkOf, crossing }: EndChoice = {}): Promise<End> => {
    const { callerAddress, calleePort } = endsOf(trunkOf ?? scenario, mode);
    const [address, port] = role === 'uac' ? [callerAddress, trunkOf === undefined ? 5060 : 5062] : ['127.0.0.1', calleePort];
    const line = crossing === undefined ? undefined : await lineOf(address, port, crossing);
    const common = { dir, scenario, mode, role, values, calls, address, port, ...(line === undefined ? {} : { line }) };
    if (role === 'uac') return runEnd({ ...common, remote: `127.0.0.1:${sipPort}` });
    const callee = await runEnd(common);
    await bound(line?.endPort ?? port, callee);
    return callee;
  };
  return {
    product,
    sipPort,
    endsOf,
    start,
    call: async (scenario, mode, crossing) => {
      const crossroads = crossing?.atOnce && new Crossroads(crossing.atOnce, product.pid);
      const choice = (role: Role): EndChoice => (crossing === undefined ? {} : { crossing: { phases: crossing[role], crossroads } });
      const callee = await start('uas', scenario, mode, choice('uas'));
      const caller = await start('uac', scenario, mode, choice('uac'));
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

interface LineOfEnd {
  readonly endPort: number;
  readonly line: CrossingLine;
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
  readonly line?: LineOfEnd;
}

async function runEnd({ dir, scenario, mode, role, address, port, remote, values, calls, line }: EndOptions): Promise<End> {
  const name = join(dir, `${role}-${scenario}-${mode}`);
  const text = expandScenario(mode, role, templateOf(role, scenario)).replace(/\{\{([A-Z]+)\}\}/gu, (_, value: string) => values[value] ?? '');
  // Behind a line it says of itself where the line is.
  await writeFile(`${name}.xml`, line === undefined ? text : text.replaceAll('[local_port]', String(port)));
  for (const before of ['messages', 'errors']) await rm(`${name}.${before}`, { force: true });
  const child = spawn('sipp', [
    ...(remote === undefined ? [] : [remote]),
    ...(remote === undefined || line === undefined ? [] : ['-rsa', `${address}:${line.line.innerPort}`]),
    ...['-sf', `${name}.xml`, '-i', address, '-p', String(line?.endPort ?? port), '-m', String(calls), '-l', '1', '-nostdin', '-timeout', String(callWithinSeconds), '-timeout_error', '-recv_timeout', '10000'],
    ...['-trace_msg', '-message_file', `${name}.messages`, '-trace_err', '-error_file', `${name}.errors`],
  ], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (words = (words + chunk).slice(-4_000)));
  const ended = once(child, 'close').then(([status]) => {
    line?.line.close();
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
