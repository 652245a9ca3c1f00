import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { RecordingEntry, StitchJob } from '../ledger/index.js';
import type { Log } from '../ops/index.js';
import { loadOrCreateKeys, openObjectStore, type ObjectStore } from '../vault/index.js';
import { beginMs, captured, Speaker, spoken } from './call.fixture.js';
import type { CaptureSource } from './capture-source.js';
import { openStitcher, type StitcherOptions } from './stitcher.js';

const home = t.testdir();
const keys = await loadOrCreateKeys(join(home, 'keys'));
const vault = await openObjectStore(join(home, 'vault'), keys);
const silentLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silentLog };

const jobOf = (sessionId: string, ...sources: CaptureSource[]): StitchJob => ({
  sessionId,
  sealedKeys: [],
  unrecorded: [],
  captures: sources.map((source) => ({ openedAtMs: beginMs, ...source, sessionId, recorder: 'r', state: 'closed', reason: '', packets: 0, bytes: 0 })),
});

/** A ledger that holds jobs and what was told; each turn of it can be awaited. */
class FakeLedger {
  jobs: StitchJob[] = [];
  readonly recordings: RecordingEntry[] = [];
  readonly failures: { sessionId: string; reason: string }[] = [];
  asked = 0;
  refuseTimes = 0;
  #waiting: { until: () => boolean; resolve: () => void }[] = [];

  readonly door: StitcherOptions['ledger'] = {
    sessionsToStitch: (limit) => {
      this.asked += 1;
      this.#tell();
      if (this.refuseTimes-- > 0) return Promise.reject(new Error('no ledger'));
      return Promise.resolve(this.jobs.slice(0, limit));
    },
    stillStitching: () => Promise.resolve(),
    putRecording: (entry) => {
      this.recordings.push(entry);
      this.#forget(entry.sessionId);
      return Promise.resolve();
    },
    stitchFailed: (sessionId, reason) => {
      this.failures.push({ sessionId, reason });
      this.#forget(sessionId);
      return Promise.resolve();
    },
    find: (id) => {
      const entry = this.recordings.findLast((one) => one.recordingId === id);
      if (entry === undefined) return Promise.resolve(undefined);
      const { sessionId, recordingId, state, reason, startedAtMs, caller, callee } = entry;
      return Promise.resolve({ sessionId, recordingId, state, reason, startedAtMs, caller, callee, recording: entry, calls: [], captures: [] });
    },
  };

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ until: condition, resolve });
      this.#tell();
    });
  }

  #forget(sessionId: string): void {
    this.jobs = this.jobs.filter((job) => job.sessionId !== sessionId);
    this.#tell();
  }

  #tell(): void {
    const done = this.#waiting.filter(({ until }) => until());
    this.#waiting = this.#waiting.filter((one) => !done.includes(one));
    for (const { resolve } of done) resolve();
  }
}

function open(ledger: FakeLedger, store: ObjectStore = vault) {
  const counted = { states: [] as string[], seconds: [] as number[], failed: 0, lost: 0 };
  const stitcher = openStitcher({
    ledger: ledger.door,
    keys,
    store,
    log: silentLog,
    everyMs: 1e6,
    metrics: {
      recordingEnded: (state) => counted.states.push(state),
      stitchSeconds: (seconds) => counted.seconds.push(seconds),
      stitchFailed: () => (counted.failed += 1),
      recorderPacketsLost: (by) => (counted.lost += by),
    },
  });
  return { stitcher, counted };
}

t.test('what waits in the ledger at the start is stitched without a poke', async (t) => {
  const ledger = new FakeLedger();
  const speaker = new Speaker(1);
  ledger.jobs = [jobOf('one', await captured(t.testdir(), keys, [...spoken(speaker, 0, [0, 20]), ...spoken(speaker, 0, [22, 30])]))];
  const before = Date.now();
  const { stitcher, counted } = open(ledger);
  await ledger.until(() => ledger.recordings.length === 1);
  await stitcher.close();
  t.match(ledger.recordings, [{ sessionId: 'one', state: 'partial', startedAtMs: beginMs, durationMs: 600, caller: 'sip:party0@example.net', callee: 'sip:party1@example.net' }]);
  t.ok(ledger.recordings[0]!.stitchedAtMs >= before);
  t.match(counted, { states: ['partial'], failed: 0, lost: 2 });
  t.equal(counted.seconds.length, 1);
});

t.test('a poke makes it look at once', async (t) => {
  const ledger = new FakeLedger();
  const { stitcher } = open(ledger);
  await ledger.until(() => ledger.asked === 1);
  ledger.jobs = [jobOf('poked', await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 5])))];
  stitcher.poke();
  await ledger.until(() => ledger.recordings.length === 1);
  await stitcher.close();
  t.pass();
});

t.test('a failed session is told to the ledger and does not keep the others back', async (t) => {
  const ledger = new FakeLedger();
  const dir = t.testdir();
  const good = jobOf('good', await captured(dir, keys, spoken(new Speaker(1), 0, [0, 5])));
  const bad = jobOf('bad', { captureId: 'gone', path: join(dir, 'gone') });
  ledger.jobs = [bad, good];
  const { stitcher, counted } = open(ledger);
  await ledger.until(() => ledger.recordings.length === 1);
  t.match(ledger.failures, [{ sessionId: 'bad', reason: /gone cannot be read/ }]);
  t.equal(counted.failed, 1);
  ledger.jobs = [jobOf('bad', await captured(dir, keys, spoken(new Speaker(1), 0, [0, 5]), { captureId: 'gone' }))];
  stitcher.poke();
  await ledger.until(() => ledger.recordings.length === 2);
  await stitcher.close();
  t.equal(ledger.recordings[1]!.sessionId, 'bad', 'tried again when the ledger says so');
});

t.test('a ledger that does not answer is asked again', async (t) => {
  const ledger = new FakeLedger();
  ledger.refuseTimes = 1;
  ledger.jobs = [jobOf('later', await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 5])))];
  const { stitcher } = open(ledger);
  await ledger.until(() => ledger.asked === 1);
  while (ledger.recordings.length === 0) {
    stitcher.poke();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await stitcher.close();
  t.equal(ledger.recordings.length, 1);
});

t.test('more sessions than one asking gives are all stitched', async (t) => {
  const ledger = new FakeLedger();
  const source = await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 2]));
  ledger.jobs = Array.from({ length: 18 }, (_, n) => jobOf(`batch ${n}`, source));
  const { stitcher } = open(ledger);
  await ledger.until(() => ledger.recordings.length === 18);
  await stitcher.close();
  t.equal(new Set(ledger.recordings.map((entry) => entry.recordingId)).size, 18);
});

t.test('close waits for the session in hand, begins no other, and later pokes do nothing', async (t) => {
  const ledger = new FakeLedger();
  const source = await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 5]));
  ledger.jobs = [jobOf('in hand', source), jobOf('next', source)];
  const slow: { begin?: () => void; go?: () => void } = {};
  const begun = new Promise<void>((resolve) => (slow.begin = resolve));
  const gate = new Promise<void>((resolve) => (slow.go = resolve));
  const store = Object.create(vault) as ObjectStore;
  store.put = async (name, plain) => {
    slow.begin?.();
    await gate;
    return vault.put(name, plain);
  };
  store.putDocument = (name, document) => vault.putDocument(name, document);
  const { stitcher } = open(ledger, store);
  await begun;
  let closed = false;
  const closing = stitcher.close().then(() => (closed = true));
  await new Promise((resolve) => setImmediate(resolve));
  t.notOk(closed);
  slow.go?.();
  await closing;
  t.strictSame(ledger.recordings.map((entry) => entry.sessionId), ['in hand']);
  const asked = ledger.asked;
  stitcher.poke();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(ledger.asked, asked);
});

t.test('a capture that closes after the list was made is not taken for stitched', async (t) => {
  const ledger = new FakeLedger();
  const source = await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 5]));
  ledger.jobs = [jobOf('one', { ...source, closedAtMs: 7 } as CaptureSource)];
  let listedAtMs = 0;
  const { sessionsToStitch } = ledger.door;
  Object.assign(ledger.door, {
    async sessionsToStitch(limit: number) {
      const jobs = await sessionsToStitch(limit);
      if (jobs.length > 0) listedAtMs = Date.now();
      while (Date.now() === listedAtMs) await new Promise((resolve) => setImmediate(resolve));
      return jobs;
    },
  } satisfies Partial<StitcherOptions['ledger']>);
  const { stitcher } = open(ledger);
  await ledger.until(() => ledger.recordings.length === 1);
  await stitcher.close();
  t.ok(ledger.recordings[0]!.stitchedAtMs <= listedAtMs);
  t.strictSame(ledger.recordings[0]!.takenIn, [{ captureId: source.captureId, closedAtMs: 7 }]);
});

t.test('a recording that moves to another day leaves nothing behind', async (t) => {
  const ledger = new FakeLedger();
  const dir = t.testdir();
  const speaker = new Speaker(1);
  const today = await captured(dir, keys, spoken(speaker, 0, [0, 5]), { captureId: 'today' });
  const yesterday = await captured(dir, keys, spoken(new Speaker(2), 0, [0, 5], { startMs: beginMs - 86_400_000 / 2 }), { captureId: 'yesterday' });
  ledger.jobs = [jobOf('moved', today)];
  const { stitcher } = open(ledger);
  await ledger.until(() => ledger.recordings.length === 1);
  ledger.jobs = [jobOf('moved', yesterday)];
  stitcher.poke();
  await ledger.until(() => ledger.recordings.length === 2);
  await stitcher.close();
  const [before, after] = ledger.recordings;
  t.not(before!.objectName, after!.objectName);
  const left: string[] = [];
  for await (const name of vault.list('recordings/')) if (name.includes(after!.recordingId)) left.push(name);
  t.strictSame(left.sort(), [after!.objectName.replace('.wav', '.json'), after!.objectName]);
});

t.test('a recording that is made anew goes beside the one before, which is read until the ledger has the new one', async (t) => {
  const ledger = new FakeLedger();
  const dir = t.testdir();
  const [first, second] = [await captured(dir, keys, spoken(new Speaker(1), 0, [0, 5]), { captureId: 'first' }), await captured(dir, keys, spoken(new Speaker(1), 0, [5, 10]), { captureId: 'second' })];
  const digests: string[] = [];
  const { putRecording } = ledger.door;
  Object.assign(ledger.door, {
    async putRecording(entry) {
      const standing = ledger.recordings.at(-1);
      if (standing !== undefined) digests.push(await vault.digest(standing.objectName));
      await putRecording(entry);
    },
  } satisfies Partial<StitcherOptions['ledger']>);
  ledger.jobs = [jobOf('anew', first)];
  const { stitcher } = open(ledger);
  for (const done of [1, 2, 3]) {
    await ledger.until(() => ledger.recordings.length === done);
    if (done === 3) break;
    ledger.jobs = [jobOf('anew', first, second)];
    stitcher.poke();
  }
  await stitcher.close();
  t.strictSame(digests, ledger.recordings.slice(0, 2).map(({ digest }) => digest), 'when the ledger gets the new one the one before is there as it was');
  const left: string[] = [];
  for await (const name of vault.list('recordings/')) if (name.includes(ledger.recordings[0]!.recordingId)) left.push(name);
  const { objectName } = ledger.recordings[2]!;
  t.strictSame(left.sort(), [objectName.replace('.wav', '.json'), objectName], 'and nothing else is left');
  t.match(ledger.recordings.map((entry) => entry.objectName.slice(-10)), [/[0-9a-f]\.wav$/u, /-2\.wav$/u, /[0-9a-f]{5}\.wav$/u]);
});

t.test('captures that nobody asked for are removed once the ledger has forgotten them, and the session is told excluded', async (t) => {
  const ledger = new FakeLedger();
  const source = await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 5]), { control: { keep: false, pauses: [], said: [], tags: {} } });
  ledger.jobs = [jobOf('unasked', source)];
  const { putRecording } = ledger.door;
  let thereWhenTold = false;
  Object.assign(ledger.door, {
    putRecording: (entry: RecordingEntry) => {
      thereWhenTold = existsSync(source.path);
      return putRecording(entry);
    },
  });
  const { stitcher, counted } = open(ledger);
  await ledger.until(() => ledger.recordings.length === 1);
  await stitcher.close();
  t.match(ledger.recordings, [{ state: 'excluded', reason: 'on demand: nobody asked', objectName: '', capturesDiscarded: true }]);
  t.strictSame([thereWhenTold, existsSync(source.path)], [true, false]);
  t.strictSame(counted.states, ['excluded']);
});
