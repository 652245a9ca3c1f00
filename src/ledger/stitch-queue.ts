/**
 * Which sessions wait for the stitcher, and what becomes of those that it could not do.
 *
 * A failed session is tried again after 5 s, 20 s, 80 s and 320 s; the fifth failure is the last:
 * its calls are lost, with the reason. A capture that closes after a failure starts the count anew.
 *
 * Invariant 1  a session is given to one claimant at a time: the row that says so is written by the statement that gives it.
 */
import { unrecordedOf } from './calls.js';
import { captureFrom } from './captures.js';
import type { CaptureEntry, StitchJob } from './entries.js';
import { keysOf } from './session-keys.js';
import { changing } from './sessions.js';
import type { Sql } from './sql.js';
import { claimedUntil, release } from './stitch-claims.js';

const maxTries = 5;
const firstRetryMs = 5_000;
const retryFactor = 4;

/** They are the claimant's until it tells what became of them, or no longer says that it is at it. */
export const sessionsToStitch = async (sql: Sql, limit: number, nowMs: number, claimant: string): Promise<StitchJob[]> => {
  const rows = await sql.query(
    `with due as materialized (
        select s.session_id, s.unstitched_since_ms from sessions s left join stitch_tries t on t.session_id = s.session_id
        where s.unstitched_since_ms is not null
          and (t.session_id is null or t.next_at_ms <= $2::double precision)
          and not exists (select 1 from stitch_claims k where k.session_id = s.session_id and k.claimant <> $3 and k.until_at > clock_timestamp())
        order by s.unstitched_since_ms, s.session_id limit $1::integer for update of s skip locked),
      claimed as (
        insert into stitch_claims (session_id, claimant, until_at) select session_id, $3, ${claimedUntil} from due
        on conflict (session_id) do update set claimant = excluded.claimant, until_at = excluded.until_at
          where stitch_claims.claimant = $3 or stitch_claims.until_at <= clock_timestamp()
        returning session_id)
      select c.* from due join claimed on claimed.session_id = due.session_id join captures c on c.session_id = due.session_id
      order by due.unstitched_since_ms, due.session_id, c.opened_at_ms, c.capture_id`,
    [limit, nowMs, claimant],
  );
  const jobs = new Map<string, CaptureEntry[]>();
  for (const capture of rows.map(captureFrom)) {
    const captures = jobs.get(capture.sessionId);
    if (captures === undefined) jobs.set(capture.sessionId, [capture]);
    else captures.push(capture);
  }
  const ids = [...jobs.keys()];
  const [keys, unrecorded] = [await keysOf(sql, ids), await unrecordedOf(sql, ids)];
  return [...jobs].map(([sessionId, captures]) => ({ sessionId, captures, sealedKeys: keys.get(sessionId) ?? [], unrecorded: unrecorded.get(sessionId) ?? [] }));
};

export const stitchFailed = async (sql: Sql, sessionId: string, reason: string, atMs: number): Promise<void> => {
  await changing(sql, 'session', [sessionId], [
    {
      text: `insert into stitch_tries (session_id, tries, next_at_ms, reason, given_up)
        values ($1, 1, $3::double precision + ${firstRetryMs}, $2, false)
        on conflict (session_id) do update set
          tries = stitch_tries.tries + 1, reason = excluded.reason, given_up = stitch_tries.tries + 1 >= ${maxTries},
          next_at_ms = $3::double precision + ${firstRetryMs} * power(${retryFactor}, stitch_tries.tries)`,
      params: [sessionId, reason, atMs],
    },
    {
      text: `update calls set recording = 'lost', reason = $2 where session_id = $1 and recording = 'pending'
          and exists (select 1 from stitch_tries where session_id = $1 and given_up)`,
      params: [sessionId, reason],
    },
    release(sessionId),
  ]);
};
