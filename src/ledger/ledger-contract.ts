/**
 * What every ledger promises, whatever database it stands on: run it with a factory of empty ledgers.
 *
 * One ledger serves all of it (a start takes seconds), so each test has sessions, nodes and
 * recorders of its own.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { NewCall, StitchJob } from './entries.js';
import { newCall, newCapture, newRecording } from './entries.fixture.js';
import type { Ledger } from './ledger.js';
import { listContract } from './list-contract.js';

export interface ContractClock {
  nowMs: number;
}

export const ledgerContract = async (t: Test, ledger: Ledger, clock: ContractClock): Promise<void> => {
  const sessionsDue = async (): Promise<string[]> => (await ledger.sessionsToStitch(1_000)).map((job) => job.sessionId);
  const recordingOf = async (call: NewCall) => {
    const found = await ledger.find(call.sessionId);
    const entry = found?.calls.find((each) => each.callId === call.callId);
    return entry === undefined ? undefined : { outcome: entry.outcome, recording: entry.recording, reason: entry.reason };
  };

  await t.test('a call goes from ringing to active to ended, and every fact told is kept', async (t) => {
    const call = newCall({ startedAtMs: 1_000.25 });
    await ledger.callBegan(call);
    t.match(await ledger.find(call.sessionId), { state: 'pending', callState: 'ringing', caller: call.from, callee: call.to });
    await ledger.callAnswered(call.callId, 2_000);
    t.equal((await ledger.find(call.sessionId))?.callState, 'active');
    await ledger.callEnded(call.callId, { atMs: 3_000.5, outcome: 'answered', sipStatus: 200, reason: 'the caller hung up', announced: 'announcement consent: caller' });
    const found = await ledger.find(call.sessionId);
    t.equal(found?.callState, 'ended');
    t.same(found?.calls, [
      {
        ...call,
        answeredAtMs: 2_000,
        endedAtMs: 3_000.5,
        outcome: 'answered',
        sipStatus: 200,
        recording: 'pending',
        reason: 'the caller hung up',
        announced: 'announcement consent: caller',
      },
    ]);
  });

  await t.test('an entry that is repeated changes nothing', async (t) => {
    const call = newCall();
    await ledger.callBegan(call);
    await ledger.callEnded(call.callId, { atMs: 2_000, outcome: 'rejected', sipStatus: 486, recording: 'excluded', reason: 'never answered' });
    await ledger.callBegan(call);
    const capture = newCapture(call.sessionId);
    await ledger.captureOpened(capture);
    await ledger.captureClosed(capture.captureId, { state: 'closed', atMs: 1_900, packets: 1, bytes: 2 });
    await ledger.captureOpened(capture);
    const found = await ledger.find(call.sessionId);
    t.match(found?.calls, [{ outcome: 'rejected', sipStatus: 486, recording: 'excluded', reason: 'never answered' }]);
    t.match(found?.captures, [{ state: 'closed', closedAtMs: 1_900, packets: 1, bytes: 2 }]);
    t.equal(found?.calls.length, 1);
  });

  await t.test('what was never begun cannot go on', async (t) => {
    await t.rejects(ledger.callAnswered('nobody', 1), { code: 'RECORDING_UNKNOWN' });
    await t.rejects(ledger.callEnded('nobody', { atMs: 1, outcome: 'failed', reason: '' }), { code: 'RECORDING_UNKNOWN' });
    await t.rejects(ledger.captureClosed('nobody', { state: 'cut', atMs: 1, packets: 0, bytes: 0 }), { code: 'RECORDING_UNKNOWN' });
    t.equal(await ledger.find('nobody'), undefined);
  });

  await t.test('the reason of an exclusion outlives the end of the call', async (t) => {
    const call = newCall({ recording: 'excluded', reason: 'rule "no-doctors" excludes it' });
    await ledger.callBegan(call);
    await ledger.callEnded(call.callId, { atMs: 5_000, outcome: 'answered', reason: 'the caller hung up' });
    t.match(await ledger.find(call.sessionId), { state: 'excluded', reason: 'rule "no-doctors" excludes it' });
  });

  await t.test('a recording that is there before the end of its call is told is not talked away', async (t) => {
    const call = newCall();
    await ledger.callBegan(call);
    await ledger.putRecording(newRecording(call.sessionId));
    await ledger.callEnded(call.callId, { atMs: 5_000, outcome: 'answered', recording: 'lost', reason: 'the recorder was unreachable' });
    t.same(await recordingOf(call), { outcome: 'answered', recording: 'complete', reason: 'everything was captured' });
  });

  await t.test('stretches without a recorder are told at the end of the call, to the stitcher too; it stitches again when it was faster', async (t) => {
    const [one, other] = [{ fromMs: 3_000, toMs: 4_000, resumed: true, reason: 'é "died"' }, { fromMs: 1_000, toMs: 2_000, resumed: false, reason: 'none is left' }];
    const call = newCall();
    await ledger.callBegan(call);
    const capture = newCapture(call.sessionId);
    await ledger.captureOpened(capture);
    await ledger.captureClosed(capture.captureId, { state: 'closed', atMs: 2_000, packets: 1, bytes: 1 });
    const jobOf = async (): Promise<StitchJob | undefined> => (await ledger.sessionsToStitch(100)).find((job) => job.sessionId === call.sessionId);
    t.strictSame((await jobOf())?.unrecorded, []);
    await ledger.callEnded(call.callId, { atMs: 5_000, outcome: 'answered', reason: 'hung up', unrecorded: [one] });
    t.strictSame((await ledger.find(call.sessionId))?.calls[0]?.unrecorded, [one]);
    const takenIn = [{ captureId: capture.captureId, closedAtMs: 2_000 }];
    await ledger.putRecording(newRecording(call.sessionId, { takenIn, unrecorded: 0 }));
    t.strictSame((await jobOf())?.unrecorded, [one], 'told while it was stitched');
    await ledger.putRecording(newRecording(call.sessionId, { takenIn, unrecorded: 1 }));
    t.equal(await jobOf(), undefined);
    const transferred = newCall({ sessionId: call.sessionId });
    await ledger.callBegan(transferred);
    await ledger.callEnded(transferred.callId, { atMs: 6_000, outcome: 'answered', reason: 'hung up', unrecorded: [other] });
    t.strictSame((await jobOf())?.unrecorded, [other, one], 'told after it was stitched');
    await ledger.putRecording(newRecording(call.sessionId, { takenIn, unrecorded: 2 }));
    t.equal(await jobOf(), undefined);
  });

  await t.test('at start a node interrupts its own calls in progress and no others', async (t) => {
    const node = `node-${randomUUID()}`;
    const captured = newCall({ node });
    const silent = newCall({ node });
    const over = newCall({ node });
    const excluded = newCall({ node, recording: 'excluded', reason: 'a rule' });
    const elsewhere = newCall();
    for (const call of [captured, silent, over, excluded, elsewhere]) await ledger.callBegan(call);
    await ledger.captureOpened(newCapture(captured.sessionId));
    await ledger.callEnded(over.callId, { atMs: 2_000, outcome: 'answered', reason: '' });
    t.equal(await ledger.interruptCalls(node, 9_000), 3);
    t.equal(await ledger.interruptCalls(node, 9_500), 0, 'once');
    t.match(await recordingOf(captured), { outcome: 'interrupted', recording: 'pending' }, 'the stitcher will say');
    t.match(await recordingOf(silent), { outcome: 'interrupted', recording: 'lost', reason: /stopped before/ });
    t.match(await recordingOf(excluded), { outcome: 'interrupted', recording: 'excluded', reason: 'a rule' });
    t.match(await recordingOf(over), { outcome: 'answered' });
    t.match(await recordingOf(elsewhere), { outcome: 'in-progress' });
    t.match(await ledger.find(silent.sessionId), { state: 'lost', callState: 'ended' });
  });

  await t.test('calls of a node that ended long enough ago, are to be recorded and were captured nowhere are lost, and no others', async (t) => {
    const node = `node-${randomUUID()}`;
    const [lost, late, captured, excluded, going] = [newCall({ node }), newCall({ node }), newCall({ node }), newCall({ node, recording: 'excluded', reason: 'a rule' }), newCall({ node })];
    const elsewhere = newCall();
    for (const call of [lost, late, captured, excluded, going, elsewhere]) await ledger.callBegan(call);
    await ledger.captureOpened(newCapture(captured.sessionId));
    for (const [call, atMs] of [[lost, 1_000], [late, 1_001], [captured, 1_000], [excluded, 1_000], [elsewhere, 1_000]] as const) await ledger.callEnded(call.callId, { atMs, outcome: 'answered', reason: 'hung up' });
    t.equal(await ledger.loseUncaptured(node, 1_000, 'nothing came'), 1);
    t.equal(await ledger.loseUncaptured(node, 1_000, 'nothing came'), 0, 'once');
    t.match(await recordingOf(lost), { outcome: 'answered', recording: 'lost', reason: 'nothing came' });
    t.match(await ledger.find(lost.sessionId), { state: 'lost', reason: 'nothing came' });
    for (const call of [late, captured, going, elsewhere]) t.match(await recordingOf(call), { recording: 'pending' });
    t.match(await recordingOf(excluded), { recording: 'excluded', reason: /a rule|hung up/ });
    await ledger.captureOpened(newCapture(lost.sessionId));
    await ledger.putRecording(newRecording(lost.sessionId));
    t.match(await ledger.find(lost.sessionId), { state: 'complete' }, 'one that comes after all is a recording');
  });

  await t.test('a recorder gets back the captures it left open, oldest first', async (t) => {
    const recorder = `recorder-${randomUUID()}`;
    const late = newCapture(randomUUID(), { recorder, openedAtMs: 300 });
    const early = newCapture(randomUUID(), { recorder, openedAtMs: 100, path: '/captures/é.cap' });
    const done = newCapture(randomUUID(), { recorder, openedAtMs: 200 });
    for (const capture of [late, early, done, newCapture(randomUUID())]) await ledger.captureOpened(capture);
    await ledger.captureClosed(done.captureId, { state: 'closed', atMs: 250, packets: 9, bytes: 1_600 });
    t.same(await ledger.capturesLeftOpen(recorder), [
      { ...early, state: 'open', reason: '', packets: 0, bytes: 0 },
      { ...late, state: 'open', reason: '', packets: 0, bytes: 0 },
    ]);
  });

  await t.test('a capture of which more follows is left open in that, until it is whole: then it is stitched again', async (t) => {
    const call = newCall();
    const capture = newCapture(call.sessionId);
    const due = async (): Promise<readonly StitchJob[]> => (await ledger.sessionsToStitch(1_000)).filter(({ sessionId }) => sessionId === call.sessionId);
    await ledger.callBegan(call);
    await ledger.captureOpened(capture);
    t.notOk(await ledger.captureWhole(capture.captureId, { atMs: 200, bytes: 9 }), 'it is open');
    await ledger.captureClosed(capture.captureId, { state: 'cut', reason: 'the disk was full', atMs: 210, packets: 5, bytes: 800, moreFollows: true });
    const left = { ...capture, state: 'cut', reason: 'the disk was full', moreFollows: true, closedAtMs: 210, packets: 5, bytes: 800 };
    t.strictSame(await ledger.capturesLeftOpen(capture.recorder), [left]);
    t.strictSame((await due()).map(({ captures }) => captures), [[left]], 'what there is can be heard');

    // Whole while that is stitched: what was taken in was another.
    t.ok(await ledger.captureWhole(capture.captureId, { atMs: 100, bytes: 900 }));
    await ledger.putRecording(newRecording(call.sessionId, { stitchedAtMs: 250, takenIn: [{ captureId: capture.captureId, closedAtMs: 210 }] }));
    const { moreFollows: _followed, ...whole } = { ...left, bytes: 900, closedAtMs: 211 };
    t.strictSame((await due()).map(({ captures }) => captures), [[whole]]);
    t.strictSame(await ledger.capturesLeftOpen(capture.recorder), []);
    await ledger.putRecording(newRecording(call.sessionId, { stitchedAtMs: 260, takenIn: [{ captureId: capture.captureId, closedAtMs: 211 }] }));
    t.strictSame(await due(), []);
    t.notOk(await ledger.captureWhole('nobody', { atMs: 1, bytes: 1 }));
  });

  await t.test('a session is due when its last capture has closed, until a recording is made of it', async (t) => {
    const sessionId = randomUUID();
    const first = newCapture(sessionId, { openedAtMs: 100 });
    const second = newCapture(sessionId, { openedAtMs: 200 });
    await ledger.captureOpened(first);
    await ledger.captureOpened(second);
    await ledger.captureClosed(first.captureId, { state: 'cut', reason: 'the disk was full', atMs: 210, packets: 5, bytes: 800 });
    t.notOk((await sessionsDue()).includes(sessionId), 'one is still open');
    await ledger.captureClosed(second.captureId, { state: 'closed', atMs: 400, packets: 7, bytes: 900 });
    const job = (await ledger.sessionsToStitch(1_000)).find((each) => each.sessionId === sessionId);
    t.match(job?.captures, [
      { captureId: first.captureId, state: 'cut', reason: 'the disk was full', closedAtMs: 210 },
      { captureId: second.captureId, state: 'closed', reason: '', packets: 7, bytes: 900 },
    ]);
    const recording = newRecording(sessionId, { stitchedAtMs: 500 });
    await ledger.putRecording(recording);
    t.notOk((await sessionsDue()).includes(sessionId), 'done');

    const third = newCapture(sessionId, { openedAtMs: 600 });
    await ledger.captureOpened(third);
    await ledger.captureClosed(third.captureId, { state: 'closed', atMs: 700, packets: 1, bytes: 1 });
    t.ok((await sessionsDue()).includes(sessionId), 'another capture came');
    await ledger.putRecording({ ...recording, stitchedAtMs: 800 });
    t.notOk((await sessionsDue()).includes(sessionId));
  });

  await t.test('captures that are discarded are forgotten, and the call keeps its reason; one that comes later is due by itself', async (t) => {
    const call = newCall();
    await ledger.callBegan(call);
    const [early, late] = [newCapture(call.sessionId), newCapture(call.sessionId)];
    await ledger.captureOpened(early);
    await ledger.captureClosed(early.captureId, { state: 'closed', atMs: 100, packets: 1, bytes: 1 });
    const excluded = newRecording(call.sessionId, { state: 'excluded', reason: 'nobody asked', objectName: '', digest: '', capturesDiscarded: true, stitchedAtMs: 200 });
    await ledger.putRecording(excluded);
    await ledger.callEnded(call.callId, { atMs: 300, outcome: 'answered', reason: 'hung up' });
    t.match(await ledger.find(call.sessionId), { state: 'excluded', reason: 'nobody asked', captures: [], calls: [{ recording: 'excluded', reason: 'nobody asked' }] });
    t.notOk((await sessionsDue()).includes(call.sessionId));
    await ledger.captureOpened(late);
    await ledger.captureClosed(late.captureId, { state: 'closed', atMs: 400, packets: 1, bytes: 1 });
    const job = (await ledger.sessionsToStitch(1_000)).find((each) => each.sessionId === call.sessionId);
    t.strictSame(job?.captures.map(({ captureId }) => captureId), [late.captureId]);
  });

  await t.test('a capture that closes while its session is being stitched makes it due again', async (t) => {
    const sessionId = randomUUID();
    const [first, second] = [newCapture(sessionId), newCapture(sessionId)];
    await ledger.captureOpened(first);
    await ledger.captureClosed(first.captureId, { state: 'closed', atMs: 100, packets: 1, bytes: 1 });
    await ledger.captureOpened(second);
    await ledger.captureClosed(second.captureId, { state: 'closed', atMs: 250, packets: 1, bytes: 1 });
    await ledger.putRecording(newRecording(sessionId, { stitchedAtMs: 200 }));
    t.ok((await sessionsDue()).includes(sessionId));
    await ledger.putRecording(newRecording(sessionId, { stitchedAtMs: 300 }));
  });

  await t.test('a capture found after its session was stitched makes it due again, however old it is', async (t) => {
    const sessionId = randomUUID();
    await ledger.putRecording(newRecording(sessionId, { stitchedAtMs: 5_000 }));
    const found = newCapture(sessionId, { openedAtMs: 100 });
    await ledger.captureOpened(found);
    await ledger.captureClosed(found.captureId, { state: 'cut', atMs: 200, packets: 1, bytes: 1 });
    t.ok((await sessionsDue()).includes(sessionId));
    await ledger.putRecording(newRecording(sessionId, { stitchedAtMs: 6_000 }));
    t.notOk((await sessionsDue()).includes(sessionId));
  });

  await t.test('keys that come for a session go with its captures, and have it stitched again when it was before', async (t) => {
    const sessionId = randomUUID();
    const jobOf = async () => (await ledger.sessionsToStitch(1_000)).find((job) => job.sessionId === sessionId);
    const box = (n: number): Buffer => Buffer.alloc(60, n);
    clock.nowMs = 10_000;
    t.equal(await ledger.keysCame(sessionId, [box(1)]), 1, 'before there is anything of it');
    const capture = newCapture(sessionId);
    await ledger.captureOpened(capture);
    t.equal(await ledger.keysCame(sessionId, [box(1), box(2), box(2)]), 2, 'each once');
    t.equal(await jobOf(), undefined, 'the capture is open');
    await ledger.captureClosed(capture.captureId, { state: 'closed', atMs: 10_500, packets: 1, bytes: 1 });
    t.same((await jobOf())?.sealedKeys.map((key) => Buffer.from(key)), [box(1), box(2)]);
    await ledger.putRecording(newRecording(sessionId, { stitchedAtMs: 11_000 }));
    t.equal(await jobOf(), undefined);
    clock.nowMs = 12_000;
    t.equal(await ledger.keysCame(sessionId, [box(3)]), 3);
    t.equal((await jobOf())?.sealedKeys.length, 3, 'another chance');
    await ledger.putRecording(newRecording(sessionId, { stitchedAtMs: 11_500 }));
    t.ok(await jobOf(), 'that stitch had begun before the key came');
    await ledger.putRecording(newRecording(sessionId, { stitchedAtMs: 12_500 }));
    t.equal(await jobOf(), undefined);
    await t.rejects(ledger.keysCame(sessionId, Array.from({ length: 30 }, (_, n) => box(n + 10))), { code: 'KEYS_UNUSABLE', message: /32 keys, this one would have 33/u });
    t.equal(await jobOf(), undefined, 'none was taken');
    t.equal(await ledger.keysCame(sessionId, Array.from({ length: 29 }, (_, n) => box(n + 10))), 32);
    await ledger.putRecording(newRecording(sessionId, { stitchedAtMs: 13_000 }));
  });

  await t.test('keys for a session of which nothing comes are forgotten after a week', async (t) => {
    const sessionId = randomUUID();
    clock.nowMs = 20_000;
    await ledger.keysCame(sessionId, [Buffer.alloc(60, 1)]);
    clock.nowMs += 7 * 86_400_000 + 1;
    t.equal(await ledger.keysCame(sessionId, [Buffer.alloc(60, 2)]), 1);
  });

  await t.test('the longest waiting is stitched first, and no more than were asked for', async (t) => {
    const ids = [randomUUID(), randomUUID()];
    for (const [index, sessionId] of ids.entries()) {
      const capture = newCapture(sessionId);
      await ledger.captureOpened(capture);
      await ledger.captureClosed(capture.captureId, { state: 'closed', atMs: -1_000 - index, packets: 0, bytes: 0 });
    }
    t.same((await ledger.sessionsToStitch(1)).map((job) => job.sessionId), [ids[1]]);
    t.same((await ledger.sessionsToStitch(2)).map((job) => job.sessionId), [ids[1], ids[0]]);
    for (const sessionId of ids) await ledger.putRecording(newRecording(sessionId));
  });

  await t.test('a stitch that fails is tried again ever later, and the fifth failure loses the call', async (t) => {
    const call = newCall();
    await ledger.callBegan(call);
    const capture = newCapture(call.sessionId);
    await ledger.captureOpened(capture);
    await ledger.captureClosed(capture.captureId, { state: 'closed', atMs: 2_000, packets: 1, bytes: 1 });
    clock.nowMs = 3_000;
    for (const retryMs of [5_000, 20_000, 80_000, 320_000]) {
      t.ok((await sessionsDue()).includes(call.sessionId));
      await ledger.stitchFailed(call.sessionId, 'the capture is unreadable', clock.nowMs);
      clock.nowMs += retryMs - 1;
      t.notOk((await sessionsDue()).includes(call.sessionId), `not within ${retryMs} ms`);
      clock.nowMs += 1;
    }
    t.match(await ledger.find(call.sessionId), { state: 'pending' });
    await ledger.stitchFailed(call.sessionId, 'the capture is unreadable', clock.nowMs);
    clock.nowMs += 1e12;
    t.notOk((await sessionsDue()).includes(call.sessionId), 'given up');
    t.match(await ledger.find(call.sessionId), { state: 'lost', reason: 'the capture is unreadable' });
    t.match(await recordingOf(call), { recording: 'lost', reason: 'the capture is unreadable' });

    const another = newCapture(call.sessionId);
    await ledger.captureOpened(another);
    await ledger.captureClosed(another.captureId, { state: 'closed', atMs: clock.nowMs, packets: 1, bytes: 1 });
    t.ok((await sessionsDue()).includes(call.sessionId), 'a new capture is a new chance');
    await ledger.stitchFailed(call.sessionId, 'again', clock.nowMs + 1);
    clock.nowMs += 5_001;
    t.ok((await sessionsDue()).includes(call.sessionId), 'with a count of its own');
    await ledger.putRecording(newRecording(call.sessionId, { stitchedAtMs: clock.nowMs }));
    t.match(await ledger.find(call.sessionId), { state: 'complete' });
    t.match(await recordingOf(call), { recording: 'complete' });
  });

  await t.test('a capture without a call that cannot be stitched is lost too', async (t) => {
    const capture = newCapture(randomUUID(), { openedAtMs: 77 });
    await ledger.captureOpened(capture);
    await ledger.captureClosed(capture.captureId, { state: 'closed', atMs: 2_000, packets: 1, bytes: 1 });
    const pending = await ledger.find(capture.sessionId);
    t.match(pending, { state: 'pending', startedAtMs: 77, caller: '', callee: '', calls: [] });
    t.notOk('callState' in (pending ?? {}), 'of which we carried no call');
    for (let tries = 0; tries < 5; tries += 1) await ledger.stitchFailed(capture.sessionId, 'no packets', 3_000);
    t.match(await ledger.find(capture.sessionId), { state: 'lost', reason: 'no packets' });
  });

  await t.test('a recording is found by its ID and by its session, report and all', async (t) => {
    const call = newCall();
    await ledger.callBegan(call);
    const recording = newRecording(call.sessionId, { state: 'partial', reason: 'one gap' });
    await ledger.putRecording(recording);
    await ledger.putRecording(recording);
    const found = await ledger.find(recording.recordingId);
    t.same(found, await ledger.find(call.sessionId));
    t.same(found?.report, recording.report);
    t.same(found?.recording, {
      objectName: recording.objectName,
      digest: recording.digest,
      sealedBytes: 5_000_000_000,
      stitchedAtMs: recording.stitchedAtMs,
    });
    t.match(found, { sessionId: call.sessionId, recordingId: recording.recordingId, state: 'partial', durationMs: 61_250.5 });
    t.match(await recordingOf(call), { recording: 'partial', reason: 'one gap' });
  });

  await t.test('the newest of two recordings speaks for the session, the older one is found by its own ID', async (t) => {
    const sessionId = randomUUID();
    const older = newRecording(sessionId, { stitchedAtMs: 100, state: 'partial', reason: 'half of it' });
    const newer = newRecording(sessionId, { stitchedAtMs: 200 });
    await ledger.putRecording(newer);
    await ledger.putRecording(older);
    t.match(await ledger.find(sessionId), { recordingId: newer.recordingId, state: 'complete' });
    t.match(await ledger.find(older.recordingId), { sessionId, recordingId: older.recordingId, state: 'partial', reason: 'half of it' });
  });

  await t.test('for how long a recording is kept is told with its call, then with the recording; a call that is not recorded has none', async (t) => {
    const kept = newCall({ retention: { class: 'calls-7y', untilMs: 7_000 } });
    const [endless, excluded] = [newCall({ retention: { class: 'ever' } }), newCall({ recording: 'excluded', reason: 'a rule' })];
    for (const call of [kept, endless, excluded]) await ledger.callBegan(call);
    t.match(await ledger.find(kept.sessionId), { retention: { class: 'calls-7y', untilMs: 7_000 }, calls: [{ retention: { class: 'calls-7y', untilMs: 7_000 } }] });
    t.strictSame((await ledger.find(endless.sessionId))?.retention, { class: 'ever' });
    t.notOk('retention' in ((await ledger.find(excluded.sessionId)) ?? {}));
    const recording = newRecording(kept.sessionId);
    await ledger.putRecording({ ...recording, report: { ...recording.report, retention: { class: 'standard', keepUntil: new Date(9_000).toISOString() } } });
    t.strictSame((await ledger.find(kept.sessionId))?.retention, { class: 'standard', untilMs: 9_000 });
    t.strictSame((await ledger.find(recording.recordingId))?.retention, { class: 'standard', untilMs: 9_000 });
    await ledger.putRecording({ ...recording, report: { ...recording.report, retention: { class: 'ever' } } });
    t.strictSame((await ledger.find(kept.sessionId))?.retention, { class: 'ever' });
  });

  await listContract(t, ledger);

  await t.test('counts follow what is entered', async (t) => {
    const before = await ledger.counts();
    const call = newCall();
    await ledger.callBegan(call);
    const capture = newCapture(call.sessionId);
    await ledger.captureOpened(capture);
    const during = await ledger.counts();
    t.equal(during.callsInProgress, before.callsInProgress + 1);
    t.equal(during.capturesOpen, before.capturesOpen + 1);
    t.equal(during.sessions.pending, before.sessions.pending + 1);
    await ledger.captureClosed(capture.captureId, { state: 'closed', atMs: 9_000, packets: 1, bytes: 1 });
    await ledger.callEnded(call.callId, { atMs: 9_000, outcome: 'answered', reason: '' });
    t.equal((await ledger.counts()).toStitch, before.toStitch + 1);
    await ledger.putRecording(newRecording(call.sessionId));
    t.same(await ledger.counts(), { ...before, sessions: { ...before.sessions, complete: before.sessions.complete + 1 } });
  });

  await t.test('any text from the network can be entered, and comes back as far as the database can hold it', async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        const call = newCall({ from: text });
        await ledger.callBegan(call);
        t.equal((await ledger.find(call.sessionId))?.calls[0]?.from, Buffer.from(text).toString().replaceAll('\0', '\ufffd'));
      }),
      { numRuns: 30 },
    );
    const sessionId = randomUUID();
    const recording = newRecording(sessionId);
    await ledger.putRecording({ ...recording, report: { ...recording.report, reason: 'a\0b\ud800c' } });
    t.equal((await ledger.find(sessionId))?.report?.reason, 'a\ufffdb\ufffdc');
  });

  await t.test('a healthy ledger says so', async (t) => {
    t.match(await ledger.health(), { ok: true, detail: /ms/ });
  });
};
