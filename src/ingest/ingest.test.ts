import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ann, annSip, beginMs, bobSip, ingested, isPlainCall, plainCall, request, response, sdpOf, signalCall, Speaker, Wire } from './conversation.fixture.js';
import { ingest } from './ingest.js';
import { pcapFile } from './wire.fixture.js';

t.test('a call becomes one recording, caller left, callee right, every sample in its place', async (t) => {
  const dir = t.testdir();
  const done = await ingested(dir, [plainCall().pcap()]);
  t.equal(done.calls.length, 1);
  await isPlainCall(t, done);
  t.match(done.calls[0], { sessionId: 'call-1', calls: [{ callId: 'call-1', from: 'sip:ann@example.net', to: 'sip:bob@example.net', outcome: 'answered', answeredAtMs: beginMs + 500, sipStatus: 200 }] });
  t.match(done.calls[0]?.channels, [{ party: 'sip:ann@example.net' }, { party: 'sip:bob@example.net' }]);
  t.strictSame(readdirSync(join(dir, 'out')).sort(), ['call-1.json', 'call-1.wav']);
  t.equal(statSync(join(dir, 'out', 'call-1.wav')).mode & 0o777, 0o600);
  t.match(JSON.parse(readFileSync(join(dir, 'out', 'call-1.json'), 'utf8')), { sessionId: 'call-1', state: 'complete', captures: [{ recorder: 'capture-0.pcap' }, {}] });
  t.strictSame(readdirSync(dir).filter((name) => name.startsWith('twintrack')), [], 'nothing is left on its way');
  t.strictSame(done.summary.lost, {});
  t.strictSame(done.summary.unclaimed, []);
});

t.test('several files are one capture, in the order of time', async (t) => {
  const frames = plainCall().sorted();
  const mine = (odd: number): Buffer => pcapFile(frames.filter((_, at) => at % 2 === odd));
  const done = await ingested(t.testdir(), [mine(1), mine(0)]);
  t.equal(done.calls.length, 1);
  await isPlainCall(t, done);
  t.equal(done.summary.packets, frames.length);
});

t.test('thousands of calls need a few descriptors and no memory of those that are over', async (t) => {
  const frames = [];
  const calls = 150;
  for (let n = 0; n < calls; n += 1) {
    const wire = new Wire();
    const [a, b] = [`10.1.${n}.1:4000`, `10.2.${n}.1:6000`];
    signalCall(wire, { callId: `many-${n}`, annSdp: sdpOf(a), bobSdp: sdpOf(b), endMs: 1_500 }).says(new Speaker(n * 2 + 1), 600, a, b, [0, 40]).says(new Speaker(n * 2 + 2), 600, b, a, [0, 40]);
    // Half of them run at once, half one after the other.
    const shiftMs = n < calls / 2 ? 0 : (n - calls / 2) * 6_000;
    frames.push(...wire.frames.map((frame) => ({ ...frame, atMs: frame.atMs + shiftMs })));
  }
  const before = readdirSync('/proc/self/fd').length;
  let most = 0;
  const dir = t.testdir();
  const done = await ingested(dir, [pcapFile(frames.sort((a, b) => a.atMs - b.atMs))], { onProgress: () => (most = Math.max(most, readdirSync('/proc/self/fd').length)) });
  t.equal(done.calls.length, calls);
  t.ok(done.calls.every(({ state, channels }) => state === 'complete' && channels.every(({ packetsReceived }) => packetsReceived === 40)));
  t.ok(most > 0 && most - before < 100, `${most - before} more than before`);
  t.ok(readdirSync('/proc/self/fd').length <= before + 1, 'all are closed');
});

t.test('calls are told as they end, not when the files do', async (t) => {
  const dir = t.testdir();
  const wire = signalCall(plainCall(), { callId: 'later', atMs: 60_000, endMs: 61_000 });
  writeFileSync(join(dir, 'a.pcap'), wire.pcap());
  const seen: string[] = [];
  await ingest({ files: [join(dir, 'a.pcap')], outDir: join(dir, 'out'), workParent: dir, keys: [], rules: [], onCall: ({ sessionId, calls }) => seen.push(`${sessionId} of ${calls.length}`) });
  t.strictSame(seen, ['call-1 of 1', 'later of 1']);
});

t.test('what is no capture is refused before anything is written, and so is a folder that cannot be', async (t) => {
  const dir = t.testdir({ 'text.pcap': 'no packets here', 'empty.pcap': '', taken: 'a file' });
  writeFileSync(join(dir, 'good.pcap'), plainCall().pcap());
  const go = (files: readonly string[], outDir = join(dir, 'out')) => ingest({ files: files.map((name) => join(dir, name)), outDir, workParent: dir, keys: [], rules: [], onCall: () => undefined });
  await t.rejects(go(['good.pcap', 'text.pcap']), { code: 'INGEST_INPUT', message: /text\.pcap is no packet capture/ });
  await t.rejects(go(['empty.pcap']), { code: 'INGEST_INPUT' });
  await t.rejects(go(['missing.pcap']), { code: 'INGEST_INPUT', message: /missing\.pcap cannot be read/ });
  await t.rejects(go(['good.pcap'], join(dir, 'taken', 'out')), { code: 'INGEST_OUTPUT' });
  t.notOk(readdirSync(dir).includes('out'));
  t.strictSame(readdirSync(dir).filter((name) => name.startsWith('twintrack')), []);
});

t.test('what is left of an ingestion that died is removed by the next, that of one that lives is not', async (t) => {
  const dead = 'twintrack-ingest-999999999-AbCdEf';
  const living = `twintrack-ingest-${process.pid}-AbCdEf`;
  const dir = t.testdir({ [dead]: { 1: 'sealed' }, [living]: {} });
  await ingested(dir, [plainCall().pcap()]);
  t.strictSame(readdirSync(dir).filter((name) => name.startsWith('twintrack')), [living]);
});

t.test('a session ID that is no file name gets one, and two of the same get two', async (t) => {
  const dir = t.testdir();
  const once = (atMs: number): Wire => signalCall(new Wire(), { callId: '../a/b', atMs, endMs: atMs + 1_000 });
  const frames = [...once(0).frames, ...once(100_000).frames];
  const done = await ingested(dir, [pcapFile(frames)]);
  t.equal(done.calls.length, 2);
  const names = readdirSync(join(dir, 'out'));
  t.equal(names.length, 2);
  t.ok(names.every((name) => /^_\._a_b_[0-9a-f]{8}(_2)?\.json$/.test(name)), names.join(' '));
});

t.test('a call without media is lost, one that nobody answered is none to record', async (t) => {
  const wire = signalCall(new Wire());
  wire.sip(10_000, annSip, bobSip, request('INVITE', { callId: 'busy', body: sdpOf(ann) }));
  wire.sip(10_100, bobSip, annSip, response(486, 'INVITE', { callId: 'busy' }));
  wire.sip(10_110, annSip, bobSip, request('ACK', { callId: 'busy', toTag: 'b' }));
  const { calls } = await ingested(t.testdir(), [wire.pcap()]);
  t.match(calls, [
    { sessionId: 'call-1', state: 'lost', reason: 'no media arrived', startedAt: new Date(beginMs).toISOString(), audioFile: '', channels: [{ party: 'sip:ann@example.net' }, { party: 'sip:bob@example.net' }] },
    { sessionId: 'busy', state: 'excluded', reason: 'the call was not answered (486)', calls: [{ outcome: 'unanswered', sipStatus: 486 }] },
  ]);
});

t.test('a capture that begins or ends in mid-call gives what it has, and the report says so', async (t) => {
  const whole = plainCall();
  const upTo = (fromMs: number, toMs: number): Buffer => pcapFile(whole.sorted().filter(({ atMs }) => atMs >= beginMs + fromMs && atMs < beginMs + toMs));
  const early = await ingested(t.testdir(), [upTo(0, 2_900)]);
  t.match(early.calls, [{ state: 'partial', reason: 'the packet capture has no end of the call', channels: [{ packetsReceived: 100 }, { packetsReceived: 100 }] }]);
  // The 200 has the callee's address, which tells both directions apart.
  const late = await ingested(t.testdir(), [upTo(400, 4_000)]);
  t.match(late.calls, [{ state: 'partial', reason: 'the packet capture begins in mid-call', channels: [{ packetsReceived: 100, party: 'sip:ann@example.net' }, { packetsReceived: 100 }] }]);
});

t.test('one Call-ID in every message, or one place in every call, costs no more than a few of them', async (t) => {
  const wire = new Wire();
  for (let n = 0; n < 300; n += 1) {
    wire.sip(n, `10.9.${n >> 8}.${n & 255}:5060`, bobSip, request('INVITE', { callId: 'same', branch: `z9hG4bK${n}`, body: sdpOf(ann) }));
    wire.sip(n, annSip, bobSip, request('INVITE', { callId: `other-${n}`, body: sdpOf(ann) }));
  }
  const { calls } = await ingested(t.testdir(), [wire.pcap()]);
  t.equal(calls.length, 301);
  t.equal(calls.find(({ sessionId }) => sessionId === 'same')?.calls.length, 64);
});
