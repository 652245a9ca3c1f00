/**
 * What every ledger promises to several processes that share it: who makes which recording, who recovers what a recorder
 * left that is gone.
 */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { newCapture, newRecording } from './entries.fixture.js';
import type { Ledger } from './ledger.js';
import type { Sql } from './sql.js';

export interface Sharing {
  /** Two processes' doors to the same ledger. */
  readonly one: Ledger;
  readonly other: Ledger;
  /** For what no process may do: to let time go by. */
  readonly sql: Sql;
}

export const sharedContract = async (t: Test, { one, other, sql }: Sharing): Promise<void> => {
  const closedCapture = async (sessionId: string = randomUUID(), atMs = 2_000): Promise<string> => {
    const capture = newCapture(sessionId);
    await one.captureOpened(capture);
    await one.captureClosed(capture.captureId, { state: 'closed', atMs, packets: 1, bytes: 1 });
    return sessionId;
  };
  const dueFor = async (ledger: Ledger, limit = 1_000): Promise<string[]> => (await ledger.sessionsToStitch(limit)).map((job) => job.sessionId);
  const gone = async (ledger: Ledger): Promise<string[]> => (await ledger.recordersGone(15_000)).map(({ recorder }) => recorder);

  await t.test('a session that one stitcher has is not given to another, until a recording is made of it, it fails, or its stitcher is silent for long', async (t) => {
    const sessionId = await closedCapture();
    t.strictSame(await dueFor(one), [sessionId]);
    t.strictSame(await dueFor(other), []);
    t.strictSame(await dueFor(one), [sessionId], 'it may ask again');
    await one.stillStitching(sessionId);
    await sql.query(`update stitch_claims set until_at = now() - interval '1 second' where session_id = $1`, [sessionId]);
    t.strictSame(await dueFor(other), [sessionId]);
    await one.stillStitching(sessionId);
    t.strictSame(await dueFor(one), [], 'it is the other one\'s now');
    await other.stitchFailed(sessionId, 'no', -1e9);
    t.strictSame(await dueFor(one), [sessionId]);
    await one.putRecording(newRecording(sessionId, { stitchedAtMs: 3_000 }));
    await closedCapture(sessionId, 4_000);
    t.strictSame(await dueFor(other), [sessionId]);
    await other.putRecording(newRecording(sessionId, { stitchedAtMs: 5_000 }));
  });

  await t.test('stitchers that ask at once get each session once', async (t) => {
    const sessions = new Set<string>();
    for (let n = 0; n < 20; n += 1) sessions.add(await closedCapture());
    const got: string[] = [];
    const work = async (ledger: Ledger): Promise<void> => {
      for (let empty = 0; empty < 3; ) {
        const [sessionId] = await dueFor(ledger, 1);
        if (sessionId === undefined) {
          empty += 1;
          continue;
        }
        got.push(sessionId);
        await ledger.putRecording(newRecording(sessionId));
      }
    };
    await Promise.all([work(one), work(other)]);
    t.strictSame([...got].sort(), [...sessions].sort());
  });

  await t.test('a recording takes in the captures that it was made of, whatever their recorders\' clocks say', async (t) => {
    const sessionId = await closedCapture(randomUUID(), 2_000);
    const [job] = await one.sessionsToStitch(1_000);
    const takenIn = job?.captures ?? [];
    await closedCapture(sessionId, 1_000);
    await one.putRecording({ ...newRecording(sessionId, { stitchedAtMs: 1_500 }), takenIn });
    t.equal((await one.sessionsToStitch(1_000))[0]?.captures.length, 2, 'another came meanwhile, by a clock that is behind');
    const all = (await one.sessionsToStitch(1_000))[0]?.captures ?? [];
    await one.putRecording({ ...newRecording(sessionId, { stitchedAtMs: 1_500 }), takenIn: all });
    t.strictSame(await dueFor(one), [], 'also the one whose clock is ahead');
  });

  await t.test('a recorder that has been silent for long is gone, one that beats or has ended is not', async (t) => {
    const [alive, silent, ended] = [`alive-${randomUUID()}`, `silent-${randomUUID()}`, `ended-${randomUUID()}`];
    for (const recorder of [alive, silent, ended]) await one.recorderBeat({ recorder, run: 'first', folder: `/captures/${recorder}` });
    t.strictSame(await gone(other), []);
    await sql.query(`update recorder_beats set beat_at = now() - interval '16 seconds'`);
    await one.recorderBeat({ recorder: alive, run: 'first', folder: '/elsewhere' });
    await one.recorderEnded(ended, 'an earlier run');
    t.ok((await gone(other)).includes(ended), 'another run cannot end it');
    await one.recorderEnded(ended, 'first');
    t.strictSame(await other.recordersGone(15_000), [{ recorder: silent, folder: `/captures/${silent}` }]);
    t.match(await other.recorderFolders(), [{ recorder: alive, folder: '/elsewhere' }, { recorder: ended }, { recorder: silent }]);
    t.ok(((await other.silenceOfOther(silent, 'second')) ?? 0) > 15_000);
    t.equal(await other.silenceOfOther(silent, 'first'), undefined);
    t.equal(await other.silenceOfOther(ended, 'second'), undefined);
    await one.recorderBeat({ recorder: silent, run: 'second', folder: '/x' });
    t.strictSame(await gone(other), [], 'it came back');
  });

  await t.test('what a recorder left is recovered by one at a time, once for each time that it was alive', async (t) => {
    const recorder = `r-${randomUUID()}`;
    const beat = (): Promise<void> => one.recorderBeat({ recorder, run: 'first', folder: '/x' });
    const fallSilent = (): Promise<unknown> => sql.query(`update recorder_beats set beat_at = now() - interval '16 seconds' where recorder = $1`, [recorder]);
    await beat();
    t.notOk(await one.claimRecovery(recorder, 15_000), 'it is alive');
    await fallSilent();
    t.strictSame((await Promise.all([one.claimRecovery(recorder, 15_000), other.claimRecovery(recorder, 15_000)])).filter(Boolean).length, 1);
    await Promise.all([one.recoveryEnded(recorder, false), other.recoveryEnded(recorder, false)]);
    t.ok(await one.claimRecovery(recorder, 15_000), 'it failed, so it may be tried again');
    t.strictSame(await gone(other), []);
    t.notOk(await other.claimRecovery(recorder, 15_000));
    await other.recoveryEnded(recorder, true);
    t.notOk(await one.claimRecovery(recorder, 15_000), 'it has it already');
    await sql.query(`update recorder_beats set claimed_until = now() - interval '1 second' where recorder = $1`, [recorder]);
    t.strictSame(await gone(one), [recorder], 'only who has it could have ended it');
    t.ok(await other.claimRecovery(recorder, 15_000), 'who had it died');
    await other.recoveryEnded(recorder, true);
    t.strictSame(await gone(one), []);
    t.notOk(await one.claimRecovery(recorder, 15_000), 'done');
    await beat();
    await fallSilent();
    t.ok(await one.claimRecovery(recorder, 15_000));
    await one.recoveryEnded(recorder, true);
  });

  await t.test('a copy stands for a capture until its recorder closes it, and then no more', async (t) => {
    const recorder = `r-${randomUUID()}`;
    const sessionId = randomUUID();
    const capture = newCapture(sessionId, { recorder, path: `/captures/${recorder}/1` });
    await one.captureOpened(capture);
    const copy = `/captures/${recorder}~1`;
    t.ok(await other.captureCopied(capture.captureId, { path: `${copy}/1`, atMs: 5_000, bytes: 70 }));
    t.match((await one.find(sessionId))?.captures, [{ state: 'cut', path: `${copy}/1`, bytes: 70, closedAtMs: 5_000 }]);
    t.strictSame(await dueFor(other), [sessionId]);
    await other.putRecording(newRecording(sessionId, { stitchedAtMs: 6_000 }));
    t.match(await one.capturesLeftOpen(recorder), [{ captureId: capture.captureId, state: 'cut', path: capture.path }], 'its recorder still has it to close');
    await one.recorderBeat({ recorder, run: 'x', folder: `/captures/${recorder}` });
    t.strictSame(await one.unusedCopies([{ recorder, copy }, { recorder, copy: `${copy}2` }, { recorder: 'nobody', copy: '/captures/nobody~1' }]), [`${copy}2`]);
    await one.captureClosed(capture.captureId, { state: 'closed', atMs: 4_000, packets: 9, bytes: 90 });
    t.match((await one.find(sessionId))?.captures, [{ state: 'closed', path: capture.path, bytes: 90, packets: 9 }]);
    t.strictSame(await dueFor(one), [sessionId], 'there is more of it');
    t.strictSame(await one.unusedCopies([{ recorder, copy }]), [copy]);
    t.notOk(await other.captureCopied(capture.captureId, { path: `${copy}/1`, atMs: 5_000, bytes: 70 }), 'closed is closed');
    await one.captureClosed(capture.captureId, { state: 'cut', atMs: 4_000, packets: 9, bytes: 90, moreFollows: true });
    t.ok(await other.captureCopied(capture.captureId, { path: `${copy}/1`, atMs: 5_000, bytes: 170 }), 'what follows may be in the copy');
    t.match((await one.find(sessionId))?.captures, [{ state: 'cut', path: `${copy}/1`, packets: 9, bytes: 170 }]);
    t.ok(await one.captureWhole(capture.captureId, { atMs: 6_000, bytes: 190 }));
    t.match((await one.find(sessionId))?.captures, [{ state: 'cut', path: capture.path, bytes: 190, closedAtMs: 6_000 }], 'its own is the better one');
    t.strictSame(await one.capturesLeftOpen(recorder), []);
    t.strictSame(await one.unknownCaptures([capture.captureId, 'never']), ['never']);
    await one.putRecording(newRecording(sessionId, { stitchedAtMs: 7_000 }));
    await one.recorderEnded(recorder, 'x');
  });
};
