/**
 * Signs of life of recorders, and who recovers what one that is gone has left.
 *
 * All instants are the database's, so that the clocks of machines do not matter.
 *
 * Invariant 1  what a recorder left is recovered by one process at a time: who has the claim, until it lapses.
 * Invariant 2  after that it is recovered again only when it was alive in between.
 */
import type { GoneRecorder, RecorderBeat } from './entries.js';
import { numberOf, textOf } from './rows.js';
import type { Row, Sql } from './sql.js';

/** Longer than any copying takes. */
const claimedFor = `interval '10 minutes'`;
const silent = `ended_at is null and beat_at < clock_timestamp() - $1::double precision * interval '1 millisecond' and recovered_beat_at is distinct from beat_at`;
const unclaimed = '(claimed_until is null or claimed_until < clock_timestamp())';

const goneFrom = (row: Row): GoneRecorder => ({ recorder: textOf(row, 'recorder'), folder: textOf(row, 'folder') });

export const recorderBeat = async (sql: Sql, { recorder, run, folder }: RecorderBeat): Promise<void> => {
  await sql.query(
    `insert into recorder_beats (recorder, run, folder, started_at, beat_at) values ($1, $2, $3, clock_timestamp(), clock_timestamp())
      on conflict (recorder) do update set
        started_at = case when recorder_beats.run = excluded.run then recorder_beats.started_at else excluded.started_at end,
        run = excluded.run, folder = excluded.folder, beat_at = excluded.beat_at, ended_at = null`,
    [recorder, run, folder],
  );
};

/** Nothing when another run of it has begun. */
export const recorderEnded = async (sql: Sql, recorder: string, run: string): Promise<void> => {
  await sql.query('update recorder_beats set ended_at = clock_timestamp() where recorder = $1 and run = $2', [recorder, run]);
};

export const recordersGone = async (sql: Sql, silentForMs: number): Promise<GoneRecorder[]> =>
  (await sql.query(`select recorder, folder from recorder_beats where ${silent} and ${unclaimed} order by recorder`, [silentForMs])).map(goneFrom);

export const claimRecovery = async (sql: Sql, recorder: string, silentForMs: number, claimant: string): Promise<boolean> =>
  (
    await sql.query(
      `update recorder_beats set claimant = $2, claimed_until = clock_timestamp() + ${claimedFor}
        where recorder = $3 and ${silent} and ${unclaimed} returning recorder`,
      [silentForMs, claimant, recorder],
    )
  ).length === 1;

/** @param done all is recovered; otherwise somebody may try again */
export const recoveryEnded = async (sql: Sql, recorder: string, done: boolean, claimant: string): Promise<void> => {
  await sql.query(
    `update recorder_beats set claimant = null, claimed_until = null, recovered_beat_at = case when $2::boolean then beat_at else recovered_beat_at end
      where recorder = $1 and claimant = $3`,
    [recorder, done, claimant],
  );
};

/** Of these folders beside those of recorders, the ones in which no capture of the ledger lies and nobody copies. */
export const unusedCopies = async (sql: Sql, folders: readonly { readonly recorder: string; readonly copy: string }[]): Promise<string[]> => {
  if (folders.length === 0) return [];
  const rows = await sql.query(
    `select f.copy from jsonb_to_recordset($1::jsonb) as f(recorder text, copy text)
      where not exists (select 1 from captures c where c.recorder = f.recorder and starts_with(c.path, f.copy || '/'))
        and not exists (select 1 from recorder_beats b where b.recorder = f.recorder and b.claimed_until > clock_timestamp())
        and exists (select 1 from recorder_beats b where b.recorder = f.recorder)`,
    [JSON.stringify(folders)],
  );
  return rows.map((row) => textOf(row, 'copy'));
};

/** Folder of each recorder that was ever heard of. */
export const recorderFolders = async (sql: Sql): Promise<GoneRecorder[]> =>
  (await sql.query('select recorder, folder from recorder_beats order by recorder')).map(goneFrom);

/** How long ago a recorder was last heard of, in another run than this and not ended; undefined when it was not. */
export const silenceOfOther = async (sql: Sql, recorder: string, run: string): Promise<number | undefined> => {
  const [row] = await sql.query(
    'select extract(epoch from clock_timestamp() - beat_at) * 1000 as silent_ms from recorder_beats where recorder = $1 and run <> $2 and ended_at is null',
    [recorder, run],
  );
  return row === undefined ? undefined : numberOf(row, 'silent_ms');
};
