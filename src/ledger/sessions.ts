/**
 * The derived row of a session, and what is read from it: the list, the counts, the stitcher's queue.
 *
 * Invariant 1  every transaction that changes calls, captures, recordings or stitch_tries is made by
 *              `changing`: it ends with a refresh of the sessions concerned, so the row never lags
 *              behind its sources; and nobody else changes these sessions meanwhile, in any process.
 * Invariant 2  the newest recording speaks for its session; without one, a stitch that was given up;
 *              without that, the call that began last; without a call, the session is pending.
 */
import type { ListedState, ListFilter, Listed, LedgerCounts } from './entries.js';
import { numberOf, oneOf, optionalNumberOf, optionalTextOf, retentionFrom, storableJson, tagsFrom, textOf } from './rows.js';
import type { Row, Sql, SqlValue, Statement } from './sql.js';

export const listedStates = ['pending', 'complete', 'partial', 'lost', 'excluded'] as const satisfies readonly ListedState[];

/** Which sessions: an SQL query with one column `session_id`. */
const refreshText = (sessionIds: string): string => `
  insert into sessions (session_id, started_at_ms, state, reason, caller, callee, recording_id, duration_ms, call_state, unstitched_since_ms,
    retention, keep_until_ms, tags)
  select s.session_id,
    coalesce(r.started_at_ms, first.started_at_ms, k.opened_at_ms),
    coalesce(r.state, case when t.given_up then 'lost' end, last.recording, 'pending'),
    coalesce(r.reason, case when t.given_up then t.reason end, last.reason, ''),
    coalesce(r.caller, first.from_uri, ''),
    coalesce(r.callee, first.to_uri, ''),
    r.recording_id, r.duration_ms,
    case when c.n = 0 then null when c.going = 0 then 'ended' when c.talking > 0 then 'active' else 'ringing' end,
    case when k.going > 0 or t.given_up then null else k.unstitched_since_ms end,
    case when r.recording_id is null then last.retention else r.retention end,
    case when r.recording_id is null then last.keep_until_ms else r.keep_until_ms end,
    coalesce(last.tags, '{}') || coalesce(r.report -> 'tags', '{}')
  from (${sessionIds}) s
  left join lateral (select * from recordings where session_id = s.session_id
    order by stitched_at_ms desc, recording_id desc limit 1) r on true
  left join lateral (select * from calls where session_id = s.session_id
    order by started_at_ms, call_id limit 1) first on true
  left join lateral (select * from calls where session_id = s.session_id
    order by started_at_ms desc, call_id desc limit 1) last on true
  left join lateral (select count(*) n, count(*) filter (where ended_at_ms is null) going,
    count(*) filter (where ended_at_ms is null and answered_at_ms is not null) talking
    from calls where session_id = s.session_id) c on true
  left join lateral (select min(opened_at_ms) opened_at_ms, max(closed_at_ms) filter (where not stitched) unstitched_since_ms,
    count(*) filter (where state = 'open') going from captures where session_id = s.session_id) k on true
  left join stitch_tries t on t.session_id = s.session_id
  where coalesce(r.started_at_ms, first.started_at_ms, k.opened_at_ms) is not null
  on conflict (session_id) do update set
    started_at_ms = excluded.started_at_ms, state = excluded.state, reason = excluded.reason,
    caller = excluded.caller, callee = excluded.callee, recording_id = excluded.recording_id,
    duration_ms = excluded.duration_ms, call_state = excluded.call_state,
    unstitched_since_ms = excluded.unstitched_since_ms,
    retention = excluded.retention, keep_until_ms = excluded.keep_until_ms, tags = excluded.tags`;

const texts = {
  session: refreshText('select $1::text as session_id'),
  call: refreshText('select session_id from calls where call_id = $1'),
  capture: refreshText('select session_id from captures where capture_id = $1'),
  interrupted: refreshText(
    `select distinct session_id from calls where node = $1 and outcome = 'interrupted' and ended_at_ms = $2`,
  ),
  // Those of before are written once more as they are: the row alone tells that a call was pending.
  lost: refreshText(
    `select distinct calls.session_id from calls join sessions s on s.session_id = calls.session_id
      where node = $1 and ended_at_ms <= $2 and recording = 'lost' and calls.reason = $3 and s.state = 'pending'`,
  ),
};

/**
 * Held until the end of the transaction, taken before its first change: each statement sees what was committed before it
 * began, so what follows sees all that others did. Who changes one session shares the first and has the second for it
 * alone; who changes many has the first alone.
 */
const [anySession, oneSession] = [1, 2];
const holdOne = (session: string): string => `select pg_advisory_xact_lock_shared(${anySession}, 0), pg_advisory_xact_lock(${oneSession}, hashtext(${session}))`;
const holdAll: Statement = { text: `select pg_advisory_xact_lock(${anySession}, 0)`, params: [] };

const holds: Readonly<Record<keyof typeof texts, (id: SqlValue) => Statement>> = {
  session: (id) => ({ text: holdOne('$1::text'), params: [id] }),
  call: (id) => ({ text: `${holdOne('session_id')} from calls where call_id = $1`, params: [id] }),
  capture: (id) => ({ text: `${holdOne('session_id')} from captures where capture_id = $1`, params: [id] }),
  interrupted: () => holdAll,
  lost: () => holdAll,
};

/** One transaction that changes the sessions which `by` and its parameters name, and then their rows; gives what the changes gave. */
export const changing = async (
  sql: Sql,
  by: keyof typeof texts,
  params: readonly [SqlValue, ...SqlValue[]],
  changes: readonly Statement[],
): Promise<readonly (readonly Row[])[]> => {
  const [, ...rows] = await sql.transaction([holds[by](params[0]), ...changes, { text: texts[by], params }]);
  return rows;
};

export const listedFrom = (row: Row): Listed => {
  const recordingId = optionalTextOf(row, 'recording_id');
  const durationMs = optionalNumberOf(row, 'duration_ms');
  return {
    sessionId: textOf(row, 'session_id'),
    ...(recordingId === undefined ? {} : { recordingId }),
    state: oneOf(row, 'state', listedStates),
    reason: textOf(row, 'reason'),
    startedAtMs: numberOf(row, 'started_at_ms'),
    ...(durationMs === undefined ? {} : { durationMs }),
    caller: textOf(row, 'caller'),
    callee: textOf(row, 'callee'),
    ...(row['call_state'] === null ? {} : { callState: oneOf(row, 'call_state', ['ringing', 'active', 'ended']) }),
    ...retentionFrom(row),
    ...tagsFrom(row),
  };
};

/** Newest first. */
export const listSessions = async (sql: Sql, filter: ListFilter): Promise<Listed[]> => {
  const params: SqlValue[] = [];
  const param = (value: SqlValue): string => `$${params.push(value)}`;
  const where: string[] = [];
  if (filter.before !== undefined && filter.beforeSession !== undefined) {
    where.push(`(started_at_ms, session_id) < (${param(filter.before)}::double precision, ${param(filter.beforeSession)}::text)`);
  } else if (filter.before !== undefined) {
    where.push(`started_at_ms < ${param(filter.before)}::double precision`);
  }
  if (filter.state !== undefined) where.push(`state = ${param(filter.state)}`);
  if (filter.party !== undefined) {
    const wanted = `lower(${param(filter.party)}::text)`;
    where.push(`(strpos(lower(caller), ${wanted}) > 0 or strpos(lower(callee), ${wanted}) > 0)`);
  }
  if (filter.tag?.value !== undefined) where.push(`tags @> ${param(storableJson({ [filter.tag.name]: filter.tag.value }))}::jsonb`);
  else if (filter.tag !== undefined) where.push(`tags ? ${param(filter.tag.name)}::text`);
  const rows = await sql.query(
    `select * from sessions ${where.length === 0 ? '' : `where ${where.join(' and ')}`}
      order by started_at_ms desc, session_id desc limit ${param(filter.limit)}::integer`,
    params,
  );
  return rows.map(listedFrom);
};

export const countSessions = async (sql: Sql): Promise<LedgerCounts> => {
  const rows = await sql.query(`
    select 'session' as what, state as kind, count(*) as n from sessions group by state
    union all select 'calls', '', count(*) from calls where ended_at_ms is null
    union all select 'captures', '', count(*) from captures where state = 'open'
    union all select 'stitch', '', count(*) from sessions where unstitched_since_ms is not null`);
  const count = (what: string, kind = ''): number => {
    const row = rows.find((each) => each['what'] === what && each['kind'] === kind);
    return row === undefined ? 0 : numberOf(row, 'n');
  };
  return {
    sessions: {
      pending: count('session', 'pending'),
      complete: count('session', 'complete'),
      partial: count('session', 'partial'),
      lost: count('session', 'lost'),
      excluded: count('session', 'excluded'),
    },
    callsInProgress: count('calls'),
    capturesOpen: count('captures'),
    toStitch: count('stitch'),
  };
};
