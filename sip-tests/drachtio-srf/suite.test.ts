/** drachtio-srf's own test suite, as it ships it, with the embedded edge where it expects drachtio-server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { FileResult } from './file-result.js';
import { isolated } from './namespace.js';
import { whyNotRunnable } from './runnable.js';
import { suiteFiles } from './shipped-suite.js';

/** Files to run alone, for whoever mends something: `DRACHTIO_SRF_FILES=uac,refer`. */
const only = (process.env['DRACHTIO_SRF_FILES'] ?? '').split(',').filter((name) => name !== '');

async function runSuite(dir: string): Promise<{ results: Map<string, FileResult>; objections: string }> {
  const hosts = join(dir, 'hosts');
  await writeFile(hosts, '127.0.0.1 localhost\n');
  const testbed = fileURLToPath(new URL('testbed.js', import.meta.url));
  const [command = '', ...args] = isolated(hosts, [process.execPath, testbed, dir, ...only]);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  let objections = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (told += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (objections += chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the testbed ended with status ${String(status)}: ${objections}`);
  const results = told.trim().split('\n').map((line) => JSON.parse(line) as FileResult);
  return { results: new Map(results.map((result) => [result.name, result])), objections };
}

t.test("drachtio-srf's suite can be run here", (t) => {
  t.equal(whyNotRunnable(), undefined);
  t.end();
});

t.test("drachtio-srf's suite passes against the embedded edge, each of its assertions made", { timeout: 290_000 }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-drachtio-srf-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const { results, objections } = await runSuite(dir);
  for (const file of suiteFiles.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const result = results.get(file.name);
    t.match(result, { status: 0, passed: file.assertions, failed: [] }, `${file.name}: ${file.assertions} assertions in ${result?.ms ?? 0} ms`);
    if (result?.output !== undefined) t.comment(`${result.output}\n${objections}`);
  }
});
