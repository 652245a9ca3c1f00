/**
 * A proxy with its stitcher, and two recorders, each in a process of its own, that share a ledger on PostgreSQL and the
 * keys of a vault.
 *
 * Owns       their configurations, and that all of them are ended.
 * Leaves to  faults.ts what becomes of a recorder; calls-in-fault.ts the calls.
 */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresServer } from '../../src/ledger/postgres-server.fixture.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { startProduct, type RunningProduct } from '../support/product.js';
import type { PortRange } from '../support/ports.js';
import type { Workspace } from '../support/workspace.js';
import { openNetwork, type Network } from './network.js';

export interface FleetRecorder {
  readonly workspace: Workspace;
  readonly uri: string;
  readonly product: RunningProduct;
  /** Starts it anew, after its end. */
  start(): Promise<void>;
}

export interface Fleet {
  readonly proxy: Workspace;
  /** The preferred one first. */
  readonly recorders: readonly [FleetRecorder, FleetRecorder];
  /** Of the first recorder. */
  readonly network: Network | undefined;
  /** Whether the proxy has the parties' packets itself. */
  readonly relays: boolean;
  /** Where the proxy takes calls. */
  readonly sipHost: string;
  readonly log: () => string;
  /** Takes a configuration in which the policy is another. */
  setPolicy(policy: object): Promise<void>;
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly postgres: PostgresServer;
  readonly database: string;
  readonly policy?: object;
  /** The first recorder is reached by a network of its own, which can be cut. Needs root. */
  readonly isCuttable?: boolean;
  /** In place of the relay. */
  readonly anchor?: object;
  readonly ports: { readonly relay: PortRange; readonly recorders: readonly [PortRange, PortRange] };
}

const roles = { proxy: 'proxy,stitcher,api', recorder: 'recorder' } as const;

export async function openFleet({ postgres, database, policy = {}, isCuttable = false, anchor, ports }: FleetOptions): Promise<Fleet> {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-fleet-'));
  const debts: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (let debt = debts.pop(); debt !== undefined; debt = debts.pop()) await debt();
  };
  try {
    const network = isCuttable ? await openNetwork() : undefined;
    if (network !== undefined) debts.push(() => network.close());
    const { passwordFile } = await postgres.database(database);
    const ledger = { postgres: { host: postgres.socketFolder, port: postgres.settings.port, database, user: postgres.settings.user, passwordFile } };
    const host = network?.here ?? '127.0.0.1';
    const places = await Promise.all([network?.there ?? host, host].map(async (at) => ({ host: at, sipPort: await freePort(), httpPort: await freePort() })));
    const uris = places.map((place) => `sip:recorder@${place.host}:${place.sipPort};transport=tcp`);
    const [sipPort, nextHopPort, httpPort] = [await freePort(), await freePort(), await freePort()];
    const sources = ['127.0.0.0/8', ...(network === undefined ? [] : [network.subnet])];
    const common = {
      sip: { listen: [`udp:${host}:${sipPort}`, `tcp:${host}:${sipPort}`] },
      trunks: [{ name: 'loopback', sources, nextHop: `sip:127.0.0.1:${nextHopPort}` }],
      anchor: anchor ?? { relay: { address: host, ports: ports.relay } },
      recording: { recorders: { default: { uris } }, pool: { intervalMs: 500, timeoutMs: 500, slowStartMs: 0, longestBackOffMs: 2_000 } },
      ledger,
    };
    const write = async (name: string, config: object): Promise<string> => {
      const file = join(dir, `${name}.yaml`);
      await writeFile(file, JSON.stringify(config, null, 1));
      return file;
    };
    // JSON is YAML.
    const proxyConfig = { ...common, node: 'proxy', dataDir: join(dir, 'data'), http: { port: httpPort }, recorder: { sip: { listen: [`tcp:${host}:${await freePort()}`] }, sources, media: { address: host, ports: ports.recorders[0] } } };
    const configFile = await write('proxy', { ...proxyConfig, policy });
    const proxy: Workspace = { dir, configFile, sipPort, recorderPort: 0, nextHopPort, httpPort, remove: () => Promise.resolve() };
    const running = await startProduct(proxy, { roles: roles.proxy });
    debts.push(() => running.kill());
    const recorders = await Promise.all(
      places.map(async (place, n): Promise<FleetRecorder> => {
        const name = `recorder-${n + 1}`;
        const dataDir = join(dir, name);
        await mkdir(dataDir);
        // One vault: what a recorder seals the stitcher opens.
        await symlink(join(dir, 'data', 'keys'), join(dataDir, 'keys'));
        const config = {
          ...common,
          node: name,
          dataDir,
          http: { host: place.host, port: place.httpPort },
          recorder: { name, sip: { listen: [`tcp:${place.host}:${place.sipPort}`] }, sources, minFreeMb: 1, media: { address: place.host, ports: ports.recorders[n] } },
        };
        const workspace: Workspace = { dir: dataDir, configFile: await write(name, config), sipPort: 0, recorderPort: place.sipPort, nextHopPort: 0, httpPort: place.httpPort, httpHost: place.host, remove: () => Promise.resolve() };
        const start = (): Promise<RunningProduct> => startProduct(workspace, { roles: roles.recorder, within: n === 0 ? (network?.within ?? []) : [] });
        let product = await start();
        debts.push(() => product.kill());
        return {
          workspace,
          uri: uris[n] ?? '',
          get product() {
            return product;
          },
          start: async () => {
            product = await start();
          },
        };
      }),
    );
    const [first, second] = recorders;
    if (first === undefined || second === undefined) throw new Error('there are two');
    return {
      proxy,
      recorders: [first, second],
      network,
      relays: anchor === undefined,
      sipHost: host,
      log: () => running.log(),
      async setPolicy(changed) {
        await writeFile(configFile, JSON.stringify({ ...(JSON.parse(await readFile(configFile, 'utf8')) as object), policy: changed }));
        const before = running.log().length;
        running.signal('SIGHUP');
        while (!/the configuration is (?:not )?taken/u.test(running.log().slice(before))) await new Promise((resolve) => setTimeout(resolve, 20));
        if (!/is taken/u.test(running.log().slice(before))) throw new Error(running.log().slice(before));
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
