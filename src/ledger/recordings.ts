/**
 * Recordings in the ledger, and a session in full by either of its IDs.
 */
import { callsOf } from './calls.js';
import { capturesOf } from './captures.js';
import type { Found, RecordingEntry } from './entries.js';
import type { Report } from './report.js';
import { numberOf, optionalTextOf, storableJson, textOf } from './rows.js';
import { changing, listedFrom } from './sessions.js';
import type { Sql } from './sql.js';
import { release } from './stitch-claims.js';

export const putRecording = async (sql: Sql, entry: RecordingEntry): Promise<void> => {
  const { retention } = entry.report;
  await changing(sql, 'session', [entry.sessionId], [
    {
      text: `insert into recordings (recording_id, session_id, state, reason, started_at_ms, duration_ms, caller, callee,
          object_name, digest, report, sealed_bytes, stitched_at_ms, retention, keep_until_ms)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13, $14, $15)
        on conflict (recording_id) do update set
          session_id = excluded.session_id, state = excluded.state, reason = excluded.reason,
          started_at_ms = excluded.started_at_ms, duration_ms = excluded.duration_ms,
          caller = excluded.caller, callee = excluded.callee, object_name = excluded.object_name,
          digest = excluded.digest, report = excluded.report, sealed_bytes = excluded.sealed_bytes,
          stitched_at_ms = excluded.stitched_at_ms, retention = excluded.retention, keep_until_ms = excluded.keep_until_ms`,
      params: [
        entry.recordingId,
        entry.sessionId,
        entry.state,
        entry.reason,
        entry.startedAtMs,
        entry.durationMs,
        entry.caller,
        entry.callee,
        entry.objectName,
        entry.digest,
        storableJson(entry.report),
        entry.sealedBytes,
        entry.stitchedAtMs,
        retention?.class ?? null,
        retention?.keepUntil === undefined ? null : Date.parse(retention.keepUntil),
      ],
    },
    { text: 'update calls set recording = $2, reason = $3 where session_id = $1', params: [entry.sessionId, entry.state, entry.reason] },
    {
      text: `${entry.capturesDiscarded === true ? 'delete from captures' : 'update captures set stitched = true'}
        where session_id = $1 and state <> 'open'
          and case when $3::jsonb is null then closed_at_ms <= $2::double precision else exists (
            select 1 from jsonb_to_recordset($3::jsonb) as t("captureId" text, "closedAtMs" double precision)
            where t."captureId" = capture_id and t."closedAtMs" = closed_at_ms) end
          ${entry.capturesDiscarded === true ? '' : `and not exists (select 1 from session_keys where session_id = $1 and came_at_ms > $2::double precision)
          and (select coalesce(sum(jsonb_array_length(unrecorded)), 0) from calls where session_id = $1) = $4::integer`}`,
      params: [entry.sessionId, entry.stitchedAtMs, entry.takenIn === undefined ? null : JSON.stringify(entry.takenIn), ...(entry.capturesDiscarded === true ? [] : [entry.unrecorded ?? 0])],
    },
    { text: 'delete from stitch_tries where session_id = $1', params: [entry.sessionId] },
    release(entry.sessionId),
  ]);
};

/**
 * By recording or session ID. The ID of a recording that another has replaced gives that older one,
 * within its session.
 */
export const findSession = async (sql: Sql, id: string): Promise<Found | undefined> => {
  const [row] = await sql.query(
    `select s.session_id, s.caller, s.callee, s.call_state,
        coalesce(r.recording_id, s.recording_id) as recording_id, coalesce(r.state, s.state) as state,
        coalesce(r.reason, s.reason) as reason, coalesce(r.started_at_ms, s.started_at_ms) as started_at_ms,
        coalesce(r.duration_ms, s.duration_ms) as duration_ms, s.tags,
        case when r.recording_id is null then s.retention else r.retention end as retention,
        case when r.recording_id is null then s.keep_until_ms else r.keep_until_ms end as keep_until_ms,
        r.object_name, r.digest, r.report, r.sealed_bytes, r.stitched_at_ms
      from sessions s left join recordings r
        on r.recording_id = coalesce((select recording_id from recordings where recording_id = $1), s.recording_id)
      where s.session_id = coalesce((select session_id from recordings where recording_id = $1), $1::text)`,
    [id],
  );
  if (row === undefined) return undefined;
  const listed = listedFrom(row);
  const objectName = optionalTextOf(row, 'object_name');
  return {
    ...listed,
    ...(objectName === undefined
      ? {}
      : {
          // Written by putRecording and by nothing else, so it has the type it had there.
          report: row['report'] as Report,
          recording: {
            objectName,
            digest: textOf(row, 'digest'),
            sealedBytes: numberOf(row, 'sealed_bytes'),
            stitchedAtMs: numberOf(row, 'stitched_at_ms'),
          },
        }),
    calls: await callsOf(sql, listed.sessionId),
    captures: await capturesOf(sql, listed.sessionId),
  };
};
