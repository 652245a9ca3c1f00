import { execFile } from 'node:child_process';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { Report } from '../ledger/index.js';
import { encodeCryptoLine, openAudioProof, parseWav, SrtpSender, type CryptoLine } from '../media/index.js';
import { loadOrCreateKeys, openObjectStore, sealSecret, sealSessionKey } from '../vault/index.js';
import { beginMs, captured, expected, generated, heard, packetMs, packetTicks, pressed, Speaker, spoken, streamOf, type Happening } from './call.fixture.js';
import { reencoded } from './reencode.js';
import { recordingIdOf, stitch } from './stitch.js';

const home = t.testdir();
const keys = await loadOrCreateKeys(join(home, 'keys'));
const store = await openObjectStore(join(home, 'vault'), keys);
const same = (one: Int16Array | undefined, other: Int16Array): boolean => one !== undefined && Buffer.from(one.buffer).equals(Buffer.from(other.buffer));
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

/** What is left of a speaker's packets after a network that loses 5 %, repeats 3 % and swaps neighbours. */
function troubled(speaker: Speaker, stream: number, packets: number, startMs: number, seed: number): { happenings: Happening[]; kept: number[] } {
  const next = generated(seed);
  const kept: number[] = [];
  const happenings: Happening[] = [];
  for (let n = 0; n < packets; n += 1) {
    // The last packet comes for sure, so that the length is known; the first may be lost like any other.
    if (next() < 0.05 && n < packets - 1) continue;
    kept.push(n);
    const [sent] = spoken(speaker, stream, [n, n + 1], { startMs, delayMs: () => (next() < 0.1 ? 45 : next() * 4) });
    if (sent === undefined) continue;
    happenings.push(sent);
    if (next() < 0.03) happenings.push({ ...sent, atMs: sent.atMs + next() * 200 });
  }
  // One packet without delay tells the place of all.
  const undelayed = kept[1] ?? 0;
  happenings.push({ ...spoken(speaker, stream, [undelayed, undelayed + 1], { startMs })[0]! });
  return { happenings, kept };
}

t.test('loss, duplicates and disorder: every sample that came stands in its place, on its side', async (t) => {
  for (const seed of [1, 2, 3]) {
    const [anna, bob] = [new Speaker(10, { sequence: 65_300, timestamp: 2 ** 32 - 9_000 }), new Speaker(20)];
    const ours = troubled(anna, 0, 500, beginMs, seed);
    const theirs = troubled(bob, 1, 400, beginMs + 130, seed + 50);
    const source = await captured(t.testdir(), keys, [...ours.happenings, ...theirs.happenings]);
    const { report, objectName } = await stitch(`noisy ${seed}`, [source], keys, store);
    const [left, right] = await heard(store, objectName);
    // The recording begins with the first sample that came.
    const cutFrames = ours.kept[0]! * packetTicks;
    const frames = 500 * packetTicks - cutFrames;
    t.ok(same(left, expected(anna, frames, -cutFrames, ours.kept)), 'caller');
    t.ok(same(right, expected(bob, frames, 1_040 - cutFrames, theirs.kept)), 'callee');
    const lost = (kept: readonly number[]): number => kept.at(-1)! - kept[0]! + 1 - kept.length;
    t.match(report.channels, [{ packetsLost: lost(ours.kept), packetsReceived: ours.kept.length }, { packetsLost: lost(theirs.kept), packetsReceived: theirs.kept.length }]);
    t.equal(report.state, 'partial');
    t.ok(report.channels[0]!.duplicates > 0);
  }
});

t.test('when the first packets of a call are swapped not a sample is lost', async (t) => {
  const anna = new Speaker(1);
  const happenings = spoken(anna, 0, [0, 50], { delayMs: (n) => (n === 0 ? 30 : 0) });
  const { objectName, report } = await stitch('swapped', [await captured(t.testdir(), keys, happenings)], keys, store);
  const [left, right] = await heard(store, objectName);
  t.ok(same(left, expected(anna, 8_000, 0, range(0, 50))));
  t.ok(right?.every((sample) => sample === 0), 'the callee who never spoke has its channel all the same');
  t.match(report, { state: 'complete', durationMs: 1_000 });
});

t.test('packets that were sent to the recorder again, or held back on their way, lie where their timestamps have them', async (t) => {
  const late: Readonly<Record<string, (n: number) => number>> = {
    'the last ones, all at once': (n) => (n < 180 ? 0 : 3_000 - (n - 180) * 19.5),
    'the last one': (n) => (n < 199 ? 0 : 3_000),
    'in two parts': (n) => (n < 180 ? 0 : (n < 190 ? 3_000 : 4_600) - (n - 180) * 19.5),
    'in the middle, and in time again but for some ms': (n) => (n < 50 ? 0 : Math.max(15.5, 2_300 - (n - 50) * 19.5)),
  };
  for (const [which, delayMs] of Object.entries(late)) {
    const anna = new Speaker(1);
    const { objectName, report } = await stitch(`late ${which}`, [await captured(t.testdir(), keys, spoken(anna, 0, [0, 200], { delayMs }))], keys, store);
    t.ok(same((await heard(store, objectName))[0], expected(anna, 32_000, 0, range(0, 200))), which);
    t.match(report, { state: 'complete', durationMs: 4_000, channels: [{ gaps: [] }, {}] }, which);
  }
});

t.test('of a sender whose timestamps stood still while it was silent the silence is there, also shortly before the end', async (t) => {
  for (const last of [150, 190]) {
    const anna = new Speaker(1);
    const { report } = await stitch(`silent until ${last}`, [await captured(t.testdir(), keys, spoken(anna, 0, [0, 200], { delayMs: (n) => (n < last ? 0 : 3_000 + (n % 2) * 15) }))], keys, store);
    t.match(report, { durationMs: 7_000, channels: [{ gaps: [{ atMs: last * packetMs, ms: 3_000, cause: 'dtx' }] }, {}] });
  }
});

t.test('what goes on from packets that were all late themselves pulls them to where they would have come', async (t) => {
  const [anna, bob] = [new Speaker(1), new Speaker(2)];
  // Late by 1 s from the first on, then held back by 2 s more, then in time.
  const source = await captured(t.testdir(), keys, [
    ...spoken(anna, 0, [0, 300], { delayMs: (n) => (n < 50 ? 1_000 : Math.max(0, 3_100 - (n - 50) * 19.5)) }),
    ...spoken(bob, 1, [0, 300]),
  ]);
  const { objectName } = await stitch('late from the first on', [source], keys, store);
  const [left, right] = await heard(store, objectName);
  t.ok(same(left, expected(anna, 48_000, 0, range(0, 300))));
  t.ok(same(right, expected(bob, 48_000, 0, range(0, 300))));
});

t.test('a source that begins anew keeps its first packet too', async (t) => {
  const anna = new Speaker(1);
  const first = spoken(anna, 0, [0, 50]);
  anna.sequence = 33_000;
  anna.timestamp = 900_000_000;
  const { objectName, report } = await stitch('restart', [await captured(t.testdir(), keys, [...first, ...spoken(anna, 0, [50, 100])])], keys, store);
  t.ok(same((await heard(store, objectName))[0], expected(anna, 16_000, 0, range(0, 100))));
  t.match(report, { state: 'complete', channels: [{ packetsExpected: 100, packetsLost: 0, gaps: [] }, {}] });
});

t.test('a change of SSRC, a telephone event and silence of the sender leave all else in place', async (t) => {
  const [anna, anew] = [new Speaker(1), new Speaker(2)];
  const happenings = [...spoken(anna, 0, [0, 20]), ...spoken(anna, 0, [25, 40]), ...spoken(anew, 0, [50, 70])];
  for (const n of range(20, 25)) happenings.push({ atMs: beginMs + n * packetMs, stream: 0, bytes: anna.packet(n, 101) });
  const { objectName, report } = await stitch('changes', [await captured(t.testdir(), keys, happenings)], keys, store);
  const wanted = expected(anna, 70 * packetTicks, 0, [...range(0, 20), ...range(25, 40)]);
  for (const n of range(50, 70)) wanted.set(anew.samples(n), n * packetTicks);
  t.ok(same((await heard(store, objectName))[0], wanted));
  t.match(report, { state: 'complete', channels: [{ codec: 'PCMU', gaps: [{ atMs: 400, ms: 100, cause: 'dtx' }, { atMs: 800, ms: 200, cause: 'dtx' }] }, {}] });
});

t.test('two captures with a hole each heal into one whole', async (t) => {
  const [anna, bob] = [new Speaker(1), new Speaker(2)];
  const dir = t.testdir();
  const one = await captured(dir, keys, [...spoken(anna, 0, [0, 100]), ...spoken(anna, 0, [160, 300]), ...spoken(bob, 1, [0, 300])], { captureId: 'one' });
  const other = await captured(dir, keys, [...spoken(anna, 0, [0, 200], { delayMs: () => 9 }), ...spoken(anna, 0, [250, 300], { delayMs: () => 9 })], { captureId: 'other' });
  const { report, objectName } = await stitch('healed', [one, other], keys, store);
  const [left, right] = await heard(store, objectName);
  t.ok(same(left, expected(anna, 300 * packetTicks, 0, range(0, 300))));
  t.ok(same(right, expected(bob, 300 * packetTicks, 0, range(0, 300))));
  t.match(report, { state: 'complete', captures: [{ captureId: 'one' }, { captureId: 'other' }], channels: [{ packetsLost: 0, gaps: [] }, { packetsLost: 0 }] });
});

t.test('a recorder dies, another takes over: nothing is missing and the report says both', async (t) => {
  const anna = new Speaker(1);
  const dir = t.testdir();
  const dead = await captured(dir, keys, spoken(anna, 0, [0, 100]), { captureId: 'dead', cut: true });
  const next = await captured(dir, keys, spoken(anna, 0, [95, 200], { delayMs: (n) => (n < 110 ? (110 - n) * packetMs : 0) }), { captureId: 'next' });
  const { report, objectName } = await stitch('failover', [dead, next], keys, store);
  t.ok(same((await heard(store, objectName))[0], expected(anna, 200 * packetTicks, 0, range(0, 200))));
  t.match(report, { state: 'complete', captures: [{ state: 'cut' }, { state: 'closed' }] });
});

t.test('an encrypted call is opened with the keys of its signalling; without them the other side is still whole', async (t) => {
  const key: CryptoLine = { tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80', keySalt: Buffer.alloc(30, 5), sessionParameters: [] };
  const sealedKeys = [(await sealSecret(Buffer.from(encodeCryptoLine(key)), keys.public)).toString('base64')];
  const [anna, bob] = [new Speaker(1), new Speaker(2)];
  const sender = new SrtpSender(key);
  const happenings = [
    ...spoken(anna, 0, [0, 50]).map((one) => ('bytes' in one ? { ...one, bytes: sender.protectRtp(one.bytes) } : one)),
    ...spoken(bob, 1, [0, 50]),
  ];
  const dir = t.testdir();
  const withKey = await captured(dir, keys, happenings, { captureId: 'k', streams: [streamOf(0, { encrypted: true, sealedKeys }), streamOf(1)] });
  const opened = await stitch('srtp', [withKey], keys, store);
  t.match(opened.report, { state: 'complete', channels: [{ encrypted: true }, { encrypted: false }] });
  t.ok(same((await heard(store, opened.objectName))[0], expected(anna, 8_000, 0, range(0, 50))));
  const keyless = await captured(dir, keys, happenings, { captureId: 'n', streams: [streamOf(0, { encrypted: true }), streamOf(1)] });
  const closed = await stitch('srtp without key', [keyless], keys, store);
  t.match(closed.report, { state: 'partial', channels: [{ gaps: [{ atMs: 0, ms: 1_000, cause: 'undecryptable' }] }, { packetsLost: 0 }] });
  const [left, right] = await heard(store, closed.objectName);
  t.ok(left?.every((sample) => sample === 0), 'what does not open is never sound');
  t.ok(same(right, expected(bob, 8_000, 0, range(0, 50))));

  const crypto = encodeCryptoLine(key);
  for (const side of ['caller', undefined] as const) {
    const box = await sealSessionKey({ sessionId: 'srtp without key', for: side, crypto }, keys.public);
    const { report, objectName } = await stitch('srtp without key', [keyless], keys, store, [box]);
    t.match(report, { state: 'complete', channels: [{ gaps: [], authFailures: 0 }, { packetsLost: 0 }] });
    t.notOk('keysRefused' in report);
    t.ok(same((await heard(store, objectName))[0], expected(anna, 8_000, 0, range(0, 50))), 'opened with a key that came by itself');
  }
  const other = encodeCryptoLine({ ...key, keySalt: Buffer.alloc(30, 6) });
  const boxes = await Promise.all([
    sealSessionKey({ sessionId: 'srtp without key', crypto: other }, keys.public),
    sealSessionKey({ sessionId: 'another', crypto }, keys.public),
    sealSessionKey({ sessionId: 'srtp without key', crypto: 'no crypto line' }, keys.public),
    sealSessionKey({ sessionId: 'srtp without key', for: 'callee', crypto }, keys.public),
  ]);
  const wrong = await stitch('srtp without key', [keyless], keys, store, boxes);
  t.match(wrong.report, {
    state: 'partial', reason: '50 packets of the caller could not be decrypted',
    channels: [{ authFailures: 50, gaps: [{ cause: 'undecryptable' }] }, {}],
    keysRefused: ['a key that was sent is of another session', 'a key that was sent has no key in it'],
  });
  t.ok((await heard(store, wrong.objectName))[0]?.every((sample) => sample === 0), 'wrong keys make no noise');
});

t.test('a third party has a channel of its own', async (t) => {
  const [anna, carl] = [new Speaker(1), new Speaker(3)];
  const source = await captured(t.testdir(), keys, [...spoken(anna, 0, [0, 20]), ...spoken(carl, 2, [5, 20])], { streams: [streamOf(0), streamOf(1), streamOf(2)] });
  const { objectName, report } = await stitch('three', [source], keys, store);
  const channels = await heard(store, objectName);
  t.equal(channels.length, 3);
  t.ok(same(channels[2], expected(carl, 20 * packetTicks, 0, range(5, 20))));
  t.match(report.channels, [{ party: 'sip:party0@example.net' }, { party: 'sip:party1@example.net' }, { party: 'sip:party2@example.net' }]);
});

t.test('stitched again a session has the same recording, which replaces the one before', async (t) => {
  const anna = new Speaker(1);
  const dir = t.testdir();
  const one = await captured(dir, keys, spoken(anna, 0, [0, 50]), { captureId: 'one' });
  const other = await captured(dir, keys, spoken(anna, 0, [40, 100]), { captureId: 'other' });
  const before = await stitch('again', [one], keys, store);
  const after = await stitch('again', [one, other], keys, store);
  t.equal(before.report.recordingId, recordingIdOf('again'));
  t.equal(after.report.recordingId, before.report.recordingId);
  t.equal(after.objectName, before.objectName);
  t.match(before.objectName, /^recordings\/2027\/01\/15\/[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}\.wav$/);
  t.ok(same((await heard(store, after.objectName))[0], expected(anna, 16_000, 0, range(0, 100))));
  t.equal(await store.digest(after.objectName), after.digest);
  t.match(await store.readDocument(after.objectName.replace('.wav', '.json')), { digest: after.digest, sealedBytes: after.sealedBytes, report: { durationMs: 2_000 } });
  t.not(recordingIdOf('again'), recordingIdOf('another'));
});

t.test('a session without sound is lost, and nothing is put into the vault', async (t) => {
  const { report, ...kept } = await stitch('silent', [await captured(t.testdir(), keys, [])], keys, store);
  t.match(report, { state: 'lost', reason: 'no media arrived', startedAt: new Date(beginMs).toISOString() });
  t.strictSame(kept, { discarded: false, objectName: '', digest: '', sealedBytes: 0 });
});

t.test('a capture that cannot be read fails the stitch, unless another has the call', async (t) => {
  const dir = t.testdir();
  const gone = { captureId: 'gone', path: join(dir, 'gone') };
  await t.rejects(stitch('gone', [gone], keys, store), { code: 'CAPTURE_INVALID' });
  const other = await captured(dir, keys, spoken(new Speaker(1), 0, [0, 50]));
  t.match((await stitch('half gone', [gone, other], keys, store)).report, { state: 'partial', reason: '1 of 2 captures could not be read', durationMs: 1_000 });
});

t.test('an hour with both clocks drifting is stitched within 100 MB, and the drift is told', async (t) => {
  const packets = 180_000;
  const [anna, bob] = [new Speaker(1, { sequence: 60_000 }), new Speaker(2)];
  // 50 parts a million are 180 ms in an hour.
  function* hour(): Generator<Happening> {
    for (let n = 0; n < packets; n += 1) {
      yield { atMs: beginMs + n * packetMs * (1 - 50e-6), stream: 0, bytes: anna.packet(n) };
      yield { atMs: beginMs + n * packetMs * (1 + 50e-6), stream: 1, bytes: bob.packet(n) };
    }
  }
  const source = await captured(t.testdir(), keys, hour());
  // In a process of its own: here the memory of the other tests would count.
  const module = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    const { stitch } = await import(${module('./stitch.js')});
    const { loadOrCreateKeys, openObjectStore } = await import(${module('../vault/index.js')});
    const keys = await loadOrCreateKeys(${JSON.stringify(join(home, 'keys'))});
    const store = await openObjectStore(${JSON.stringify(join(home, 'vault'))}, keys);
    const beforeKb = process.resourceUsage().maxRSS;
    const { report, sealedBytes } = await stitch('hour', [${JSON.stringify(source)}], keys, store);
    const { maxRSS, userCPUTime } = process.resourceUsage();
    console.log(JSON.stringify({ report, sealedBytes, grownBytes: (maxRSS - beforeKb) * 1024, cpuMs: userCPUTime / 1000 }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env: { PATH: process.env['PATH'] } });
  const { report, sealedBytes, grownBytes, cpuMs } = JSON.parse(stdout) as { report: Report; sealedBytes: number; grownBytes: number; cpuMs: number };
  t.comment(`${(grownBytes / 1e6).toFixed(0)} MB more than before, ${(cpuMs / 1_000).toFixed(1)} s of CPU`);
  t.ok(grownBytes < 100e6, `${grownBytes} bytes`);
  t.match(report, { state: 'complete', channels: [{ packetsReceived: packets, gaps: [] }, { packetsReceived: packets, gaps: [] }] });
  const drifts = report.channels.map((channel) => Math.round(channel.driftMs));
  t.ok(Math.abs(drifts[0]! - 180) < 2 && Math.abs(drifts[1]! + 180) < 2, drifts.join(' and '));
  t.ok(sealedBytes > packets * packetTicks * 4);
});

t.test('on demand: without a wish, whole or cut, there is nothing to keep; with one the recording is whole from its beginning', async (t) => {
  const unasked = { keep: false, pauses: [], said: [], tags: {} };
  const anna = new Speaker(1);
  const spokenByAnna = spoken(anna, 0, [0, 100]);
  for (const cut of [false, true]) {
    const source = await captured(t.testdir(), keys, spokenByAnna, { control: unasked, cut });
    t.match(await stitch(`unasked ${cut}`, [source], keys, store), { discarded: true, objectName: '', report: { state: 'excluded', durationMs: 0 } });
  }
  const asked: Happening = { atMs: beginMs + 1_500, control: { ...unasked, keep: true } };
  const source = await captured(t.testdir(), keys, [...spokenByAnna, asked], { control: unasked, cut: true });
  const { discarded, objectName, report } = await stitch('asked', [source], keys, store);
  t.match({ discarded, report }, { discarded: false, report: { state: 'partial', durationMs: 2_000 } });
  t.ok(same((await heard(store, objectName))[0], expected(anna, 100 * packetTicks, 0, range(0, 100))));
});

t.test('beside a capture that cannot be read, one that nobody asked for is neither discarded nor heard', async (t) => {
  const dir = t.testdir();
  const source = await captured(dir, keys, spoken(new Speaker(1), 0, [0, 10]), { control: { keep: false, pauses: [], said: [], tags: {} } });
  await t.rejects(stitch('half read', [source, { captureId: 'gone', path: join(dir, 'gone') }], keys, store), { code: 'CAPTURE_INVALID' });
});

t.test('a pause asked for before the recorder had answered: what was kept comes in one burst, its place is silent', async (t) => {
  const anna = new Speaker(1);
  const control = { keep: true, pauses: [{ fromMs: beginMs + 400, toMs: beginMs + 1_000 }], said: [], tags: {} };
  const burst = [...spoken(anna, 0, [0, 20]), ...spoken(anna, 0, [50, 75])].map((one) => ({ ...one, atMs: beginMs + 1_500 }));
  const source = await captured(t.testdir(), keys, [...burst, ...spoken(anna, 0, [75, 150])], { control });
  const { objectName, report } = await stitch('paused early', [source], keys, store);
  t.ok(same((await heard(store, objectName))[0], expected(anna, 150 * packetTicks, 0, [...range(0, 20), ...range(50, 150)])));
  t.match(report, { state: 'complete', channels: [{ packetsLost: 0, gaps: [{ atMs: 400, ms: 600, cause: 'paused' }] }, {}] });
});

const masked = { keep: true, pauses: [], said: [], tags: {}, dtmfMasked: true };
/** 60 ms of tone before the key are silent, then the event itself, which has no audio. */
const leakFrames = 480;

t.test('where keys are masked the one who presses is silent from before each key to its end, the other is heard; without, all is as it was sent', async (t) => {
  const [anna, bob] = [new Speaker(1), new Speaker(2)];
  // The tone goes on in the audio while the key is held.
  const happenings = [...spoken(anna, 0, [0, 100]), ...spoken(bob, 1, [0, 100]), ...pressed(anna, 0, [40, 45], 7)];
  const dir = t.testdir();
  const plain = await stitch('keys plain', [await captured(dir, keys, happenings, { captureId: 'p' })], keys, store);
  const whole = expected(anna, 16_000, 0, range(0, 100));
  const theirs = expected(bob, 16_000, 0, range(0, 100));
  t.ok(same((await heard(store, plain.objectName))[0], whole));
  t.notOk(plain.report.channels.some((channel) => 'maskedKeys' in channel));

  const made = await stitch('keys masked', [await captured(dir, keys, happenings, { captureId: 'm', control: masked })], keys, store);
  const [left, right] = await heard(store, made.objectName);
  t.ok(same(left, whole.slice().fill(0, 40 * packetTicks - leakFrames, 45 * packetTicks)));
  t.ok(same(right, theirs));
  t.match(made.report, { state: 'complete', channels: [{ maskedKeys: [{ atMs: 800, ms: 100 }] }, { maskedKeys: [] }] });
});

t.test('where keys are not masked the report has their times, and which they were only where the capture says that it may', async (t) => {
  const dir = t.testdir();
  const anna = new Speaker(1);
  const happenings = [...spoken(anna, 0, [0, 40]), ...pressed(anna, 0, [40, 45], 7), ...spoken(anna, 0, [45, 60]), ...pressed(anna, 0, [60, 64], 11), ...spoken(anna, 0, [64, 80])];
  for (const [captureId, control, keysTold] of [
    ['silent', undefined, [{ atMs: 800, ms: 100 }, { atMs: 1_200, ms: 80 }]],
    ['told', { ...masked, dtmfMasked: false }, [{ atMs: 800, ms: 100, key: '7' }, { atMs: 1_200, ms: 80, key: '#' }]],
  ] as const) {
    const { report } = await stitch(`keys ${captureId}`, [await captured(dir, keys, happenings, { captureId, control })], keys, store);
    t.strictSame(report.channels.map((channel) => channel.keys), [keysTold, undefined]);
  }
});

t.test('keys are masked whatever the codec and the rate: as wide as in narrow band, where samples are resampled too', async (t) => {
  const wide = { payloadType: 9, name: 'G722', clockRate: 8_000, channels: 1 };
  const anna = new Speaker(1);
  // The payloads of this speaker are noise to G.722.
  const streams = [streamOf(0), streamOf(1, { codecs: [wide] })];
  const bob = new Speaker(2);
  const theirs = spoken(bob, 1, [0, 100]).map((one) => {
    if ('bytes' in one) one.bytes[1] = 9;
    return one;
  });
  const happenings = [...spoken(anna, 0, [0, 100]), ...theirs, ...pressed(anna, 0, [40, 45], 7)];
  const { objectName, report } = await stitch('keys wide', [await captured(t.testdir(), keys, happenings, { control: masked, streams })], keys, store);
  t.equal(report.sampleRate, 16_000);
  const [left, right] = await heard(store, objectName);
  t.ok(left!.subarray(2 * (40 * packetTicks - leakFrames), 2 * 45 * packetTicks).every((sample) => sample === 0));
  t.ok(left!.subarray(0, 2 * (40 * packetTicks - leakFrames) - 100).some((sample) => sample !== 0));
  t.ok(right!.subarray(2 * 40 * packetTicks, 2 * 45 * packetTicks).some((sample) => sample !== 0));
});

t.test('two captures say what each gave, on clocks that are seconds apart', async (t) => {
  const [anna, bob] = [new Speaker(1), new Speaker(2)];
  const dir = t.testdir();
  const ahead = (all: readonly Happening[]): Happening[] => all.map((one) => ({ ...one, atMs: one.atMs + 40_000 }));
  const one = await captured(dir, keys, [...spoken(anna, 0, [0, 700]), ...spoken(bob, 1, [0, 1_000])], { captureId: 'one' });
  const other = await captured(dir, keys, ahead([...spoken(anna, 0, [400, 1_000]), ...spoken(bob, 1, [0, 1_000])]), { captureId: 'other' });
  const { report, objectName } = await stitch('given', [one, other], keys, store);
  const [left, right] = await heard(store, objectName);
  t.ok(same(left, expected(anna, 1_000 * packetTicks, 0, range(0, 1_000))));
  t.ok(same(right, expected(bob, 1_000 * packetTicks, 0, range(0, 1_000))));
  t.match(report, {
    state: 'complete',
    captures: [
      { captureId: 'one', gave: [{ label: '1', packets: 700, alone: 400 }, { label: '2', packets: 1_000, alone: 0 }] },
      { captureId: 'other', gave: [{ label: '1', packets: 600, alone: 300 }, { label: '2', packets: 1_000, alone: 0 }] },
    ],
    channels: [{ duplicates: 0, packetsReceived: 1_000 }, { duplicates: 0 }],
  });
});

t.test('in every format the recording is whole: as long, and with both parties on their sides', async (t) => {
  const [anna, bob] = [new Speaker(1), new Speaker(2)];
  const source = await captured(t.testdir(), keys, [...spoken(anna, 0, [0, 100]), ...spoken(bob, 1, [20, 100])]);
  const wav = await stitch('as wav', [source], keys, store);
  const samples = await heard(store, wav.objectName);
  for (const format of ['wav-g711', 'flac', 'opus', 'mp3'] as const) {
    const made = await stitch(`as ${format}`, [source], keys, store, [], { format });
    t.equal(extname(made.objectName), format === 'wav-g711' ? '.wav' : `.${format}`);
    const proof = (await openAudioProof(made.objectName))!;
    const pieces: Buffer[] = [];
    for await (const piece of store.read(made.objectName)) {
      t.not(typeof proof.push(piece), 'string');
      pieces.push(piece);
    }
    t.not(typeof proof.end(), 'string', format);
    proof.close();
    if (format === 'wav-g711') {
      const file = parseWav(Buffer.concat(pieces));
      if (typeof file === 'string') throw new Error(file);
      t.match(file, { format: 'pcmu', channels: 2 });
      const left = Buffer.from(Array.from({ length: file.data.length / 2 }, (_, n) => file.data[2 * n]!));
      t.ok(left.equals(Buffer.concat(range(0, 100).map((n) => anna.payload(n)))), 'the codes as they came');
      t.equal(file.data[1], 0xff, 'silence before the other spoke');
    }
    // Taken out as WAV it is what it would have been, exactly where nothing was lost.
    const out: Uint8Array[] = [];
    for await (const piece of reencoded({ name: made.objectName, bytes: store.read(made.objectName), report: made.report }, 'wav')) out.push(piece);
    const again = parseWav(Buffer.concat(out));
    if (typeof again === 'string') throw new Error(again);
    t.equal(again.data.length / 4 / again.sampleRate, samples[0]!.length / 8_000);
    if (format === 'opus' || format === 'mp3') continue;
    t.ok(again.data.equals(Buffer.concat([...samples[0]!].map((sample, n) => Buffer.from(Int16Array.of(sample, samples[1]![n]!).buffer)))));
  }
});

t.test('G.711 is not kept as codes where the parties had different laws', async (t) => {
  const alaw = { payloadType: 8, name: 'PCMA', clockRate: 8_000, channels: 1 };
  const other = spoken(new Speaker(2), 1, [0, 50]).map((one) => {
    if ('bytes' in one) one.bytes[1] = 8;
    return one;
  });
  const source = await captured(t.testdir(), keys, [...spoken(new Speaker(1), 0, [0, 50]), ...other], { streams: [streamOf(0), streamOf(1, { codecs: [alaw] })] });
  const { objectName } = await stitch('two laws', [source], keys, store, [], { format: 'wav-g711' });
  t.equal((await heard(store, objectName))[0]!.length, 8_000, 'PCM of 16 bits');
});

t.test('more than two parties: mixed they stand on two sides', async (t) => {
  const [anna, bob, carl] = [new Speaker(1), new Speaker(2), new Speaker(3)];
  const source = await captured(t.testdir(), keys, [...spoken(anna, 0, [0, 20]), ...spoken(bob, 1, [0, 10]), ...spoken(carl, 2, [10, 20])], { streams: [streamOf(0), streamOf(1), streamOf(2)] });
  const { objectName } = await stitch('mixed', [source], keys, store, [], { parties: 'mixed' });
  const channels = await heard(store, objectName);
  const both = expected(bob, 20 * packetTicks, 0, range(0, 10));
  for (const n of range(10, 20)) both.set(carl.samples(n), n * packetTicks);
  t.equal(channels.length, 2);
  t.ok(same(channels[0], expected(anna, 20 * packetTicks, 0, range(0, 20))));
  t.ok(same(channels[1], both));
});

t.test('keys in an encrypted call are masked when they are decrypted', async (t) => {
  const key: CryptoLine = { tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80', keySalt: Buffer.alloc(30, 5), sessionParameters: [] };
  const sealedKeys = [(await sealSecret(Buffer.from(encodeCryptoLine(key)), keys.public)).toString('base64')];
  const anna = new Speaker(1);
  const sender = new SrtpSender(key);
  const happenings = [...spoken(anna, 0, [0, 40]), ...pressed(anna, 0, [40, 45], 7), ...spoken(anna, 0, [45, 100])].map((one) => ('bytes' in one ? { ...one, bytes: sender.protectRtp(one.bytes) } : one));
  const source = await captured(t.testdir(), keys, happenings, { control: masked, streams: [streamOf(0, { encrypted: true, sealedKeys }), streamOf(1)] });
  const { report, objectName } = await stitch('keys srtp', [source], keys, store);
  t.ok(same((await heard(store, objectName))[0], expected(anna, 16_000, 0, [...range(0, 40), ...range(45, 100)]).fill(0, 40 * packetTicks - leakFrames, 45 * packetTicks)));
  t.match(report, { state: 'complete', channels: [{ encrypted: true, maskedKeys: [{ atMs: 800, ms: 100 }] }, {}] });
});

t.test('whichever key was pressed, recording and report of a masked call are the same', async (t) => {
  const dir = t.testdir();
  const results: string[] = [];
  for (const event of [0, 5, 11, 22]) {
    const anna = new Speaker(1);
    const happenings = [...spoken(anna, 0, [0, 40]), ...pressed(anna, 0, [40, 45], event), ...spoken(anna, 0, [45, 60])];
    const { report, objectName } = await stitch('keys alike', [await captured(dir, keys, happenings, { captureId: `k${event}`, control: masked })], keys, store);
    const sound = (await heard(store, objectName)).map((channel) => Buffer.from(channel.buffer).toString('base64'));
    results.push(JSON.stringify([{ ...report, captures: [] }, sound]));
  }
  t.equal(new Set(results).size, 1);
});

t.test('for how long the recording is kept stands in its report and its manifest', async (t) => {
  const control = { keep: true, pauses: [], said: [], tags: {}, retention: { class: 'calls-7y', untilMs: beginMs + 1_000 } };
  const { report, objectName } = await stitch('kept', [await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 10]), { control })], keys, store);
  const retention = { class: 'calls-7y', keepUntil: new Date(beginMs + 1_000).toISOString() };
  t.strictSame(report.retention, retention);
  t.match(await store.readDocument(objectName.replace('.wav', '.json')), { report: { retention } });
  const ordinary = await stitch('ordinary', [await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 10]))], keys, store);
  t.strictSame(ordinary.report.retention, { class: 'standard' });
});
