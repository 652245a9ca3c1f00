/**
 * A network of one's own: the suite's addresses are fixed, and must meet nothing else on the machine.
 *
 * Namespaces for the network (a loopback with the suite's subnet), for mounts (an /etc/hosts with the
 * suite's names), and for processes, so that all of them end with the first and nothing is left to clean
 * up. Without root a user namespace gives the rights.
 */
import { spawnSync } from 'node:child_process';

/** The suite's subnet, all of it local. */
export const subnet = '172.29.0.0/16';

const unshare = (): readonly string[] => ['unshare', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']), '--net', '--mount', '--pid', '--fork', '--kill-child'];

const inside = `set -e
ip link set lo up
ip address add ${subnet} dev lo
mount --bind "$0" /etc/hosts
exec "$@"`;

/** The command line that runs another one in namespaces of its own, with `hosts` as its /etc/hosts. */
export const isolated = (hosts: string, command: readonly string[]): readonly string[] => [...unshare(), 'sh', '-c', inside, hosts, ...command];

/** Why no such namespaces can be had here; undefined when they can. */
export function refusal(hosts: string): string | undefined {
  const [command = '', ...args] = isolated(hosts, ['true']);
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : stderr.trim();
}
