import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import t, { type Test } from 'tap';
import { openPostgres, PostgresSql, type PostgresOptions } from './postgres-sql.js';
import { startPostgres, withoutPostgres } from './postgres-server.fixture.js';

await t.test('a PostgreSQL server', { skip: withoutPostgres }, async (t) => {
  const server = await startPostgres();
  t.teardown(() => server.close());
  const settings = { ...(await server.database('things')), connections: 2, queryTimeoutMs: 1_000, connectTimeoutMs: 2_000, maxWaiting: 5, backOffMs: 10 };
  const open = async (t: Test, more: Partial<PostgresOptions> = {}): Promise<PostgresSql> => {
    const sql = await openPostgres({ ...settings, ...more });
    t.teardown(() => sql.close());
    return sql;
  };
  const sql = await open(t);
  await sql.query('create table things (id integer primary key, big bigint)');

  await t.test('a transaction does all of its statements or none', async (t) => {
    const one = { text: 'insert into things values (1, 1)', params: [] };
    await t.rejects(sql.transaction([one, one]), { name: 'Error', message: /23505/ });
    t.same(await sql.query('select * from things'), []);
    t.same(
      await sql.transaction([
        { text: 'insert into things values ($1, $2) returning id', params: [1, Number.MAX_SAFE_INTEGER] },
        { text: 'select big from things', params: [] },
      ]),
      [[{ id: 1 }], [{ big: String(Number.MAX_SAFE_INTEGER) }]],
    );
  });

  await t.test('wrong SQL is a bug, a missing right is none, and the next statement works', async (t) => {
    await t.rejects(sql.query('selekt 1'), { name: 'Error', message: /42601/ });
    await server.admin(`create role guest login password 'guest'`);
    const passwordFile = join(t.testdir({ password: 'guest\n' }), 'password');
    await t.rejects((await open(t, { user: 'guest', passwordFile })).query('create table more (id integer)'), { code: 'LEDGER_UNAVAILABLE', message: /42501/ });
    t.same(await sql.query('select 1 as one'), [{ one: 1 }]);
  });

  await t.test('a transaction that loses to another in a deadlock is done again', async (t) => {
    await sql.query('insert into things values (2, 0), (3, 0)');
    const add = (id: number) => ({ text: 'update things set big = big + 1 where id = $1', params: [id] });
    const pause = { text: 'select pg_sleep(0.2)', params: [] };
    const patient = await open(t, { queryTimeoutMs: 5_000 });
    await Promise.all([patient.transaction([add(2), pause, add(3)]), patient.transaction([add(3), pause, add(2)])]);
    t.same(await sql.query('select big from things where id in (2, 3)'), [{ big: '2' }, { big: '2' }]);
  });

  await t.test('a statement that takes too long is ended, and the connection serves on', async (t) => {
    await t.rejects(sql.query('select pg_sleep(60)'), { code: 'LEDGER_UNAVAILABLE', message: /57014/ });
    t.same(await sql.query('select 1 as one'), [{ one: 1 }]);
  });

  await t.test('requests beyond the bound are refused at once, those within it are served', async (t) => {
    const served = Array.from({ length: 5 }, (_, index) => sql.query('select $1::integer as index', [index]));
    await t.rejects(sql.query('select 1'), { code: 'LEDGER_UNAVAILABLE', message: /behind/ });
    t.same(await Promise.all(served), [0, 1, 2, 3, 4].map((index) => [{ index }]));
  });

  await t.test('when no connection becomes free in time, a request fails, known not to be done', async (t) => {
    const impatient = await open(t, { connections: 1, connectTimeoutMs: 200 });
    const slow = impatient.query('select pg_sleep(0.8)');
    await t.rejects(impatient.query('insert into things values (7, 7)'), { code: 'LEDGER_UNAVAILABLE', message: /was not done/ });
    await slow;
    t.same(await impatient.query('select id from things where id = 7'), []);
  });

  await t.test('when the server goes away, all who wait are told; while it is away they are told at once; when it is back it is used again', async (t) => {
    await sql.query('insert into things values (8, 8)');
    const told = t.rejects(sql.query('select pg_sleep(0.9)'), { code: 'LEDGER_UNAVAILABLE' });
    await server.stop();
    await told;
    // Each connection of before whose end is still on its way here may be tried once.
    const failures: unknown[] = [];
    while (failures.length < settings.connections && !/not reached/u.test(String(failures.at(-1)))) failures.push(await sql.query('select 1').catch((error: unknown) => error));
    for (const failure of failures) t.match(failure, { code: 'LEDGER_UNAVAILABLE' });
    t.match(failures.at(-1), { message: /not reached/ });
    await server.start();
    let rows: readonly unknown[] | undefined;
    while (rows === undefined) rows = await sql.query('select id from things where id = 8').catch(() => undefined);
    t.same(rows, [{ id: 8 }]);
  });

  await t.test('a wrong password, an unknown database and one that is not in UTF-8 are refused, and nothing told holds the password', async (t) => {
    const wrong = join(t.testdir(), 'wrong');
    await writeFile(wrong, 'hunter2');
    const failure: unknown = await openPostgres({ ...settings, passwordFile: wrong }).catch((error: unknown) => error);
    t.match(failure, { code: 'LEDGER_UNAVAILABLE', message: /things on 127\.0\.0\.1 cannot be used: .*password authentication failed/ });
    t.notMatch(inspect(failure, { depth: 10, showHidden: true }), /hunter2/);
    t.notMatch(inspect(sql, { depth: 10 }), /a password of the test/);
    await t.rejects(openPostgres({ ...settings, database: 'nowhere' }), { code: 'LEDGER_UNAVAILABLE', message: /"nowhere" does not exist/ });
    await t.rejects(openPostgres({ ...settings, passwordFile: '/nonexistent' }), { code: 'LEDGER_UNAVAILABLE', message: /passwordFile \/nonexistent cannot be read/ });
    await server.admin(`create database latin encoding 'LATIN1' locale 'C' template template0`);
    await t.rejects(openPostgres({ ...settings, database: 'latin' }), { code: 'LEDGER_UNAVAILABLE', message: /not in UTF-8/ });
  });

  await t.test('a server without TLS is not spoken to in clear where TLS is wanted', async (t) => {
    await t.rejects(openPostgres({ ...settings, tls: {} }), { code: 'LEDGER_UNAVAILABLE', message: /SSL/ });
    await t.rejects(openPostgres({ ...settings, tls: { caFile: '/nonexistent' } }), { code: 'LEDGER_UNAVAILABLE', message: /caFile/ });
  });

  await t.test('close lets what was asked before finish, and refuses what comes after', async (t) => {
    const closing = await openPostgres(settings);
    const asked = [1, 2, 3].map((value) => closing.query('select $1::integer as value', [value]));
    const closed = closing.close();
    await t.rejects(closing.query('select 1'), { code: 'LEDGER_UNAVAILABLE', message: /closed/ });
    await closed;
    t.same(await Promise.all(asked), [1, 2, 3].map((value) => [{ value }]));
  });
});

t.test('a server that takes connections and says nothing is given up in time', async (t) => {
  const mute = createServer(() => undefined).listen(0, '127.0.0.1');
  t.teardown(() => mute.close());
  await new Promise((resolve) => mute.once('listening', resolve));
  const { port } = mute.address() as AddressInfo;
  await t.rejects(openPostgres({ host: '127.0.0.1', port, database: 'd', user: 'u', connections: 1, connectTimeoutMs: 200 }), { code: 'LEDGER_UNAVAILABLE', message: /not reached/ });
});
