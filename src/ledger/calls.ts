/**
 * Calls in the ledger: begun, answered, ended, or interrupted because their node died.
 *
 * Each is safe to repeat: a caller that got no answer may ask again.
 */
import { Failure } from '../errors/index.js';
import type { CallEnd, CallEntry, NewCall, Unrecorded } from './entries.js';
import { numberOf, oneOf, optionalNumberOf, optionalTextOf, retentionFrom, storableJson, tagsFrom, textOf, unrecordedFrom } from './rows.js';
import { changing, listedStates } from './sessions.js';
import type { Row, Sql } from './sql.js';

const outcomes = ['in-progress', 'answered', 'cancelled', 'rejected', 'failed', 'refused', 'interrupted'] as const;

export const callFrom = (row: Row): CallEntry => {
  const answeredAtMs = optionalNumberOf(row, 'answered_at_ms');
  const endedAtMs = optionalNumberOf(row, 'ended_at_ms');
  const sipStatus = optionalNumberOf(row, 'sip_status');
  const announced = optionalTextOf(row, 'announced');
  return {
    callId: textOf(row, 'call_id'),
    sessionId: textOf(row, 'session_id'),
    trunk: textOf(row, 'trunk'),
    from: textOf(row, 'from_uri'),
    to: textOf(row, 'to_uri'),
    startedAtMs: numberOf(row, 'started_at_ms'),
    ...(answeredAtMs === undefined ? {} : { answeredAtMs }),
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
    outcome: oneOf(row, 'outcome', outcomes),
    ...(sipStatus === undefined ? {} : { sipStatus }),
    recording: oneOf(row, 'recording', listedStates),
    reason: textOf(row, 'reason'),
    ...(announced === undefined ? {} : { announced }),
    node: textOf(row, 'node'),
    ...retentionFrom(row),
    ...tagsFrom(row),
    ...unrecordedFrom(row),
  };
};

export const callsOf = async (sql: Sql, sessionId: string): Promise<CallEntry[]> =>
  (await sql.query('select * from calls where session_id = $1 order by started_at_ms, call_id', [sessionId])).map(callFrom);

/** Of all calls of each session, in the order of time. */
export const unrecordedOf = async (sql: Sql, sessionIds: readonly string[]): Promise<ReadonlyMap<string, readonly Unrecorded[]>> => {
  const found = new Map<string, readonly Unrecorded[]>();
  for (const sessionId of sessionIds) {
    const rows = await sql.query(`select unrecorded from calls where session_id = $1 and unrecorded <> '[]'`, [sessionId]);
    const stretches = rows.flatMap((row) => unrecordedFrom(row).unrecorded ?? []);
    if (stretches.length > 0) found.set(sessionId, stretches.sort((a, b) => a.fromMs - b.fromMs));
  }
  return found;
};

export const callBegan = async (sql: Sql, call: NewCall): Promise<void> => {
  await changing(sql, 'session', [call.sessionId], [
    {
      text: `insert into calls (call_id, session_id, trunk, from_uri, to_uri, started_at_ms, outcome, recording, reason, node, retention, keep_until_ms)
        values ($1, $2, $3, $4, $5, $6, 'in-progress', $7, $8, $9, $10, $11) on conflict (call_id) do nothing`,
      params: [
        call.callId, call.sessionId, call.trunk, call.from, call.to, call.startedAtMs, call.recording ?? 'pending', call.reason ?? '', call.node,
        call.retention?.class ?? null, call.retention?.untilMs ?? null,
      ],
    },
  ]);
};

export const callAnswered = async (sql: Sql, callId: string, atMs: number): Promise<void> => {
  const [found = []] = await changing(sql, 'call', [callId], [
    { text: 'update calls set answered_at_ms = $2 where call_id = $1 returning call_id', params: [callId, atMs] },
  ]);
  requireCall(found, callId);
};

export const callEnded = async (sql: Sql, callId: string, end: CallEnd): Promise<void> => {
  // A recording may be there before the call's end is told: then it speaks, not the proxy.
  const recorded = `(recording <> 'pending' and exists (select 1 from recordings r where r.session_id = calls.session_id))`;
  const [found = []] = await changing(sql, 'call', [callId], [
    {
      text: `update calls set ended_at_ms = $2, outcome = $3, sip_status = $4, tags = $7::jsonb,
          recording = case when ${recorded} then recording else coalesce($5::text, recording) end,
          reason = case when ${recorded} then reason when $5::text is not null or recording = 'pending' then $6::text else reason end,
          announced = $8, unrecorded = $9::jsonb
        where call_id = $1 returning call_id`,
      params: [callId, end.atMs, end.outcome, end.sipStatus ?? null, end.recording ?? null, end.reason, storableJson(end.tags ?? {}), end.announced ?? null, storableJson(end.unrecorded ?? [])],
    },
    // The stitcher may have been faster, and has called whole what is not.
    {
      text: `update captures set stitched = false where state <> 'open'
          and session_id in (select session_id from calls where call_id = $1 and unrecorded <> '[]')`,
      params: [callId],
    },
  ]);
  requireCall(found, callId);
};

const uncaptured = `recording = 'pending' and not exists (select 1 from captures k where k.session_id = calls.session_id)`;

/** Calls without a capture are lost at once; the others are the stitcher's. */
export const interruptCalls = async (sql: Sql, node: string, atMs: number): Promise<number> => {
  const lost = `(${uncaptured})`;
  const [interrupted = []] = await changing(sql, 'interrupted', [node, atMs], [
    {
      text: `update calls set ended_at_ms = $2, outcome = 'interrupted',
          recording = case when ${lost} then 'lost' else recording end,
          reason = case when ${lost} then 'its proxy stopped before anything of it was captured' else reason end
        where node = $1 and ended_at_ms is null returning call_id`,
      params: [node, atMs],
    },
  ]);
  return interrupted.length;
};

export const loseUncaptured = async (sql: Sql, node: string, endedUntilMs: number, reason: string): Promise<number> => {
  const [lost = []] = await changing(sql, 'lost', [node, endedUntilMs, reason], [
    {
      text: `update calls set recording = 'lost', reason = $3 where node = $1 and ended_at_ms <= $2 and ${uncaptured} returning call_id`,
      params: [node, endedUntilMs, reason],
    },
  ]);
  return lost.length;
};

const requireCall = (found: readonly Row[], callId: string): void => {
  if (found.length === 0) throw new Failure('RECORDING_UNKNOWN', `the ledger has no call ${callId}: its beginning was never entered`, { facts: { callId } });
};
