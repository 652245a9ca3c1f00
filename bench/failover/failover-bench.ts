/**
 * `npm run bench -- failover`: a recorder goes while SIPp's calls run through a proxy and two recorders, again and again;
 * what is missing in their recordings, sample by sample, and how long it took until another had the calls.
 */
import { cp, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withoutPostgres, startPostgres } from '../../src/ledger/postgres-server.fixture.js';
import { placeRound } from '../../sip-tests/failover/calls-in-fault.js';
import { areBack, faults, hasAll, type FaultName } from '../../sip-tests/failover/faults.js';
import { openFleet, type Fleet } from '../../sip-tests/failover/fleet.js';
import { sippIsInstalled } from '../../sip-tests/support/sipp.js';
import { median, UsageError, type Bench, type Table } from '../bench.js';

const seconds = 8;
/** With two recorders: in `dual` both have the calls, and the one that is left keeps them; nothing is taken over. */
const redundancies: readonly string[] = ['primary-backup', 'dual', 'split'];

const upperMs = [50, 100, 250, 500, 1_000, 2_000, 3_000, 5_000];

export const failover: Bench = {
  name: 'failover',
  summary: 'a recorder goes while calls run: what is missing in their recordings, and how soon another has the calls',
  options: {
    'failover-fault': { type: 'string' },
    'failover-calls': { type: 'string' },
    'failover-rounds': { type: 'string' },
    'failover-redundancy': { type: 'string' },
  },
  help: [
    `--failover-fault NAME   ${Object.keys(faults).join(', ')} (kill)`,
    '--failover-calls N      calls at once, 1 to 100 (100)',
    '--failover-rounds N     how often (20)',
    `--failover-redundancy R  ${redundancies.join(', ')} (primary-backup)`,
  ],
  async run(options, { progress, signal }) {
    const name = options['failover-fault'] ?? 'kill';
    if (typeof name !== 'string' || !isFault(name)) throw new UsageError(`--failover-fault is one of ${Object.keys(faults).join(', ')}`);
    const [calls, rounds] = [countOf(options['failover-calls'], 100, 100), countOf(options['failover-rounds'], 20, 1_000)];
    const redundancy = options['failover-redundancy'] ?? 'primary-backup';
    if (typeof redundancy !== 'string' || !redundancies.includes(redundancy)) throw new UsageError(`--failover-redundancy is one of ${redundancies.join(', ')}`);
    if (!sippIsInstalled()) throw new UsageError('SIPp is not installed (Debian: sip-tester)');
    if (withoutPostgres !== false) throw new UsageError(withoutPostgres);
    const fault = faults[name];
    const postgres = await startPostgres();
    try {
      const fleet = await openFleet({ postgres, database: 'bench', policy: { otherwise: { recorders: { redundancy } } }, isCuttable: 'isOfNetwork' in fault, ports: { relay: [20_000, 29_999], recorders: [[30_000, 37_999], [38_000, 45_999]] } });
      try {
        await areBack(fleet);
        const [missing, noticed, takenOver, wrong]: [number[], number[], number[], string[]] = [[], [], [], []];
        for (let round = 1; round <= rounds; round += 1) {
          signal.throwIfAborted();
          const result = await placeRound(fleet, { calls, seconds, round, ready: () => haveAll(fleet, calls, redundancy), inject: () => fault.inject(fleet), undo: () => fault.undo(fleet) });
          missing.push(...result.missingMs);
          noticed.push(...result.noticedMs);
          takenOver.push(...result.takenOverMs);
          wrong.push(...result.faults);
          for (const fault of result.faults.slice(0, 5)) progress(fault);
          if (result.faults.length > 0) progress(`logs, captures and recordings are kept in ${await keep(fleet)}`);
          progress(`round ${round} of ${rounds}: ${result.missingMs.reduce((sum, ms) => sum + ms, 0)} ms missing in ${calls} recordings${result.takenOverMs.length === 0 ? '' : `, all taken over after ${Math.round(Math.max(...result.takenOverMs))} ms`}`);
          await areBack(fleet);
        }
        const missingMs = missing.reduce((sum, ms) => sum + ms, 0);
        return {
          figures: {
            fault: name, redundancy, calls, rounds, recordings: missing.length, missingMs,
            noticedMs: spanOf(noticed),
            takenOverMs: spanOf(takenOver),
          },
          ratios: {},
          versions: {},
          tables: [histogram(`${rounds} times ${calls} calls (${redundancy}) whose recorder goes (${fault.what}): from then on, calls`, { 'it is noticed': noticed, 'another recorder has it': takenOver })],
          notes: [`${missing.length} recordings, ${missingMs} ms missing in all of them together`, ...wrong],
          failures: missingMs === 0 && wrong.length === 0 ? [] : [`${missingMs} ms are missing`],
        };
      } finally {
        await fleet.close();
      }
    } finally {
      await postgres.close();
    }
  },
};

const haveAll = async (fleet: Fleet, calls: number, redundancy: string): Promise<void> => {
  await hasAll(fleet, calls, 0);
  if (redundancy !== 'primary-backup') await hasAll(fleet, calls, 1);
};

/** What tells how something came to be missing: the fleet's folder without its ledger, and the logs of its processes. */
async function keep(fleet: Fleet): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-failover-'));
  await cp(fleet.proxy.dir, join(dir, 'fleet'), { recursive: true, filter: (path) => !path.endsWith('ledger') });
  await writeFile(join(dir, 'proxy.log'), fleet.log());
  for (const [n, { product }] of fleet.recorders.entries()) await writeFile(join(dir, `recorder-${n + 1}.log`), product.log());
  return dir;
}

const spanOf = (values: readonly number[]): Readonly<Record<string, number>> => (values.length === 0 ? {} : { median: Math.round(median(values)), most: Math.round(Math.max(...values)) });

const isFault = (name: string): name is FaultName => Object.hasOwn(faults, name);

function countOf(said: unknown, otherwise: number, most: number): number {
  if (said === undefined) return otherwise;
  const count = Number(said);
  if (!Number.isInteger(count) || count < 1 || count > most) throw new UsageError(`a count is a whole number from 1 to ${most}`);
  return count;
}

function histogram(title: string, columns: Readonly<Record<string, readonly number[]>>): Table {
  const bounds = [...upperMs, Number.POSITIVE_INFINITY];
  return {
    title,
    columns: ['until', ...Object.keys(columns)],
    rows: bounds.map((upper, n) => [
      Number.isFinite(upper) ? `${upper} ms` : 'later',
      ...Object.values(columns).map((values) => String(values.filter((ms) => ms <= upper && ms > (bounds[n - 1] ?? Number.NEGATIVE_INFINITY)).length)),
    ]),
  };
}
