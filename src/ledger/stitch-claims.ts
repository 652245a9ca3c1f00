/**
 * Which process makes a recording of which session: one at a time, until it has ended or its claim lapses.
 *
 * By the database's clock. Who works on renews it, so that a session is free soon after its stitcher died.
 */
import type { Sql, Statement } from './sql.js';

/** Several times what lies between two renewals. */
export const claimedUntil = `clock_timestamp() + interval '5 minutes'`;

export const renewClaim = async (sql: Sql, sessionId: string, claimant: string): Promise<void> => {
  await sql.query(`update stitch_claims set until_at = ${claimedUntil} where session_id = $1 and claimant = $2`, [sessionId, claimant]);
};

/** Part of the transaction that says what became of it. */
export const release = (sessionId: string): Statement => ({ text: 'delete from stitch_claims where session_id = $1', params: [sessionId] });

/** Where no other process can have this ledger: those that claimed are dead. */
export const releaseAll = async (sql: Sql): Promise<void> => {
  await sql.query('delete from stitch_claims');
};
