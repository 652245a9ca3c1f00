/**
 * The schema, as the steps that lead to it.
 *
 * A step that was released is never changed: a change is another step. Each runs in one transaction
 * under an exclusive lock and says "if not exists", so that two nodes may start at once.
 *
 * `sessions` is derived: one row per session ID, written together with every change to what it is
 * derived from (see sessions.ts). It is what makes the list and the stitcher's question cheap
 * however long the ledger grows.
 */
import { Failure } from '../errors/index.js';
import { textOf } from './rows.js';
import type { Sql, Statement } from './sql.js';

interface Migration {
  readonly id: string;
  readonly statements: readonly string[];
}

const migrations: readonly Migration[] = [
  {
    id: '0001-calls-captures-recordings',
    statements: [
      `create table if not exists calls (
        call_id text primary key,
        session_id text not null,
        trunk text not null,
        from_uri text not null,
        to_uri text not null,
        started_at_ms double precision not null,
        answered_at_ms double precision,
        ended_at_ms double precision,
        outcome text not null check (outcome in
          ('in-progress', 'answered', 'cancelled', 'rejected', 'failed', 'refused', 'interrupted')),
        sip_status integer,
        recording text not null check (recording in ('pending', 'complete', 'partial', 'lost', 'excluded')),
        reason text not null,
        node text not null)`,
      'create index if not exists calls_by_session on calls (session_id)',
      'create index if not exists calls_in_progress on calls (node) where ended_at_ms is null',
      `create table if not exists captures (
        capture_id text primary key,
        session_id text not null,
        recorder text not null,
        path text not null,
        opened_at_ms double precision not null,
        closed_at_ms double precision,
        state text not null check (state in ('open', 'closed', 'cut')),
        packets bigint not null,
        bytes bigint not null,
        stitched boolean not null)`,
      'create index if not exists captures_by_session on captures (session_id)',
      `create index if not exists captures_open on captures (recorder) where state = 'open'`,
      `create table if not exists recordings (
        recording_id text primary key,
        session_id text not null,
        state text not null check (state in ('complete', 'partial', 'lost', 'excluded')),
        reason text not null,
        started_at_ms double precision not null,
        duration_ms double precision not null,
        caller text not null,
        callee text not null,
        object_name text not null,
        digest text not null,
        report jsonb not null,
        sealed_bytes bigint not null,
        stitched_at_ms double precision not null)`,
      'create index if not exists recordings_by_session on recordings (session_id)',
      `create table if not exists stitch_tries (
        session_id text primary key,
        tries integer not null,
        next_at_ms double precision not null,
        reason text not null,
        given_up boolean not null)`,
      `create table if not exists sessions (
        session_id text primary key,
        started_at_ms double precision not null,
        state text not null check (state in ('pending', 'complete', 'partial', 'lost', 'excluded')),
        reason text not null,
        caller text not null,
        callee text not null,
        recording_id text,
        duration_ms double precision,
        call_state text check (call_state in ('ringing', 'active', 'ended')),
        unstitched_since_ms double precision)`,
      'create index if not exists sessions_newest on sessions (started_at_ms desc, session_id desc)',
      'create index if not exists sessions_by_state on sessions (state, started_at_ms desc, session_id desc)',
      `create index if not exists sessions_unstitched on sessions (unstitched_since_ms)
        where unstitched_since_ms is not null`,
    ],
  },
  {
    id: '0002-retention-tags',
    statements: [
      'alter table calls add column if not exists retention text',
      'alter table calls add column if not exists keep_until_ms double precision',
      `alter table calls add column if not exists tags jsonb not null default '{}'`,
      'alter table recordings add column if not exists retention text',
      'alter table recordings add column if not exists keep_until_ms double precision',
      'alter table sessions add column if not exists retention text',
      'alter table sessions add column if not exists keep_until_ms double precision',
      `alter table sessions add column if not exists tags jsonb not null default '{}'`,
      `update sessions s set tags = r.report -> 'tags' from recordings r
        where r.recording_id = s.recording_id and jsonb_typeof(r.report -> 'tags') = 'object'`,
      // Names and values: `?` and `@>` both use it.
      'create index if not exists sessions_by_tag on sessions using gin (tags)',
    ],
  },
  {
    id: '0003-why-captures-were-cut',
    statements: [`alter table captures add column if not exists reason text not null default ''`],
  },
  { id: '0004-announced', statements: ['alter table calls add column if not exists announced text'] },
  {
    id: '0005-session-keys',
    statements: [
      `create table if not exists session_keys (
        session_id text not null, digest text not null, sealed text not null, came_at_ms double precision not null,
        primary key (session_id, digest))`,
    ],
  },
  {
    id: '0006-several-processes',
    statements: [
      'create table if not exists stitch_claims (session_id text primary key, claimant text not null, until_at timestamptz not null)',
      `create table if not exists recorder_beats (
        recorder text primary key, run text not null, folder text not null,
        started_at timestamptz not null, beat_at timestamptz not null, ended_at timestamptz,
        claimant text, claimed_until timestamptz, recovered_beat_at timestamptz)`,
      // Where its recorder writes it, while a copy stands for it.
      'alter table captures add column if not exists own_path text',
      'create index if not exists captures_copied on captures (recorder) where own_path is not null',
    ],
  },
  { id: '0007-unrecorded', statements: [`alter table calls add column if not exists unrecorded jsonb not null default '[]'`] },
  { id: '0008-more-follows', statements: ['alter table captures add column if not exists more_follows boolean not null default false'] },
];

/** Two who make the first table at once would fail, "if not exists" or not; one waits for the other. */
const oneMakesTables = 'select pg_advisory_xact_lock(3, 0)';

/**
 * Brings the schema up to date; safe where several do so at once.
 * Failure LEDGER_UNAVAILABLE when a newer twintrack has been here, or the database does not answer.
 */
export const migrate = async (sql: Sql, nowMs: number): Promise<void> => {
  await sql.transaction(
    [oneMakesTables, 'create table if not exists schema_migrations (id text primary key, applied_at_ms double precision not null)'].map((text) => ({ text, params: [] })),
  );
  const applied = new Set((await sql.query('select id from schema_migrations')).map((row) => textOf(row, 'id')));
  for (const id of applied) {
    if (migrations.some((migration) => migration.id === id)) continue;
    throw new Failure(
      'LEDGER_UNAVAILABLE',
      `the ledger was written by a newer twintrack (its schema has the step ${id}): run that version, or give this one a ledger of its own`,
      { facts: { migration: id } },
    );
  }
  for (const migration of migrations) {
    if (applied.has(migration.id)) continue;
    const steps: Statement[] = ['lock table schema_migrations in exclusive mode', ...migration.statements].map((text) => ({ text, params: [] }));
    steps.push({ text: 'insert into schema_migrations values ($1, $2) on conflict do nothing', params: [migration.id, nowMs] });
    await sql.transaction(steps);
  }
};

/** Whether the database can write: by a change that changes nothing. */
export const takesChanges = (sql: Sql): Promise<boolean> =>
  sql.query('update schema_migrations set applied_at_ms = applied_at_ms').then(
    () => true,
    () => false,
  );
