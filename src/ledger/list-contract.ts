/** The part of what every ledger promises that is about its list: what it holds, in which order, and what is asked for. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import type { Listed } from './entries.js';
import { newCall, newRecording } from './entries.fixture.js';
import type { Ledger } from './ledger.js';

export const listContract = async (t: Test, ledger: Ledger): Promise<void> => {
  await t.test('the list holds every session once, newest first, recorded or not', async (t) => {
    const atMs = 5e12;
    const recorded = newCall({ startedAtMs: atMs });
    await ledger.callBegan(recorded);
    await ledger.callBegan({ ...recorded, callId: randomUUID(), startedAtMs: atMs + 1 });
    await ledger.putRecording(newRecording(recorded.sessionId, { startedAtMs: atMs + 3, caller: 'sip:Zoë@example.net' }));
    const lost = newCall({ startedAtMs: atMs + 2, to: 'sip:100%_sure@example.com' });
    await ledger.callBegan(lost);
    await ledger.callEnded(lost.callId, { atMs, outcome: 'failed', recording: 'lost', reason: 'no recorder' });
    const going = newCall({ startedAtMs: atMs + 1 });
    await ledger.callBegan(going);
    const listed = await ledger.recordings({ limit: 3 });
    t.same(listed.map((each) => each.sessionId), [recorded.sessionId, lost.sessionId, going.sessionId]);
    t.match(listed, [{ state: 'complete', caller: 'sip:Zoë@example.net' }, { state: 'lost', reason: 'no recorder' }, { state: 'pending', callState: 'ringing' }]);

    t.match(await ledger.recordings({ limit: 1, before: atMs + 2 }), [{ sessionId: going.sessionId }]);
    t.match(await ledger.recordings({ limit: 1, state: 'lost' }), [{ sessionId: lost.sessionId }]);
    t.match(await ledger.recordings({ limit: 1, party: 'zOË@' }), [{ sessionId: recorded.sessionId }]);
    t.match(await ledger.recordings({ limit: 5, party: '0%_s' }), [{ sessionId: lost.sessionId }], 'no character is a wildcard');
    t.same(await ledger.recordings({ limit: 5, party: `nobody' or true --` }), []);
    t.same(await ledger.recordings({ limit: 5, party: 'zoë', state: 'lost' }), []);
  });

  await t.test('sessions are found by the tags of their calls, by name or by name and value, recorded or lost', async (t) => {
    const ticket = `ticket-${randomUUID()}`;
    const [recorded, lost, other] = [newCall({ startedAtMs: 300 }), newCall({ startedAtMs: 200 }), newCall({ startedAtMs: 100 })];
    for (const call of [recorded, lost, other]) await ledger.callBegan(call);
    await ledger.callEnded(lost.callId, { atMs: 400, outcome: 'answered', recording: 'lost', reason: 'no recorder', tags: { [ticket]: '8', agent: 'Zoë "7"' } });
    const recording = newRecording(recorded.sessionId, { startedAtMs: 300 });
    await ledger.putRecording({ ...recording, report: { ...recording.report, tags: { [ticket]: '7' } } });
    await ledger.callEnded(other.callId, { atMs: 400, outcome: 'answered', recording: 'lost', reason: 'no recorder', tags: { other: ticket } });
    const found = async (tag: { name: string; value?: string }, more = {}): Promise<string[]> => (await ledger.recordings({ limit: 10, tag, ...more })).map(({ sessionId }) => sessionId);
    t.strictSame(await found({ name: ticket }), [recorded.sessionId, lost.sessionId]);
    t.strictSame(await found({ name: ticket, value: '7' }), [recorded.sessionId]);
    t.strictSame(await found({ name: ticket, value: '78' }), []);
    t.strictSame(await found({ name: ticket }, { state: 'lost' }), [lost.sessionId], 'with other conditions');
    t.strictSame(await found({ name: 'agent', value: 'Zoë "7"' }), [lost.sessionId]);
    t.strictSame(await found({ name: `x' or true --` }), []);
    t.match(await ledger.recordings({ limit: 1, tag: { name: ticket } }), [{ tags: { [ticket]: '7' } }]);
    t.match(await ledger.find(lost.sessionId), { tags: { [ticket]: '8' }, calls: [{ tags: { agent: 'Zoë "7"' } }] });
    // The proxy may tell the end of the call after the stitcher has its recording.
    await ledger.callEnded(recorded.callId, { atMs: 400, outcome: 'answered', reason: '', tags: { [ticket]: '7' } });
    t.strictSame(await found({ name: ticket, value: '7' }), [recorded.sessionId]);
  });

  await t.test('paging past sessions of the same instant misses none', async (t) => {
    const startedAtMs = 6e12;
    const calls = Array.from({ length: 5 }, () => newCall({ startedAtMs }));
    for (const call of calls) await ledger.callBegan(call);
    const seen: string[] = [];
    let last: Listed | undefined;
    do {
      const page = await ledger.recordings({ limit: 2, before: last?.startedAtMs, beforeSession: last?.sessionId });
      seen.push(...page.map((each) => each.sessionId));
      last = page.at(-1);
    } while (last?.startedAtMs === startedAtMs);
    for (const call of calls) t.equal(seen.filter((id) => id === call.sessionId).length, 1);
  });
};
