/**
 * Captures in the ledger: opened, closed, or left open by a recorder that died.
 *
 * Each is safe to repeat. The packets and keys themselves are in the capture file, not here.
 */
import { Failure } from '../errors/index.js';
import type { CaptureEnd, CaptureEntry, NewCapture } from './entries.js';
import { numberOf, oneOf, optionalNumberOf, textOf } from './rows.js';
import { changing } from './sessions.js';
import type { Row, Sql } from './sql.js';

export const captureFrom = (row: Row): CaptureEntry => {
  const closedAtMs = optionalNumberOf(row, 'closed_at_ms');
  return {
    captureId: textOf(row, 'capture_id'),
    sessionId: textOf(row, 'session_id'),
    recorder: textOf(row, 'recorder'),
    path: textOf(row, 'path'),
    openedAtMs: numberOf(row, 'opened_at_ms'),
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    state: oneOf(row, 'state', ['open', 'closed', 'cut']),
    reason: textOf(row, 'reason'),
    packets: numberOf(row, 'packets'),
    bytes: numberOf(row, 'bytes'),
  };
};

export const capturesOf = async (sql: Sql, sessionId: string): Promise<CaptureEntry[]> =>
  (await sql.query('select * from captures where session_id = $1 order by opened_at_ms, capture_id', [sessionId])).map(captureFrom);

export const captureOpened = async (sql: Sql, capture: NewCapture): Promise<void> => {
  await changing(sql, 'session', [capture.sessionId], [
    {
      text: `insert into captures (capture_id, session_id, recorder, path, opened_at_ms, state, packets, bytes, stitched)
        values ($1, $2, $3, $4, $5, 'open', 0, 0, false) on conflict (capture_id) do nothing`,
      params: [capture.captureId, capture.sessionId, capture.recorder, capture.path, capture.openedAtMs],
    },
  ]);
};

export const captureClosed = async (sql: Sql, captureId: string, end: CaptureEnd): Promise<void> => {
  const [found = []] = await changing(sql, 'capture', [captureId], [
    {
      text: `update captures set state = $2, closed_at_ms = $3, packets = $4, bytes = $5, reason = $6, stitched = false
        where capture_id = $1 returning capture_id`,
      params: [captureId, end.state, end.atMs, end.packets, end.bytes, end.reason ?? ''],
    },
    // A new capture is a new chance for a session that could not be stitched.
    { text: 'delete from stitch_tries where session_id = (select session_id from captures where capture_id = $1)', params: [captureId] },
  ]);
  if (found.length === 0) {
    throw new Failure('RECORDING_UNKNOWN', `the ledger has no capture ${captureId}: its opening was never entered`, { facts: { captureId } });
  }
};

export const capturesLeftOpen = async (sql: Sql, recorder: string): Promise<CaptureEntry[]> =>
  (await sql.query(`select * from captures where recorder = $1 and state = 'open' order by opened_at_ms, capture_id`, [recorder])).map(captureFrom);
