/** For tests: a real PostgreSQL server (Debian: postgresql) in a folder of its own, on the loopback interface, with a password. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { readdirSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../udp/free-port.fixture.js';
import type { PostgresSettings } from './settings.js';

const debian = '/usr/lib/postgresql';

/** The newest that is installed; Debian has them on no PATH. */
const binFolder = ((): string | undefined => {
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  return versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(debian, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')));
})();

/** For `skip` of tap: why there is no test; with TWINTRACK_REQUIRE_PEERS=1 it fails in place of that. */
export const withoutPostgres = binFolder !== undefined || process.env['TWINTRACK_REQUIRE_PEERS'] === '1' ? false : 'PostgreSQL is not installed (Debian: postgresql)';

export interface PostgresServer {
  readonly settings: PostgresSettings;
  /** Of its Unix socket, by which it is reached from every network namespace. */
  readonly socketFolder: string;
  /** Makes an empty database and gives its settings. */
  database(name: string): Promise<PostgresSettings>;
  /** As its own user. */
  admin(text: string): Promise<void>;
  /** Ends it at once, with all connections; what was committed is there when it starts again. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

const password = 'a password of the test';

export async function startPostgres(): Promise<PostgresServer> {
  if (binFolder === undefined) throw new Error('PostgreSQL is not installed (Debian: postgresql)');
  const root = await mkdtemp(join(tmpdir(), 'twintrack-postgres-'));
  const [data, passwordFile, port] = [join(root, 'data'), join(root, 'password'), await freePort()];
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? idsOf('postgres') : undefined;
  if (user !== undefined) for (const path of [root, data, passwordFile]) await chown(path, user.uid, user.gid);
  const as = user ?? {};
  const run = promisify(execFile);
  await run(join(binFolder, 'initdb'), ['-D', data, '-U', 'owner', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'], { ...as, cwd: root });

  const settings: PostgresSettings = { host: '127.0.0.1', port, database: 'postgres', user: 'owner', passwordFile, connections: 4 };
  let child: ChildProcess | undefined;
  const admin = async (text: string): Promise<void> => {
    const client = new pg.Client({ ...settings, password });
    await client.connect();
    await client.query(text).finally(() => client.end());
  };
  const answers = (): Promise<boolean> => admin('select 1').then(() => true, () => false);
  const start = async (): Promise<void> => {
    child = spawn(join(binFolder, 'postgres'), ['-D', data, '-k', root, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'], { ...as, cwd: root, stdio: 'ignore' });
    while (!(await answers())) if (child.exitCode !== null) throw new Error(`PostgreSQL does not start: ${(await readdir(data)).join(' ')}`);
  };
  const stop = async (): Promise<void> => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGQUIT');
    await ended;
  };
  await start();
  return {
    settings,
    socketFolder: root,
    admin,
    start,
    stop,
    database: async (name) => {
      await admin(`create database ${name}`);
      return { ...settings, database: name };
    },
    close: async () => {
      await stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

const idsOf = (user: string): { uid: number; gid: number } => {
  const id = (option: string): number => Number(spawnSync('id', [option, user], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
};
