import t, { type Test } from 'tap';
import { Failure } from '../errors/index.js';
import { KeptEntries, type KeptEntriesOptions } from './kept-entries.js';

const down = (): Failure => new Failure('LEDGER_UNAVAILABLE', 'the database is down');

/** A database that is up or not, and what it has taken. */
function openBed(t: Test, options: Partial<KeptEntriesOptions> = {}) {
  const bed = { up: true, taken: [] as string[], tried: [] as string[], asked: 0, told: [] as unknown[] };
  const kept = new KeptEntries({
    takesChanges: () => Promise.resolve(((bed.asked += 1), bed.up)),
    observer: {
      waiting: (now) => (now > 1 ? undefined : bed.told.push(now)),
      behind: (reason) => bed.told.push(reason),
      caughtUp: () => bed.told.push('caught up'),
    },
    retryMs: 1,
    ...options,
  });
  t.teardown(() => kept.close());
  const enter = (name: string, fails?: () => Error | undefined): Promise<void> =>
    kept.add(() => {
      bed.tried.push(name);
      const error = bed.up ? fails?.() : down();
      if (error !== undefined) return Promise.reject(error);
      bed.taken.push(name);
      return Promise.resolve();
    });
  return { kept, enter, bed };
}

/** The test's own timeout bounds it. */
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
};

t.test('entries are made one after the other as they came, and resolve when they are made', async (t) => {
  const { enter, bed, kept } = openBed(t);
  const names = ['began', 'answered', 'ended'];
  await Promise.all(names.map((name) => enter(name)));
  t.strictSame(bed.taken, names);
  t.equal(kept.waiting, 0);
  t.strictSame(bed.told.filter((one) => typeof one === 'string'), [], 'nothing was wrong');
});

t.test('while the database is down entries are kept in their order, and made when it takes changes again', async (t) => {
  const { enter, bed, kept } = openBed(t);
  bed.up = false;
  const names = ['a began', 'b began', 'a ended', 'b ended'];
  let resolved = 0;
  const all = Promise.all(names.map((name) => enter(name).then(() => (resolved += 1))));
  await until(() => bed.asked >= 3);
  t.strictSame([kept.waiting, resolved, bed.taken], [4, 0, []]);
  t.strictSame(bed.tried, ['a began'], 'only whether it takes changes is asked again and again');
  bed.up = true;
  await all;
  t.strictSame(bed.taken, names);
  await until(() => bed.told.includes('caught up'));
  t.strictSame(bed.told.filter((one) => typeof one === 'string'), ['the database is down', 'caught up'], 'told once');
  t.equal(bed.told.findLast((one) => typeof one === 'number'), 0);
});

t.test('an entry that the ledger refuses is told to its maker and holds nobody up', async (t) => {
  const { enter, bed } = openBed(t);
  const unknown = enter('of nobody', () => new Failure('RECORDING_UNKNOWN', 'no such call'));
  const next = enter('next');
  await t.rejects(unknown, { code: 'RECORDING_UNKNOWN' });
  await next;
  t.strictSame(bed.taken, ['next']);
});

t.test('an entry that fails again and again although the database takes changes is given up, those behind it are made', async (t) => {
  const { enter, bed } = openBed(t);
  const poisoned = enter('poisoned', down);
  const next = enter('next');
  await t.rejects(poisoned, { code: 'LEDGER_UNAVAILABLE' });
  await next;
  t.equal(bed.tried.filter((name) => name === 'poisoned').length, 5);
});

t.test('beyond the bound an entry is refused at once, those that are kept stay', async (t) => {
  const { enter, bed } = openBed(t, { maxKept: 2 });
  bed.up = false;
  const kept = [enter('1'), enter('2')];
  await t.rejects(enter('3'), { code: 'LEDGER_UNAVAILABLE', message: /2 entries behind/ });
  bed.up = true;
  await Promise.all(kept);
  t.strictSame(bed.taken, ['1', '2']);
});

t.test('close waits for what is kept as long as the database takes it', async (t) => {
  const { enter, bed, kept } = openBed(t);
  bed.up = false;
  const entered = enter('last');
  const closed = kept.close();
  await t.rejects(enter('too late'), { code: 'LEDGER_UNAVAILABLE', message: /closed/ });
  bed.up = true;
  await closed;
  await entered;
  t.strictSame(bed.taken, ['last']);
});

t.test('close does not wait for ever: what was not taken by then is told to its maker', async (t) => {
  const { enter, bed, kept } = openBed(t, { closeWithinMs: 20 });
  bed.up = false;
  const entries = [enter('1'), enter('2')];
  const told = Promise.all(entries.map((entry) => t.rejects(entry, { code: 'LEDGER_UNAVAILABLE', message: /closed before/ })));
  await Promise.all([kept.close(), kept.close()]);
  await told;
  t.equal(kept.waiting, 0);
  t.strictSame(bed.taken, []);
});
