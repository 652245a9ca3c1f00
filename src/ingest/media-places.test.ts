import t from 'tap';
import { encodeRtcp } from '../media/index.js';
import { ann, annSays, annSip, beginMs, bob, bobSays, bobSip, expected, ingested, isPlainCall, packetTicks, plainCall, plainPackets, request, response, sdpOf, signalCall, speakBoth, Speaker, Wire } from './conversation.fixture.js';
import { pcapFile } from './wire.fixture.js';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

/** The plain call, with other places for the media than the SDP says. */
const speakFrom = (wire: Wire, annSends: string, annTakes: string, bobSends = bob, bobTakes = bob): Wire =>
  wire.says(annSays, 600, annSends, bobTakes, [0, plainPackets]).says(bobSays, 610, bobSends, annTakes, [0, plainPackets]);

t.test('a party behind a NAT is known by the other one', async (t) => {
  const nat = '203.0.113.7:61000';
  await isPlainCall(t, await ingested(t.testdir(), [speakFrom(signalCall(new Wire(), { annSdp: sdpOf('192.168.1.5:4000') }), nat, nat).pcap()]));
});

t.test('where both addresses lie the ports tell', async (t) => {
  const wire = signalCall(new Wire(), { annSdp: sdpOf('192.168.1.5:4000'), bobSdp: sdpOf('172.16.0.5:6000') });
  await isPlainCall(t, await ingested(t.testdir(), [speakFrom(wire, '203.0.113.7:4000', '203.0.113.7:4000', '198.51.100.1:6000', '198.51.100.1:6000').pcap()]));
});

t.test('where one port is left, it tells if it means one call alone, and the packets are of its codec', async (t) => {
  const hidden = { annSdp: sdpOf('192.168.1.5:4000'), bobSdp: sdpOf('172.16.0.5:6000') };
  const speak = (wire: Wire): Wire => speakFrom(wire, '203.0.113.7:4000', '203.0.113.7:4000', '198.51.100.1:7777', '198.51.100.1:7777');
  await isPlainCall(t, await ingested(t.testdir(), [speak(signalCall(new Wire(), hidden)).pcap()]));
  const two = speak(signalCall(signalCall(new Wire(), hidden), { ...hidden, callId: 'call-2' }));
  const { calls, summary } = await ingested(t.testdir(), [two.pcap()]);
  t.match(calls, [{ state: 'lost' }, { state: 'lost' }], 'of two calls none is guessed');
  t.equal(summary.unclaimed.length, 2);
  const other = await ingested(t.testdir(), [speak(signalCall(new Wire(), { ...hidden, annSdp: sdpOf('192.168.1.5:4000', { codecs: '8' }), bobSdp: sdpOf('172.16.0.5:6000', { codecs: '8' }) })).pcap()]);
  t.match(other.calls, [{ state: 'lost' }], 'packets that nobody negotiated are no call');
});

t.test('what is no RTP never becomes sound, whatever port it is on', async (t) => {
  const wire = signalCall(new Wire(), { annSdp: sdpOf('192.168.1.5:4000'), bobSdp: sdpOf('172.16.0.5:6000') });
  // Begins as RTP does, with payload type 0, and goes on at random.
  for (const n of range(0, 300)) wire.datagram(600 + n * 10, '203.0.113.7:4000', '198.51.100.1:6000', Buffer.from([0x80, 0, ...range(0, 170).map((at) => (n * 7919 + at * 104_729) & 0xff)]));
  const guessed = await ingested(t.testdir(), [wire.pcap()]);
  t.match(guessed.calls, [{ state: 'lost', durationMs: 0 }]);
  const exact = signalCall(new Wire());
  for (const n of range(0, 300)) {
    exact.datagram(600 + n * 5, ann, bob, Buffer.from(range(0, 100).map((at) => (n * 31 + at) & 0x7f)));
    exact.datagram(602 + n * 5, ann, bob, Buffer.from([0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...range(0, 12)]));
  }
  t.match((await ingested(t.testdir(), [exact.pcap()])).calls, [{ state: 'lost', reason: 'no media arrived' }]);
});

t.test('media from before the SDP that explains it is kept for it', async (t) => {
  const wire = speakBoth(new Wire());
  wire.sip(1_900, annSip, bobSip, request('INVITE', { body: sdpOf(ann) })).sip(1_950, bobSip, annSip, response(200, 'INVITE', { body: sdpOf(bob) }));
  await isPlainCall(t, await ingested(t.testdir(), [wire.sip(3_000, annSip, bobSip, request('BYE', { cseq: 2, toTag: 'b' })).pcap()]));
});

t.test('the last packets after the BYE are of the call, those long after are of none', async (t) => {
  const wire = signalCall(new Wire(), { endMs: 2_000 });
  speakBoth(wire).says(annSays, 600, ann, bob, [300, 400]);
  const done = await ingested(t.testdir(), [wire.pcap()]);
  await isPlainCall(t, done);
  t.strictSame(done.summary.unclaimed, []);
});

t.test('a recycled port brings no stranger into the recording', async (t) => {
  const wire = plainCall();
  const [cid, dora] = [new Speaker(3), new Speaker(4)];
  signalCall(wire, { callId: 'next', atMs: 3_100, endMs: 6_000, from: 'sip:cid@example.net', to: 'sip:dora@example.net', bobSdp: sdpOf('192.168.9.9:6900'), bob: '10.0.0.3:5060' });
  wire.says(cid, 3_700, ann, '10.0.0.3:6000', [0, 50]).says(dora, 3_700, '10.0.0.3:6000', ann, [0, 50]);
  const done = await ingested(t.testdir(), [wire.pcap()]);
  t.equal(done.calls.length, 2);
  await isPlainCall(t, done);
  t.match(done.calls[1], { sessionId: 'next', state: 'complete', channels: [{ packetsReceived: 50 }, { packetsReceived: 50 }] });
  t.strictSame((await done.heard(1))[1], expected(dora, 50 * packetTicks, 0, range(0, 50)));
});

t.test('a source that goes on from elsewhere, unannounced, stays the one it was', async (t) => {
  const hidden = signalCall(new Wire(), { annSdp: sdpOf('192.168.1.5:4000'), bobSdp: sdpOf('172.16.0.5:6000') });
  // From the 50th packet on by another way, half a second later.
  hidden.says(annSays, 600, '203.0.113.7:4000', '198.51.100.1:6000', [0, 50]).says(annSays, 600, '203.0.113.99:1234', '198.51.100.1:9999', [75, 100]);
  // Bob is heard only now, where Ann is now: what goes the other way of a known flow is the other party.
  hidden.says(bobSays, 600, '198.51.100.1:9999', '203.0.113.99:1234', [80, 100]);
  const { calls } = await ingested(t.testdir(), [hidden.pcap()]);
  t.match(calls, [{ channels: [{ packetsReceived: 75, packetsLost: 25, gaps: [{ atMs: 1_000, ms: 500, cause: 'loss' }] }, { packetsReceived: 20, packetsLost: 0 }] }]);
});

t.test('RTCP beside RTP or on its port places the channels, and is no sound', async (t) => {
  for (const mux of [false, true]) {
    const wire = plainCall();
    const report = (ssrc: number): Buffer => encodeRtcp([{ type: 'RR', ssrc, reports: [], profileExtension: Buffer.alloc(0) }]);
    wire.datagram(700, mux ? ann : '10.0.0.1:4001', mux ? bob : '10.0.0.2:6001', report(1));
    const done = await ingested(t.testdir(), [wire.pcap()]);
    await isPlainCall(t, done);
    t.strictSame(done.summary.unclaimed, []);
  }
});

t.test('a re-INVITE to other places, an UPDATE to others again, and one that is refused', async (t) => {
  const wire = new Wire();
  const moved = '10.0.0.1:4100';
  const again = '10.0.0.1:4200';
  signalCall(wire, { endMs: 5_000 });
  wire.says(annSays, 600, ann, bob, [0, 50]).says(bobSays, 600, bob, ann, [0, 50]);
  wire.sip(1_500, annSip, bobSip, request('INVITE', { cseq: 2, toTag: 'b', body: sdpOf(moved) })).sip(1_550, bobSip, annSip, response(200, 'INVITE', { cseq: 2, body: sdpOf(bob) }));
  wire.says(annSays, 600, moved, bob, [50, 100]).says(bobSays, 600, bob, moved, [50, 100]);
  wire.sip(2_500, bobSip, annSip, request('UPDATE', { cseq: 7, fromTag: 'b', toTag: 'a', body: sdpOf('10.0.0.2:6100') })).sip(2_550, annSip, bobSip, response(200, 'UPDATE', { cseq: 7, fromTag: 'b', toTag: 'a', body: sdpOf(again) }));
  wire.says(annSays, 600, again, '10.0.0.2:6100', [100, 150]).says(bobSays, 600, '10.0.0.2:6100', again, [100, 150]);
  // Refused, and never used.
  wire.sip(3_000, annSip, bobSip, request('INVITE', { cseq: 3, toTag: 'b', body: sdpOf('10.0.0.1:4300', { lines: ['a=inactive'] }) })).sip(3_050, bobSip, annSip, response(488, 'INVITE', { cseq: 3 }));
  // What is missing now is lost: the hold that was refused is none.
  wire.says(annSays, 600, again, '10.0.0.2:6100', [150, 160]).says(annSays, 600, again, '10.0.0.2:6100', [170, 200]).says(bobSays, 600, '10.0.0.2:6100', again, [150, 200]);
  const { calls, heard } = await ingested(t.testdir(), [wire.pcap()]);
  t.match(calls, [{ channels: [{ packetsReceived: 190, gaps: [{ atMs: 3_200, ms: 200, cause: 'loss' }] }, { packetsReceived: 200, gaps: [] }] }]);
  const [left, right] = await heard(0);
  t.strictSame(left, expected(annSays, 200 * packetTicks, 0, [...range(0, 160), ...range(170, 200)]));
  t.strictSame(right, expected(bobSays, 200 * packetTicks, 0, range(0, 200)));
});

t.test('hold is silence of the right length, with its cause', async (t) => {
  const wire = signalCall(new Wire(), { endMs: 6_000 });
  const hold = (atMs: number, cseq: number, direction: string, answer: string): void => {
    wire.sip(atMs, annSip, bobSip, request('INVITE', { cseq, toTag: 'b', body: sdpOf(ann, { lines: [`a=${direction}`] }) }));
    wire.sip(atMs + 20, bobSip, annSip, response(200, 'INVITE', { cseq, body: sdpOf(bob, { lines: [`a=${answer}`] }) }));
  };
  hold(1_600, 2, 'inactive', 'inactive');
  hold(3_600, 3, 'sendrecv', 'sendrecv');
  const spoken = [...range(0, 50), ...range(150, 200)];
  for (const [from, to] of [[0, 50], [150, 200]] as const) wire.says(annSays, 600, ann, bob, [from, to]).says(bobSays, 600, bob, ann, [from, to]);
  const { calls, heard } = await ingested(t.testdir(), [wire.pcap()]);
  const gaps = [{ atMs: 1_000, ms: 2_000, cause: 'hold' }];
  t.match(calls, [{ durationMs: 4_000, channels: [{ gaps }, { gaps }] }]);
  t.strictSame((await heard(0))[0], expected(annSays, 200 * packetTicks, 0, spoken));
});

t.test('an offer in the 200 and an answer in the ACK, in which the payload types are', async (t) => {
  const wire = new Wire();
  wire.sip(0, annSip, bobSip, request('INVITE')).sip(500, bobSip, annSip, response(200, 'INVITE', { body: sdpOf(bob, { codecs: '96', lines: ['a=rtpmap:96 PCMU/8000'] }) }));
  wire.sip(510, annSip, bobSip, request('ACK', { toTag: 'b', branch: 'z9hG4bKack', body: sdpOf(ann, { codecs: '96', lines: ['a=rtpmap:96 PCMU/8000'] }) }));
  const dynamic = (packet: Buffer): Buffer => Buffer.concat([packet.subarray(0, 1), Buffer.from([96]), packet.subarray(2)]);
  wire.says(annSays, 600, ann, bob, [0, plainPackets], dynamic).says(bobSays, 610, bob, ann, [0, plainPackets], dynamic);
  await isPlainCall(t, await ingested(t.testdir(), [wire.sip(3_000, bobSip, annSip, request('BYE', { fromTag: 'b', toTag: 'a' })).pcap()]));
});

t.test('early media is in the recording, of a call that was not answered too', async (t) => {
  const wire = new Wire();
  wire.sip(0, annSip, bobSip, request('INVITE', { body: sdpOf(ann) })).sip(100, bobSip, annSip, response(183, 'INVITE', { body: sdpOf(bob) }));
  wire.says(bobSays, 200, bob, ann, [0, 50]);
  wire.sip(2_000, bobSip, annSip, response(480, 'INVITE', {}));
  const { calls, heard } = await ingested(t.testdir(), [wire.pcap()]);
  t.match(calls, [{ state: 'complete', calls: [{ outcome: 'unanswered', sipStatus: 480 }], channels: [{ packetsExpected: 0 }, { packetsReceived: 50 }] }]);
  t.strictSame((await heard(0))[1], expected(bobSays, 50 * packetTicks, 0, range(0, 50)));
});

t.test('packets and messages that were captured twice are there once', async (t) => {
  const frames = plainCall().sorted();
  const { calls, heard } = await ingested(t.testdir(), [pcapFile(frames.flatMap((frame) => [frame, frame]))]);
  t.match(calls, [{ state: 'complete', startedAt: new Date(beginMs + 600).toISOString(), channels: [{ packetsReceived: 100, duplicates: 100 }, { packetsReceived: 100, duplicates: 100 }] }]);
  t.equal((await heard(0))[0]?.length, 100 * packetTicks + 80);
});
