/**
 * Captures in the ledger: opened, closed, or left open by a recorder that died.
 *
 * While its recorder is gone, a copy may stand for a capture; where the recorder writes it is kept beside.
 *
 * Each is safe to repeat. The packets and keys themselves are in the capture file, not here.
 */
import { Failure } from '../errors/index.js';
import type { CaptureCopy, CaptureEnd, CaptureEntry, NewCapture } from './entries.js';
import { numberOf, oneOf, optionalNumberOf, optionalTextOf, textOf } from './rows.js';
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
    ...(row['more_follows'] === true ? { moreFollows: true } : {}),
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
      // What its recorder says of it takes the place of any copy.
      text: `update captures set state = $2, closed_at_ms = $3, packets = $4, bytes = $5, reason = $6, more_follows = $7, stitched = false,
          path = coalesce(own_path, path), own_path = null
        where capture_id = $1 returning capture_id`,
      params: [captureId, end.state, end.atMs, end.packets, end.bytes, end.reason ?? '', end.moreFollows ?? false],
    },
    // A new capture is a new chance for a session that could not be stitched.
    { text: 'delete from stitch_tries where session_id = (select session_id from captures where capture_id = $1)', params: [captureId] },
  ]);
  if (found.length === 0) {
    throw new Failure('RECORDING_UNKNOWN', `the ledger has no capture ${captureId}: its opening was never entered`, { facts: { captureId } });
  }
};

/** The file of one that is not open has all of it now: its session is to be stitched again. False where there is no such capture. */
export const captureWhole = async (sql: Sql, captureId: string, { atMs, bytes }: Pick<CaptureEnd, 'atMs' | 'bytes'>): Promise<boolean> => {
  const [found = []] = await changing(sql, 'capture', [captureId], [
    {
      // A stitch that is under way has another instant of its close in hand, and does not count as one of this.
      text: `update captures set closed_at_ms = greatest($2::double precision, closed_at_ms + 1), bytes = $3, more_follows = false, stitched = false,
          path = coalesce(own_path, path), own_path = null
        where capture_id = $1 and state <> 'open' returning capture_id`,
      params: [captureId, atMs, bytes],
    },
    { text: 'delete from stitch_tries where session_id = (select session_id from captures where capture_id = $1)', params: [captureId] },
  ]);
  return found.length > 0;
};

/** Whether it was still open, or not whole: then the copy stands for it. */
export const captureCopied = async (sql: Sql, captureId: string, { path, atMs, bytes }: CaptureCopy): Promise<boolean> => {
  const [found = []] = await changing(sql, 'capture', [captureId], [
    {
      text: `update captures set state = 'cut', closed_at_ms = $3, bytes = $4, more_follows = false, stitched = false, own_path = path, path = $2
        where capture_id = $1 and (state = 'open' or more_follows) returning capture_id`,
      params: [captureId, path, atMs, bytes],
    },
  ]);
  return found.length > 0;
};

/** Open, not whole, or a copy stands for it; with the path where its recorder writes it. */
export const capturesLeftOpen = async (sql: Sql, recorder: string): Promise<CaptureEntry[]> =>
  (
    await sql.query(`select * from captures where recorder = $1 and (state = 'open' or more_follows or own_path is not null) order by opened_at_ms, capture_id`, [recorder])
  ).map((row) => ({ ...captureFrom(row), path: optionalTextOf(row, 'own_path') ?? textOf(row, 'path') }));

/** Those of these IDs that the ledger has never heard of. */
export const unknownCaptures = async (sql: Sql, captureIds: readonly string[]): Promise<string[]> =>
  (
    await sql.query('select i.id from jsonb_array_elements_text($1::jsonb) as i(id) where not exists (select 1 from captures where capture_id = i.id)', [JSON.stringify(captureIds)])
  ).map((row) => textOf(row, 'id'));
