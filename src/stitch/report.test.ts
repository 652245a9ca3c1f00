import t from 'tap';
import type { Report, Unrecorded } from '../ledger/index.js';
import { RtpView } from '../media/index.js';
import { beginMs, packetMs, Speaker, streamOf } from './call.fixture.js';
import { Channel } from './channel.js';
import type { ClearCounts } from './clear-stream.js';
import type { CaptureFacts } from './gather.js';
import { planRecording } from './plan.js';
import { makeReport } from './report.js';
import { wishesOf } from './wishes.js';

const none: ClearCounts = { authFailures: 0, duplicates: 0, malformed: 0, keyless: 0 };
const closed: CaptureFacts = { captureId: 'c1', recorder: 'r1', fromMs: beginMs, toMs: beginMs + 2_000, openedAtMs: beginMs, cut: false, unreadable: false, endReason: 'bye', control: undefined };

function channelOf(name: string, numbers: Iterable<number>, codec = streamOf(0).codecs[0]!): Channel {
  const channel = new Channel(name);
  const speaker = new Speaker(name.length);
  channel.describe(streamOf(name === 'caller' ? 0 : 1), beginMs);
  for (const n of numbers) {
    const packet = RtpView.parse(speaker.packet(n));
    if (typeof packet !== 'string') channel.accept(packet, codec, beginMs + n * packetMs);
  }
  return channel;
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

function reportOf(channels: readonly Channel[], { captures = [closed], counts = {}, unrecorded }: { captures?: readonly CaptureFacts[]; counts?: Record<string, Partial<ClearCounts>>; unrecorded?: readonly Unrecorded[] } = {}): Report {
  const plan = planRecording(channels, 8_000);
  const countsOf = (name: string): ClearCounts => ({ ...none, ...counts[name] });
  return makeReport({ recordingId: 'r', sessionId: 's', channels, countsOf, captures, wishes: wishesOf(captures), unrecorded, plan });
}
const bothWhole = (): Channel[] => [channelOf('caller', range(0, 100)), channelOf('callee', range(5, 100))];

t.test('when every packet came the recording is complete, and the report says what is in it', (t) => {
  const report = reportOf(bothWhole());
  t.match(report, { state: 'complete', reason: 'every packet that was sent is in it', durationMs: 2_000, sampleRate: 8_000, startedAt: new Date(beginMs).toISOString() });
  t.match(report.captures, [{ recorder: 'r1', captureId: 'c1', state: 'closed', from: new Date(beginMs).toISOString(), to: new Date(beginMs + 2_000).toISOString() }]);
  t.strictSame(report.channels[1], {
    label: '2', party: 'sip:party1@example.net', codec: 'PCMU', encrypted: false, packetsExpected: 95, packetsReceived: 95, packetsLost: 0,
    duplicates: 0, authFailures: 0, jitterMs: 0, durationMs: 1_900, driftMs: 0, offsetMs: 100, gaps: [],
  });
  t.end();
});

t.test('a capture that nobody said to be of this call is marked so, and only that one', (t) => {
  const { captures } = reportOf(bothWhole(), { captures: [closed, { ...closed, captureId: 'c2', pairedBy: 'media-address' }] });
  t.strictSame(captures.map((capture) => ['pairedBy' in capture, capture.pairedBy]), [[false, undefined], [true, 'media-address']]);
  t.end();
});

t.test('each fault makes it partial, and is named', (t) => {
  const holed = (): Channel[] => [channelOf('caller', [...range(0, 50), ...range(52, 100)]), channelOf('callee', range(0, 100))];
  t.match(reportOf(holed()), { state: 'partial', reason: '2 packets of the caller did not arrive', channels: [{ packetsExpected: 100, packetsLost: 2 }, {}] });
  t.match(reportOf(bothWhole(), { counts: { callee: { keyless: 3 } } }), { state: 'partial', reason: '3 packets of the callee are encrypted and no key is known' });
  t.match(reportOf(bothWhole(), { counts: { caller: { authFailures: 4, duplicates: 2 } } }), { state: 'partial', reason: '4 packets of the caller could not be decrypted', channels: [{ authFailures: 4, duplicates: 2 }, {}] });
  const g729 = channelOf('callee', range(0, 9), { payloadType: 0, name: 'G729', clockRate: 8_000, channels: 1 });
  t.match(reportOf([channelOf('caller', range(0, 9)), g729]), { state: 'partial', reason: 'the codec of the callee (G729) cannot be decoded here', channels: [{}, { codec: 'G729', packetsReceived: 9 }] });
  t.match(reportOf(holed(), { counts: { callee: { keyless: 1 } } }).reason, /; /);
  t.end();
});

t.test('what no recorder had makes it partial, with the reasons; a takeover that cost nothing is not spoken of', (t) => {
  const without: Unrecorded = { fromMs: beginMs + 1_500, toMs: beginMs + 5_000, resumed: false, reason: 'the recorder r1 was left: it died' };
  const taken: Unrecorded = { fromMs: beginMs + 100, toMs: beginMs + 900, resumed: true, reason: 'the recorder r0 was left: it died' };
  t.match(reportOf(bothWhole(), { unrecorded: [without] }), {
    state: 'partial', reason: '3.0 s of the caller are missing because no recorder had the call; 3.0 s of the callee are missing because no recorder had the call; the recorder r1 was left: it died',
    channels: [{ gaps: [{ atMs: 2_000, ms: 3_000, cause: 'failover' }] }, {}],
  });
  t.match(reportOf(bothWhole(), { unrecorded: [taken] }), { state: 'complete' });
  t.match(reportOf([channelOf('caller', [])], { unrecorded: [without] }), { state: 'lost', reason: 'the recorder r1 was left: it died' });
  t.end();
});

t.test('an outage of minutes is loss like any other', (t) => {
  const report = reportOf([channelOf('caller', [...range(0, 100), ...range(10_100, 10_200)]), channelOf('callee', range(0, 100))]);
  t.match(report, { state: 'partial', reason: '10000 packets of the caller did not arrive', channels: [{ packetsExpected: 10_200, packetsReceived: 200, packetsLost: 10_000, gaps: [{ atMs: 2_000, ms: 200_000, cause: 'loss' }] }, {}] });
  t.end();
});

t.test('without a sample it is lost, and the reason is told', (t) => {
  const silent = [new Channel('caller'), new Channel('callee')];
  t.match(reportOf(silent), { state: 'lost', reason: 'no media arrived', durationMs: 0, startedAt: new Date(beginMs).toISOString() });
  t.match(reportOf(silent, { counts: { caller: { keyless: 9 } } }), { state: 'lost', reason: '9 packets of the caller are encrypted and no key is known' });
  t.end();
});

t.test('one party that never spoke does not spoil the recording of the other', (t) => {
  t.match(reportOf([channelOf('caller', range(0, 10)), new Channel('callee')]), { state: 'complete', channels: [{}, { packetsExpected: 0, durationMs: 0, offsetMs: 0, gaps: [] }] });
  t.end();
});

t.test('a recorder that died alone makes it partial', (t) => {
  t.match(reportOf(bothWhole(), { captures: [{ ...closed, cut: true }] }), { state: 'partial', reason: 'the recorder died during the call', captures: [{ state: 'cut' }] });
  t.end();
});

t.test('a capture whose recorder could not write on makes it partial, and the reason is the one that it told', (t) => {
  t.match(reportOf(bothWhole(), { captures: [{ ...closed, cut: true, cutReason: 'the disk was full' }] }), { state: 'partial', reason: 'the disk was full', captures: [{ state: 'cut' }] });
  t.end();
});

t.test('a recorder that died costs nothing when another went on to the end', (t) => {
  const died = { ...closed, captureId: 'c0', cut: true, toMs: beginMs + 900 };
  t.match(reportOf(bothWhole(), { captures: [died, closed] }), { state: 'complete' });
  t.match(reportOf(bothWhole(), { captures: [{ ...died, toMs: beginMs + 2_001 }, closed] }), { state: 'partial', reason: '1 of 2 captures ended early' });
  t.match(reportOf(bothWhole(), { captures: [{ ...died, unreadable: true, toMs: 0 }, closed] }), { state: 'partial', reason: '1 of 2 captures could not be read' });
  t.end();
});

t.test('while a recorder has yet to write what it took in nobody knows whether all of it is there', (t) => {
  const empty = { ...closed, captureId: 'c0', recorder: 'r0', cut: true, fromMs: Number.POSITIVE_INFINITY, toMs: 0, moreFollows: true };
  const reason = 'some of what the recorder r0 took in is not in its capture yet; when its disk takes it, this is made anew';
  t.match(reportOf(bothWhole(), { captures: [empty, closed] }), { state: 'partial', reason });
  t.match(reportOf(bothWhole(), { captures: [{ ...empty, moreFollows: false }, closed] }), { state: 'complete' });
  t.match(reportOf([new Channel('caller')], { captures: [empty] }), { state: 'lost', reason: `${reason}; the recorder died during the call` });
  t.end();
});

t.test('a capture that holds nothing is told by when it was opened', (t) => {
  const empty = { ...closed, cut: true, fromMs: Number.POSITIVE_INFINITY, toMs: 0, openedAtMs: beginMs + 5 };
  const at = new Date(beginMs + 5).toISOString();
  t.match(reportOf([new Channel('caller')], { captures: [empty] }), { state: 'lost', reason: 'the recorder died during the call', startedAt: at, captures: [{ from: at, to: at, state: 'cut' }] });
  t.end();
});

t.test('sound from before the first packet to arrive counts as the channel\'s', (t) => {
  const report = reportOf([channelOf('caller', [1, 0, 2, 3]), channelOf('callee', range(1, 4))]);
  t.match(report, { durationMs: 80, channels: [{ offsetMs: 0, durationMs: 80 }, { offsetMs: 20, durationMs: 60 }] });
  t.end();
});

t.test('what a pause left out is counted neither as expected nor as lost, and the reason says so', (t) => {
  const said = [{ atMs: beginMs + 1_000, command: 'pause', by: 'http' }, { atMs: beginMs + 1_400, command: 'resume', by: 'http' }];
  const control = { keep: true, pauses: [{ fromMs: beginMs + 1_000, toMs: beginMs + 1_400 }], said, tags: { ticket: '7' } };
  const paused = [...range(0, 50), ...range(70, 100)];
  const report = reportOf([channelOf('caller', paused), channelOf('callee', paused)], { captures: [{ ...closed, control }] });
  t.match(report, { state: 'complete', reason: /but for those of the pauses/, tags: { ticket: '7' } });
  t.match(report.channels, [{ packetsExpected: 80, packetsReceived: 80, packetsLost: 0, gaps: [{ atMs: 1_000, ms: 400, cause: 'paused' }] }, { packetsLost: 0 }]);
  t.strictSame(report.control, said.map(({ atMs, command, by }) => ({ at: new Date(atMs).toISOString(), command, by })));
  t.end();
});

t.test('what nobody asked for is excluded, whatever is wrong with it', (t) => {
  const control = { keep: false, pauses: [], said: [], tags: {} };
  t.match(reportOf(bothWhole(), { captures: [{ ...closed, cut: true, control }] }), { state: 'excluded', reason: 'on demand: nobody asked' });
  t.end();
});
