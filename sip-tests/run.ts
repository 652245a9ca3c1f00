/**
 * `npm run sip-tests [-- NAME…]`: real peers against the running product.
 *
 * NAME is a folder or a file of sip-tests/, without ending: `sipp`, `calls`, `product`, `killed`, and
 * `drachtio-srf`, the suite that drachtio-srf ships. Without a name all run. Some folders need a program
 * (`peers` below): where it is missing they are skipped, loudly; with TWINTRACK_REQUIRE_PEERS=1, as in CI,
 * that is a failure. The same holds for drachtio-srf and what it needs beyond that
 * (drachtio-srf/runnable.ts); asked for by its name it fails.
 *
 * Most of them wait most of the time, for calls to be heard out: those run two at a time (support/ports.ts keeps them
 * apart). Those of `quiet` bear one another, but not the starts of many products; those of `alone` fill the machine by
 * themselves.
 */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rtpengineIsInstalled } from '../src/anchor/rtpengine/daemon.fixture.js';
import { makeLedgerTemplate } from '../src/ledger/ledger-template.fixture.js';
import { runFiles } from '../test-runner/run-files.js';
import { whyNotRunnable } from './drachtio-srf/runnable.js';
import { baresipIsInstalled } from './support/baresip.js';
import { sippIsInstalled } from './support/sipp.js';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Programs that are the far ends of the tests in these folders, and the Debian packages they come in. */
const peers = [
  { program: 'sipp', debian: 'sip-tester', isInstalled: sippIsInstalled, folders: ['sipp', 'edge', 'transparency', 'makers', 'failover'] },
  { program: 'baresip', debian: 'baresip-core', isInstalled: baresipIsInstalled, folders: ['baresip'] },
  { program: 'rtpengine', debian: 'rtpengine-daemon', isInstalled: rtpengineIsInstalled, folders: ['rtpengine'] },
];
const folders = ['product', 'freeswitch', ...peers.flatMap((peer) => peer.folders), 'drachtio-srf'];
const tests = folders.flatMap((folder) =>
  readdirSync(join(here, folder))
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => ({ folder, name: basename(file, '.test.js'), file: join(here, folder, file) })),
);

/** Files that only others of these may run beside. */
const quiet = ['transparency', 'loss', 'rtpengine-keeps', 'bench', 'calls'];
/** Files that have the machine to themselves. */
const alone = ['never-harmed', 'takeover', 'redundancy'];
/** The longest of the others: begun first, so that none of them is left alone at the end. */
const longest = ['suite', 'recording-control', 'test-call'];
const place = (name: string): number => (longest.includes(name) ? longest.indexOf(name) : longest.length);

const names = process.argv.slice(2);
const unknown = names.filter((name) => !tests.some((test) => test.folder === name || test.name === name));
if (unknown.length > 0) {
  console.error(`There is no SIP test ${unknown.join(', ')}. There are: ${folders.join(', ')}, ${tests.map((test) => test.name).join(', ')}`);
  process.exit(2);
}
const wanted = tests.filter((test) => names.length === 0 || names.includes(test.folder) || names.includes(test.name));
const missing = peers.filter(({ isInstalled }) => !isInstalled());
const skipped = wanted.filter((test) => missing.some((peer) => peer.folders.includes(test.folder)));
const lacking = names.length === 0 ? whyNotRunnable() : undefined;
const leftOut = lacking === undefined ? [] : wanted.filter((test) => test.folder === 'drachtio-srf');

let status = 0;
const runnable = wanted.filter((test) => !skipped.includes(test) && !leftOut.includes(test));
if (runnable.length > 0) {
  const beside = runnable.filter(({ name }) => ![...quiet, ...alone].includes(name)).sort((one, other) => place(one.name) - place(other.name));
  const of = (names: readonly string[]): typeof runnable => names.flatMap((name) => runnable.filter((test) => test.name === name));
  const template = runnable.length > 1 ? await makeLedgerTemplate() : undefined;
  for (const [jobs, tests] of [[2, beside], [2, of(quiet)], [1, of(alone)]] as const) {
    const files = tests.map(({ file }) => file);
    if (files.length > 0 && !(await runFiles({ files, jobs, timeoutSeconds: 300, env: template?.env }))) status = 1;
  }
  await template?.remove();
}
if (leftOut.length > 0) console.error(`\nLEFT OUT: drachtio-srf, the suite that drachtio-srf ships: ${lacking ?? ''}.`);
for (const { program, debian, folders } of missing) {
  const left = skipped.filter((test) => folders.includes(test.folder));
  if (left.length === 0) continue;
  console.error(`\nSKIPPED, because ${program} is not installed: ${left.map((test) => test.name).join(', ')}.`);
  console.error(`On Debian: apt-get install --no-install-recommends ${debian}. These tests then run by themselves.`);
}
if (leftOut.length + skipped.length > 0 && process.env['TWINTRACK_REQUIRE_PEERS'] === '1') {
  console.error('TWINTRACK_REQUIRE_PEERS=1: a skip is a failure here.');
  status ||= 1;
}
process.exit(status);
