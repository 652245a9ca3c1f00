/**
 * Runs inside the suite's network: starts its peers, runs its files one after the other, and prints one
 * line of JSON for each file on stdout.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readServices } from './compose.js';
import { openPeers } from './peers.js';
import { copyScenarios } from './scenarios.js';
import { suiteDir, suiteFiles, type SuiteFile } from './shipped-suite.js';
import { countTap } from './tap-counts.js';
import type { FileResult } from './file-result.js';

const [dir = '', ...names] = process.argv.slice(2);
const fileWithinMs = 150_000;
const outputKept = 100_000;

function writeShim(): string {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  mkdirSync(join(dir, 'addresses'));
  const docker = join(bin, 'docker');
  writeFileSync(docker, `#!/bin/sh\nexec '${process.execPath}' '${fileURLToPath(new URL('docker.js', import.meta.url))}' "$@"\n`);
  chmodSync(docker, 0o755);
  return bin;
}

async function run(file: SuiteFile, bin: string): Promise<FileResult> {
  const startedAt = Date.now();
  const child = spawn(process.execPath, file.args(), {
    cwd: dirname(suiteDir),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_ENV: 'test',
      NODE_CONFIG_DIR: join(dirname(suiteDir), 'config'),
      TWINTRACK_TESTBED: dir,
      PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (output = (output + chunk).slice(-outputKept)));
  const late = setTimeout(() => child.kill('SIGKILL'), fileWithinMs);
  const [status] = (await once(child, 'close')) as [number | null];
  clearTimeout(late);
  const result = { name: file.name, status, ms: Date.now() - startedAt, ...countTap(output) };
  return status === 0 && result.failed.length === 0 ? result : { ...result, output };
}

/** What the peers had to object to, for whoever has to find out. */
function objections(): string {
  return readdirSync(dir)
    .filter((file) => file.endsWith('.errors'))
    .map((file) => `${file}: ${readFileSync(join(dir, file), 'utf8').slice(-2_000)}`)
    .join('\n');
}

const services = readServices(join(suiteDir, 'docker-compose-testbed.yaml'));
writeFileSync('/etc/hosts', ['127.0.0.1 localhost', ...services.map(({ address, name }) => `${address} ${name}`), ''].join('\n'));
copyScenarios(join(suiteDir, 'scenarios'), join(dir, 'scenarios'));
const bin = writeShim();
const peers = await openPeers(dir, services);
try {
  for (const file of suiteFiles) {
    if (names.length === 0 || names.includes(file.name)) console.log(JSON.stringify(await run(file, bin)));
  }
} finally {
  await peers.close();
}
console.error(objections());
