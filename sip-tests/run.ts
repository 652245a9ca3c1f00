/**
 * `npm run sip-tests [-- NAME…]`: real peers against the running product.
 *
 * NAME is a folder or a file of sip-tests/, without ending: `sipp`, `calls`, `product`, `killed`. Without a
 * name all run. Those in sipp/ need SIPp (Debian: sip-tester): where it is missing they are skipped, loudly;
 * with TWINTRACK_REQUIRE_SIPP=1, as in CI, that is a failure.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sippIsInstalled } from './support/sipp.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

const tests = ['product', 'sipp'].flatMap((folder) =>
  readdirSync(join(here, folder))
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => ({ folder, name: basename(file, '.test.js'), file: join(here, folder, file) })),
);

const names = process.argv.slice(2);
const unknown = names.filter((name) => !tests.some((test) => test.folder === name || test.name === name));
if (unknown.length > 0) {
  console.error(`There is no SIP test ${unknown.join(', ')}. There are: product, sipp, ${tests.map((test) => test.name).join(', ')}`);
  process.exit(2);
}
const wanted = tests.filter((test) => names.length === 0 || names.includes(test.folder) || names.includes(test.name));
const hasSipp = sippIsInstalled();
const skipped = wanted.filter((test) => test.folder === 'sipp' && !hasSipp);

let status = 0;
const runnable = wanted.filter((test) => !skipped.includes(test));
if (runnable.length > 0) {
  const tap = createRequire(import.meta.url).resolve('tap/package.json').replace(/package\.json$/, 'dist/esm/run.mjs');
  // One after the other: each has the machine's two cores and its timing to itself.
  const args = [tap, 'run', '--disable-coverage', '--allow-empty-coverage', '--jobs=1', '--timeout=300', ...runnable.map((test) => relative(root, test.file))];
  status = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
}
if (skipped.length > 0) {
  console.error(`\nSKIPPED, because SIPp is not installed: ${skipped.map((test) => test.name).join(', ')}.`);
  console.error('On Debian: apt-get install sip-tester. These tests then run by themselves.');
  if (process.env['TWINTRACK_REQUIRE_SIPP'] === '1') {
    console.error('TWINTRACK_REQUIRE_SIPP=1: a skip is a failure here.');
    status ||= 1;
  }
}
process.exit(status);
