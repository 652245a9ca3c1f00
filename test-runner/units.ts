/**
 * `npm run test:unit [-- NAME…]`: the unit tests of src/ and of this folder, two files at a time. NAME is part of a
 * path: `proxy/`, `media/rtp`. Without one all run.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runFiles } from './run-files.js';

const dist = fileURLToPath(new URL('..', import.meta.url));
const names = process.argv.slice(2);
const tests = ['src', 'test-runner']
  .flatMap((folder) => readdirSync(join(dist, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
  .filter((file) => file.endsWith('.test.js') && (names.length === 0 || names.some((name) => file.includes(name))))
  .sort();
if (tests.length === 0) {
  console.error(`No unit test has ${names.join(' or ')} in its path.`);
  process.exit(2);
}
/** Longer than the rest: begun first, so that none of them is left alone at the end. */
const longest = ['proxy/next-hops', 'ledger/ledger', 'recorder/recorder', 'anchor/freeswitch/freeswitch', 'cli/ingest', 'stitch/two-hours'].map((name) => `src/${name}.test.js`);
const files = [...longest.filter((file) => tests.includes(file)), ...tests.filter((file) => !longest.includes(file))];
process.exitCode = (await runFiles({ files: files.map((file) => join(dist, file)), jobs: 2, timeoutSeconds: 120 })) ? 0 : 1;
