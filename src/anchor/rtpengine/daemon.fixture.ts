/** For tests: a real rtpengine in userspace (Debian's rtpengine-daemon), on the loopback interface. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Test } from 'tap';
import { openNgClient } from './ng-client.js';

export const rtpengineIsInstalled = (): boolean => spawnSync('rtpengine', ['--version']).error === undefined;

export interface Daemon {
  readonly port: number;
  readonly pid: number;
  /** Everything it logged. */
  readonly log: () => string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Resolves once it answers. `port`: where it takes commands; `ports`: first and last of its media. */
export async function startDaemon(t: Pick<Test, 'teardown'>, port: number, ports: readonly [number, number], more: readonly string[] = ['--log-level=6', '--num-threads=1']): Promise<Daemon> {
  const child = spawn('rtpengine', [
    '--config-file=none', '--table=-1', '--interface=127.0.0.1', `--listen-ng=127.0.0.1:${port}`, `--port-min=${ports[0]}`, `--port-max=${ports[1]}`,
    // The rest of its ports before they are used again would outlast a test.
    '--delete-delay=0', '--foreground', '--log-stderr', ...more,
  ], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const ended = once(child, 'exit');
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  };
  t.teardown(kill);
  const client = await openNgClient({ host: '127.0.0.1', port }, 10_000);
  await client.ask({ command: 'ping' }).finally(() => client.close());
  return { port, pid: child.pid ?? 0, log: () => said, kill };
}
