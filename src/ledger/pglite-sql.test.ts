import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openPglite } from './pglite-sql.js';

const folder = await mkdtemp(join(tmpdir(), 'twintrack-pglite-'));
const settings = { dir: join(folder, 'ledger'), queryTimeoutMs: 1_000, stuckAfterMs: 1_500, maxWaiting: 5, backOffMs: 10 };
const sql = await openPglite(settings);
await sql.query('create table things (id integer primary key, big bigint)');

/** Keeps the thread busy until it is killed. */
const forever = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n';

await t.test('a transaction does all of its statements or none', async (t) => {
  await t.rejects(
    sql.transaction([
      { text: 'insert into things values (1, 1)', params: [] },
      { text: 'insert into things values (1, 1)', params: [] },
    ]),
    { message: /23505/ },
  );
  t.same(await sql.query('select * from things'), []);
  t.same(
    await sql.transaction([
      { text: 'insert into things values ($1, $2) returning id', params: [1, Number.MAX_SAFE_INTEGER] },
      { text: 'select big from things', params: [] },
    ]),
    [[{ id: 1 }], [{ big: Number.MAX_SAFE_INTEGER }]],
  );
});

await t.test('wrong SQL is a bug, not a failure to be expected, and the next statement works', async (t) => {
  await t.rejects(sql.query('selekt 1'), { name: 'Error', message: /42601/ });
  t.same(await sql.query('select 1 as one'), [{ one: 1 }]);
});

await t.test('when the thread dies, all who wait are told, and the next request finds everything acknowledged', async (t) => {
  await sql.query('insert into things values (2, 2)');
  const pending = [sql.query(forever), sql.query('insert into things values (3, 3)')];
  const told = Promise.all(pending.map((each) => t.rejects(each, { code: 'LEDGER_UNAVAILABLE' })));
  await sql.worker?.terminate();
  await told;
  t.same(await sql.query('select id from things order by id'), [{ id: 1 }, { id: 2 }]);
});

await t.test('requests beyond the bound are refused at once, those within it are served', async (t) => {
  const served = Array.from({ length: 6 }, (_, index) => sql.query('select $1::integer as index', [index]));
  await t.rejects(sql.query('select 1'), { code: 'LEDGER_UNAVAILABLE', message: /behind/ });
  t.same(await Promise.all(served), [0, 1, 2, 3, 4, 5].map((index) => [{ index }]));
});

await t.test('an answer that does not come in time is a failure, and a stuck thread is replaced', async (t) => {
  const stuck = sql.query(forever);
  const behind = sql.query('select 1');
  await t.rejects(stuck, { code: 'LEDGER_UNAVAILABLE', message: /within 1000 ms/ });
  await t.rejects(behind, { code: 'LEDGER_UNAVAILABLE', message: /stopped/ });
  t.same(await sql.query('select 1 as one'), [{ one: 1 }]);
});

await t.test('close lets what was asked before finish, and refuses what comes after', async (t) => {
  const asked = [1, 2, 3].map((value) => sql.query('select $1::integer as value', [value]));
  const closed = sql.close();
  await t.rejects(sql.query('select 1'), { code: 'LEDGER_UNAVAILABLE', message: /closed/ });
  await closed;
  t.same(await Promise.all(asked), [1, 2, 3].map((value) => [{ value }]));
});

await t.test('a request that cannot be started in time fails, known not to be done', async (t) => {
  const impatient = await openPglite({ ...settings, dir: join(folder, 'ledger'), waitTimeoutMs: 100 });
  await impatient.query('create table if not exists tried (id integer)');
  const stuck = t.rejects(impatient.query(forever), { message: /within 1000 ms/ });
  await t.rejects(impatient.query('insert into tried values (1)'), { code: 'LEDGER_UNAVAILABLE', message: /was not done/ });
  await stuck;
  await impatient.close();
});

await t.test('a folder that is none is refused, with what to do', async (t) => {
  const dir = join(folder, 'file');
  await writeFile(dir, 'not a database');
  await t.rejects(openPglite({ dir }), { code: 'LEDGER_UNAVAILABLE', message: /cannot be opened/ });
});

await rm(folder, { recursive: true });
