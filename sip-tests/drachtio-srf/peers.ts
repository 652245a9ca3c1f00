/**
 * The far ends of the suite, inside its network: an embedded edge where it expects a drachtio-server,
 * a local SIPp where it expects one in a container.
 *
 * Lifetime   whoever opens the peers closes them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { spawnEdge } from '../../src/edge/index.js';
import type { Service } from './compose.js';

/** As in the suite's config/test.json. */
const secret = 'cymru';

export interface Peers {
  close(): Promise<void>;
}

function startSipp(dir: string, { name, address, scenario }: Extract<Service, { kind: 'sipp' }>): ChildProcess {
  const args = ['-sf', join(dir, 'scenarios', scenario), '-i', address, '-p', '5060', '-nostdin', '-trace_err', '-error_file', join(dir, `${name}.errors`)];
  return spawn('sipp', args, { cwd: dir, stdio: 'ignore' });
}

export async function openPeers(dir: string, services: readonly Service[]): Promise<Peers> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((closeOne) => closeOne()));
  };
  try {
    for (const service of services) {
      if (service.kind === 'sipp') {
        const child = startSipp(dir, service);
        const ended = once(child, 'close');
        closers.push(() => {
          child.kill('SIGKILL');
          return ended;
        });
        continue;
      }
      const edge = await spawnEdge(
        { listen: [{ transport: 'udp', host: service.address, port: 5060 }], admin: { host: '127.0.0.1', port: service.adminPort }, secret },
        (error) => console.error(`the edge ${service.name} crashed: ${error.stack ?? error.message}`),
      );
      closers.push(() => edge.close());
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { close };
}
