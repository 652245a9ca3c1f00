/**
 * `npm run test:unit [-- NAME…]`: the unit tests of src/ and of this folder, two files at a time. NAME is part of a
 * path: `proxy/`, `media/rtp`. Without one all run.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeLedgerTemplate } from '../src/ledger/ledger-template.fixture.js';
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
// Of one file it would be made for one use.
const template = files.length > 1 ? await makeLedgerTemplate() : undefined;
process.exitCode = (await runFiles({ files: files.map((file) => join(dist, file)), jobs: 2, timeoutSeconds: 120, env: template?.env })) ? 0 : 1;
await template?.remove();
