/** A folder of its own for a test, and ports of its own: nothing meets what else runs on the machine. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { furnishLedger } from '../../src/ledger/ledger-template.fixture.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { mediaPorts, type PortRange } from './ports.js';

export interface Workspace {
  readonly dir: string;
  readonly configFile: string;
  readonly sipPort: number;
  readonly recorderPort: number;
  /** Where the trunk's calls go: a test listens there. */
  readonly nextHopPort: number;
  readonly httpPort: number;
  /** Left out: 127.0.0.1. */
  readonly httpHost?: string;
  remove(): Promise<void>;
}

export interface WorkspaceOptions {
  /** The product makes its ledger by itself, which takes seconds. */
  readonly isNew?: boolean;
  /** Lines of YAML in place of the key's own. */
  readonly strangers?: 'refuse' | 'ignore';
  /** Sources of the trunk. */
  readonly sources?: readonly string[];
  readonly recorderUri?: string;
  /** Of a recorder that is not there nobody needs to wait for the rest of a call. */
  readonly afterCallMs?: number;
  /** The key `policy`. */
  readonly policy?: object;
  /** Sides of the trunk whose headers command the recording. */
  readonly recordingControl?: readonly ('caller' | 'callee')[];
  readonly relayPorts?: PortRange;
  /** Further keys of `recorder`. */
  readonly recorder?: Readonly<Record<string, unknown>>;
  /** Sources that may open recording sessions. */
  readonly recorderSources?: readonly string[];
  /** The key `anchor`, in place of the relay. */
  readonly anchor?: object;
  /** SIP by TLS alone, everywhere: of trunk, next hop and recorder. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile?: string | undefined; readonly clientCertificate: string };
}

export async function openWorkspace(options: WorkspaceOptions = {}): Promise<Workspace> {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-test-'));
  const [sipPort, recorderPort, nextHopPort, httpPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const configFile = join(dir, 'twintrack.yaml');
  const media = mediaPorts();
  const [recorder, relay] = [media.recorder, options.relayPorts ?? media.relay];
  if (options.isNew !== true) await furnishLedger(join(dir, 'data', 'ledger'));
  const { tls } = options;
  const transports = tls === undefined ? ['udp', 'tcp'] : ['tls'];
  const sipAt = (port: number): string =>
    `{listen: [${transports.map((transport) => `"${transport}:127.0.0.1:${port}"`).join(', ')}]${tls === undefined ? '' : `, tls: ${JSON.stringify(tls)}`}}`;
  await writeFile(
    configFile,
    `node: test
dataDir: ${join(dir, 'data')}
http: {port: ${httpPort}}
sip: ${sipAt(sipPort)}
trunks:
  - name: loopback
    sources: [${(options.sources ?? ['127.0.0.0/8']).join(', ')}]
    nextHop: sip:127.0.0.1:${nextHopPort}${tls === undefined ? '' : ';transport=tls'}
    recordingControl: ${JSON.stringify(options.recordingControl ?? [])}
${options.policy === undefined ? '' : `policy: ${JSON.stringify(options.policy)}`}
strangers: ${options.strangers ?? 'refuse'}
anchor: ${options.anchor === undefined ? `{relay: {address: 127.0.0.1, ports: [${relay[0]}, ${relay[1]}]}}` : JSON.stringify(options.anchor)}
recording: {recorder: "${options.recorderUri ?? `sip:recorder@127.0.0.1:${recorderPort};transport=${tls === undefined ? 'tcp' : 'tls'}`}"${options.afterCallMs === undefined ? '' : `, afterCallMs: ${options.afterCallMs}`}}
recorder:
  name: recorder
  sip: ${sipAt(recorderPort)}
  sources: [${(options.recorderSources ?? ['127.0.0.0/8']).join(', ')}]
${Object.entries(options.recorder ?? {}).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`).join('')}  media: {address: 127.0.0.1, ports: [${recorder[0]}, ${recorder[1]}]}
`,
  );
  return { dir, configFile, sipPort, recorderPort, nextHopPort, httpPort, remove: () => rm(dir, { recursive: true, force: true }) };
}
