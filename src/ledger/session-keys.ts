/**
 * SRTP keys that came for a session by themselves, sealed: before its call, while it ran, or after.
 *
 * Nothing here can be read without the vault's keys. One that comes when the session has been stitched has it stitched
 * again. Keys for which no capture comes are forgotten after a while.
 */
import { createHash } from 'node:crypto';
import { Failure } from '../errors/index.js';
import { numberOf, textOf } from './rows.js';
import { changing } from './sessions.js';
import type { Sql } from './sql.js';

/** A call re-keys some times; more is a mistake, or somebody's mischief. */
export const maxKeysOfSession = 32;
/** Of sessions that no capture is known of, all together. */
const maxWaiting = 100_000;
const waitMs = 7 * 86_400_000;

/** How many the session has now; repeating it changes nothing. @throws Failure KEYS_UNUSABLE when there are too many: none is taken. */
export const keysCame = async (sql: Sql, sessionId: string, sealed: readonly Uint8Array[], atMs: number): Promise<number> => {
  await sql.query('delete from session_keys k where came_at_ms < $1::double precision and not exists (select 1 from captures c where c.session_id = k.session_id)', [atMs - waitMs]);
  const boxes = new Map(sealed.map((box) => [createHash('sha256').update(box).digest('hex'), Buffer.from(box).toString('base64')]));
  const known = new Set([...(await digestsOf(sql, sessionId)), ...boxes.keys()]);
  const [waiting] = await sql.query('select count(*) as n from session_keys k where not exists (select 1 from captures c where c.session_id = k.session_id)');
  if (known.size > maxKeysOfSession) throw new Failure('KEYS_UNUSABLE', `a session may have ${maxKeysOfSession} keys, this one would have ${known.size}: none of these was taken`);
  if (waiting !== undefined && numberOf(waiting, 'n') >= maxWaiting) {
    throw new Failure('KEYS_UNUSABLE', `${maxWaiting} keys wait for calls that have not come: none of these was taken. Look who sends keys for session IDs that nothing records`);
  }
  await changing(sql, 'session', [sessionId], [
    ...[...boxes].map(([digest, box]) => ({
      text: 'insert into session_keys (session_id, digest, sealed, came_at_ms) values ($1, $2, $3, $4) on conflict do nothing',
      params: [sessionId, digest, box, atMs],
    })),
    { text: `update captures set stitched = false where session_id = $1 and state <> 'open'`, params: [sessionId] },
    // A key is a new chance for a session that could not be stitched.
    { text: 'delete from stitch_tries where session_id = $1', params: [sessionId] },
  ]);
  return known.size;
};

const digestsOf = async (sql: Sql, sessionId: string): Promise<string[]> =>
  (await sql.query('select digest from session_keys where session_id = $1', [sessionId])).map((row) => textOf(row, 'digest'));

/** Oldest first, by session. */
export const keysOf = async (sql: Sql, sessionIds: readonly string[]): Promise<ReadonlyMap<string, Buffer[]>> => {
  const keys = new Map<string, Buffer[]>();
  for (const sessionId of sessionIds) {
    const rows = await sql.query('select sealed from session_keys where session_id = $1 order by came_at_ms, digest', [sessionId]);
    if (rows.length > 0) keys.set(sessionId, rows.map((row) => Buffer.from(textOf(row, 'sealed'), 'base64')));
  }
  return keys;
};
