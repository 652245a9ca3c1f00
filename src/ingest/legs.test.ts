import t from 'tap';
import { encodeMetadata, encodeMultipart } from '../sip/index.js';
import { ann, annSays, annSip, beginMs, bob, bobSays, bobSip, expected, ingested, isPlainCall, packetTicks, plainCall, plainPackets, request, response, sdpOf, signalCall, speakBoth, Speaker, Wire, type SipFields } from './conversation.fixture.js';
import { pcapFile, tcp, tcpFlags } from './wire.fixture.js';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
const id = '0123456789abcdef0123456789abcdef';
const sessionHeader = `Session-ID: ${id};remote=${'0'.repeat(32)}`;

/** An agent between Ann and Bob, with a leg and media of its own on either side, as a B2BUA or SBC has. */
const agent = { annSide: '10.0.0.9:5060', bobSide: '10.0.0.9:5070', annMedia: '10.0.0.9:30000', bobMedia: '10.0.0.9:30002' };

/** Both legs signalled; what the parties say crosses the agent two milliseconds later, under other sources. */
function throughAgent(wire: Wire, legA: SipFields, legB: SipFields): Wire {
  signalCall(wire, { ...legA, bob: agent.annSide, bobSdp: sdpOf(agent.annMedia) });
  signalCall(wire, { ...legB, ann: agent.bobSide, annSdp: sdpOf(agent.bobMedia), atMs: 5 });
  const [annAgain, bobAgain] = [new Speaker(11), new Speaker(12)];
  const asSaid = (speaker: Speaker) => (packet: Buffer, n: number): Buffer => Buffer.concat([packet.subarray(0, 12), speaker.payload(n)]);
  wire.says(annSays, 600, ann, agent.annMedia, [0, plainPackets]).says(annAgain, 602, agent.bobMedia, bob, [0, plainPackets], asSaid(annSays));
  return wire.says(bobSays, 608, bob, agent.bobMedia, [0, plainPackets]).says(bobAgain, 610, agent.annMedia, ann, [0, plainPackets], asSaid(bobSays));
}

t.test('both legs of a back-to-back agent that share a session ID are one recording, nobody doubled', async (t) => {
  const done = await ingested(t.testdir(), [throughAgent(new Wire(), { callId: 'leg-a', headers: [sessionHeader] }, { callId: 'leg-b', headers: [sessionHeader] }).pcap()]);
  t.equal(done.calls.length, 1);
  t.match(done.calls[0], { sessionId: id, calls: [{ callId: 'leg-a' }, { callId: 'leg-b' }] });
  await isPlainCall(t, done);
});

t.test('each ID that makers send joins legs, in the order of trust', async (t) => {
  const pairs: Record<string, readonly [readonly string[], readonly string[]]> = {
    'User-to-User (UCID)': [['User-to-User: 00FA0800705D4C5DCAAC41;encoding=hex'], ['User-to-User: 00fa0800705d4c5dcaac41;encoding=hex']],
    'Cisco-Guid': [['Cisco-Guid: 1072635328-4043903455-2147520193-3232235530'], ['Cisco-Guid: 1072635328-4043903455-2147520193-3232235530']],
    'X-AUDC-CALL-ID': [['X-AUDC-CALL-ID: 55'], ['X-AUDC-CALL-ID: 55']],
    'AC-SESSION-ID': [['AC-Session-ID: q1;w2'], ['AC-Session-ID: q1;w2']],
    'X-Genesys-CallUUID': [['X-Genesys-CallUUID: 4BOKLLA3VH66JF112M1CC9VHKS14F0KP'], ['X-Genesys-CallUUID: 4BOKLLA3VH66JF112M1CC9VHKS14F0KP']],
    'Session-ID before all': [[sessionHeader, 'Cisco-Guid: 1-2-3-4'], [sessionHeader, 'Cisco-Guid: 5-6-7-8']],
  };
  for (const [name, [a, b]] of Object.entries(pairs)) {
    await t.test(name, async (t) => {
      const done = await ingested(t.testdir(), [throughAgent(new Wire(), { callId: 'leg-a', headers: a }, { callId: 'leg-b', headers: b }).pcap()]);
      t.equal(done.calls.length, 1);
      await isPlainCall(t, done);
    });
  }
});

t.test('legs that share nothing are two recordings', async (t) => {
  const { calls } = await ingested(t.testdir(), [throughAgent(new Wire(), { callId: 'leg-a' }, { callId: 'leg-b' }).pcap()]);
  t.match(calls, [{ sessionId: 'leg-a', state: 'complete' }, { sessionId: 'leg-b', state: 'complete' }]);
});

t.test('a leg in which the callee cannot be heard is made whole by the other', async (t) => {
  const wire = throughAgent(new Wire(), { callId: 'leg-a', headers: [sessionHeader] }, { callId: 'leg-b', headers: [sessionHeader] });
  const toAnn = Buffer.from([10, 0, 0, 9, 10, 0, 0, 1]);
  const deaf = wire.sorted().filter(({ bytes }) => !bytes.includes(toAnn) || bytes.length < 200 || bytes.length > 230);
  const done = await ingested(t.testdir(), [pcapFile(deaf)]);
  t.match(done.calls, [{ state: 'complete', channels: [{ packetsReceived: plainPackets }, { packetsReceived: plainPackets, offsetMs: 8 }] }]);
});

t.test('two legs whose media goes between the parties themselves are one call, whatever their IDs', async (t) => {
  const wire = signalCall(new Wire(), { callId: 'leg-a', bob: agent.annSide });
  signalCall(wire, { callId: 'leg-b', ann: agent.bobSide, atMs: 5 });
  const done = await ingested(t.testdir(), [speakBoth(wire).pcap()]);
  t.equal(done.calls.length, 1);
  await isPlainCall(t, done);
});

t.test('the hops of one dialog are one call', async (t) => {
  const proxy = '10.0.0.8:5060';
  const wire = signalCall(new Wire(), { bob: proxy, branch: 'z9hG4bKhop1' });
  signalCall(wire, { ann: proxy, branch: 'z9hG4bKhop2', atMs: 2 });
  const done = await ingested(t.testdir(), [speakBoth(wire).pcap()]);
  t.equal(done.calls.length, 1);
  await isPlainCall(t, done);
});

t.test('a relay between two hops that changes what it relays doubles nobody', async (t) => {
  const proxy = '10.0.0.8:5060';
  const [relayA, relayB] = ['10.0.0.8:30000', '10.0.0.8:30002'];
  const wire = signalCall(new Wire(), { bob: proxy, branch: 'z9hG4bKhop1', bobSdp: sdpOf(relayA) });
  signalCall(wire, { ann: proxy, branch: 'z9hG4bKhop2', atMs: 2, annSdp: sdpOf(relayB) });
  const other = new Speaker(21);
  wire.says(annSays, 600, ann, relayA, [0, plainPackets]).says(other, 601, relayB, bob, [0, plainPackets]);
  wire.says(bobSays, 609, bob, relayB, [0, plainPackets]).says(bobSays, 610, relayA, ann, [0, plainPackets]);
  await isPlainCall(t, await ingested(t.testdir(), [wire.pcap()]));
});

t.test('one of several branches answers: what the others played and what it says are the callee', async (t) => {
  const wire = new Wire();
  const early = new Speaker(31);
  wire.sip(0, annSip, bobSip, request('INVITE', { body: sdpOf(ann) }));
  wire.sip(100, bobSip, annSip, response(183, 'INVITE', { toTag: 'one', body: sdpOf('10.0.0.3:7000') }));
  wire.says(early, 150, '10.0.0.3:7000', ann, [0, 10]);
  wire.sip(500, bobSip, annSip, response(200, 'INVITE', { toTag: 'two', body: sdpOf(bob) })).sip(510, annSip, bobSip, request('ACK', { toTag: 'two' }));
  // The first branch answers too late, and is hung up.
  wire.sip(520, bobSip, annSip, response(200, 'INVITE', { toTag: 'one', body: sdpOf('10.0.0.3:7000') })).sip(530, annSip, bobSip, request('BYE', { cseq: 2, toTag: 'one' }));
  speakBoth(wire).sip(3_000, annSip, bobSip, request('BYE', { cseq: 3, toTag: 'two' }));
  const { calls, heard } = await ingested(t.testdir(), [wire.pcap()]);
  t.match(calls, [{ state: 'complete', calls: [{ endedAtMs: beginMs + 3_000 }], channels: [{ packetsReceived: 100 }, { packetsReceived: 110 }] }]);
  const right = expected(bobSays, 2_470 * 8 - 80, 460 * 8, range(0, 100));
  right.set(expected(early, 10 * packetTicks, 0, range(0, 10)), 0);
  t.strictSame((await heard(0))[1], right);
});

t.test('a challenge is no end', async (t) => {
  const wire = new Wire();
  wire.sip(0, annSip, bobSip, request('INVITE', { body: sdpOf(ann) })).sip(10, bobSip, annSip, response(407, 'INVITE', {})).sip(20, annSip, bobSip, request('ACK', { toTag: 'b' }));
  wire.sip(100, annSip, bobSip, request('INVITE', { cseq: 2, body: sdpOf(ann) })).sip(500, bobSip, annSip, response(183, 'INVITE', { cseq: 2, toTag: 'c', body: sdpOf(bob) }));
  wire.sip(8_000, bobSip, annSip, response(200, 'INVITE', { cseq: 2, toTag: 'c', body: sdpOf(bob) }));
  const done = await ingested(t.testdir(), [speakBoth(wire).sip(9_000, bobSip, annSip, request('BYE', { fromTag: 'c', toTag: 'a' })).pcap()]);
  await isPlainCall(t, done);
  t.match(done.calls, [{ calls: [{ outcome: 'answered', sipStatus: 200, endedAtMs: beginMs + 9_000 }] }]);
});

t.test('a transfer that a REFER asks for goes on in the same recording', async (t) => {
  const cid = new Speaker(41);
  const [cidMedia, cidSip] = ['10.0.0.3:7000', '10.0.0.3:5060'];
  const wire = plainCall();
  // Bob sends Ann to Cid.
  wire.sip(2_700, bobSip, annSip, request('REFER', { cseq: 5, fromTag: 'b', toTag: 'a', headers: ['Refer-To: <sip:cid@example.net>'] }));
  signalCall(wire, { callId: 'transferred', atMs: 3_500, endMs: 6_000, bob: cidSip, to: 'sip:cid@example.net', annSdp: sdpOf(ann), bobSdp: sdpOf(cidMedia) });
  wire.says(annSays, 600, ann, cidMedia, [200, 250]).says(cid, 4_600, cidMedia, ann, [0, 50]);
  const { calls, heard } = await ingested(t.testdir(), [wire.pcap()]);
  t.match(calls, [{ sessionId: 'call-1', calls: [{ callId: 'call-1' }, { callId: 'transferred' }], channels: [{ party: 'sip:ann@example.net' }, { party: 'sip:cid@example.net' }] }]);
  const [left, right] = await heard(0);
  t.strictSame(left, expected(annSays, 5_000 * 8, 0, [...range(0, 100), ...range(200, 250)]));
  t.strictSame(right?.slice(4_000 * 8), expected(cid, 50 * packetTicks, 0, range(0, 50)));
});

t.test('where the callee is sent on, he calls, and stays on his side', async (t) => {
  const cid = new Speaker(41);
  const cidSip = '10.0.0.3:5060';
  const wire = plainCall();
  // Ann sends Bob to Cid: Bob calls now, and is the callee still.
  wire.sip(2_700, annSip, bobSip, request('REFER', { cseq: 5, toTag: 'b', headers: ['Refer-To: <sip:cid@example.net>'] }));
  signalCall(wire, { callId: 'transferred', atMs: 3_500, endMs: 6_000, ann: bobSip, bob: cidSip, from: 'sip:bob@example.net', to: 'sip:cid@example.net', annSdp: sdpOf(bob), bobSdp: sdpOf('10.0.0.3:7000') });
  wire.says(bobSays, 610, bob, '10.0.0.3:7000', [200, 250]).says(cid, 4_610, '10.0.0.3:7000', bob, [0, 50]);
  const { calls, heard } = await ingested(t.testdir(), [wire.pcap()]);
  t.match(calls, [{ channels: [{ party: 'sip:cid@example.net', packetsReceived: 150 }, { party: 'sip:bob@example.net', packetsReceived: 150 }] }]);
  t.strictSame((await heard(0))[1]?.slice(80), expected(bobSays, 5_000 * 8, 0, [...range(0, 100), ...range(200, 250)]));
});

const metadata = encodeMetadata({
  dataMode: 'complete',
  associatedAt: '2027-01-15T08:00:00Z',
  sessions: [{ id: 'c2Vzc2lvbg==', sipSessionIds: [`${id};remote=${'0'.repeat(32)}`] }],
  participants: [
    { id: 'YW5u', aor: 'sip:ann@example.net', name: 'Ann', sends: ['czE='], receives: [] },
    { id: 'Ym9i', aor: 'sip:bob@example.net', name: 'Bob', sends: ['czI='], receives: [] },
  ],
  streams: [{ id: 'czE=', label: '10', sessionId: 'c2Vzc2lvbg==' }, { id: 'czI=', label: '20', sessionId: 'c2Vzc2lvbg==' }],
});
const [src, srs] = ['10.0.0.9:5080', '10.0.0.7:5060'];

function recordingSession(wire: Wire): Wire {
  const line = (port: number, label: string, direction: string): string[] => [`m=audio ${port} RTP/AVP 0`, ...(label === '' ? [] : [`a=label:${label}`]), `a=${direction}`];
  const sdp = (host: string, ports: readonly number[], labels: readonly string[], direction: string): string =>
    ['v=0', `o=- 1 1 IN IP4 ${host}`, 's=-', `c=IN IP4 ${host}`, 't=0 0', ...ports.flatMap((port, at) => line(port, labels[at] ?? '', direction)), ''].join('\r\n');
  const { contentType, body } = encodeMultipart([{ contentType: 'application/sdp', content: sdp('10.0.0.9', [40_000, 40_002], ['10', '20'], 'sendonly') }, { contentType: 'application/rs-metadata+xml', content: metadata }], 'boundary');
  const fields = { callId: 'recording', from: 'sip:src@example.net', to: 'sip:srs@example.net' };
  wire.sip(20, src, srs, request('INVITE', { ...fields, headers: ['Require: siprec'], contentType, body }));
  wire.sip(60, srs, src, response(200, 'INVITE', { ...fields, body: sdp('10.0.0.7', [50_000, 50_002], [], 'recvonly') }));
  wire.sip(70, src, srs, request('ACK', { ...fields, toTag: 'b', branch: 'z9hG4bKack' }));
  return wire.sip(3_050, src, srs, request('BYE', { ...fields, cseq: 2, toTag: 'b' }));
}

t.test('a recording session that is seen on the wire is the call that it records; its metadata says who is who', async (t) => {
  const wire = recordingSession(new Wire());
  wire.says(annSays, 600, '10.0.0.9:40000', '10.0.0.7:50000', [0, plainPackets]).says(bobSays, 610, '10.0.0.9:40002', '10.0.0.7:50002', [0, plainPackets]);
  const done = await ingested(t.testdir(), [wire.pcap()]);
  await isPlainCall(t, done);
  t.match(done.calls, [{ sessionId: id, channels: [{ label: '10', party: 'sip:ann@example.net' }, { label: '20', party: 'sip:bob@example.net' }] }]);
});

t.test('beside the call itself its recording session doubles nobody', async (t) => {
  const wire = recordingSession(speakBoth(signalCall(new Wire(), { headers: [sessionHeader] })));
  wire.says(annSays, 601, '10.0.0.9:40000', '10.0.0.7:50000', [0, plainPackets]).says(bobSays, 611, '10.0.0.9:40002', '10.0.0.7:50002', [0, plainPackets]);
  const done = await ingested(t.testdir(), [wire.pcap()]);
  t.match(done.calls, [{ calls: [{ callId: 'call-1' }, { callId: 'recording' }] }]);
  t.equal(done.calls.length, 1);
  await isPlainCall(t, done);
});

/** The plain call's signalling over TCP, as segments. */
function overTcp(wire: Wire, cut: (text: string) => readonly string[]): { wire: Wire; segments: { at: number; frames: Buffer[] }[] } {
  const udp = signalCall(new Wire());
  const [annTcp, bobTcp] = ['10.0.0.1:40001', '10.0.0.2:5060'];
  const next = { up: 1_001, down: 5_001 };
  const segments = [
    { at: -3, frames: tcp(annTcp, bobTcp, 1_000, tcpFlags.syn) },
    { at: -2, frames: tcp(bobTcp, annTcp, 5_000, tcpFlags.syn | tcpFlags.ack) },
  ];
  for (const { atMs, bytes } of udp.sorted()) {
    const up = bytes.readUInt8(14 + 15) === 1;
    for (const text of cut(bytes.subarray(14 + 28, 14 + bytes.readUInt16BE(16)).toString())) {
      const way = up ? 'up' : 'down';
      segments.push({ at: atMs - beginMs, frames: up ? tcp(annTcp, bobTcp, next[way], tcpFlags.ack, Buffer.from(text)) : tcp(bobTcp, annTcp, next[way], tcpFlags.ack, Buffer.from(text)) });
      next[way] += Buffer.byteLength(text);
    }
  }
  return { wire: speakBoth(wire), segments };
}

const pieces = (bytes: number) => (text: string): string[] => text.match(new RegExp(`[^]{1,${bytes}}`, 'gu')) ?? [];

t.test('SIP over TCP: in pieces, out of order, twice, several messages in one', async (t) => {
  const ways: Record<string, (segments: { at: number; frames: Buffer[] }[]) => { at: number; frames: Buffer[] }[]> = {
    'as it was sent': (segments) => segments,
    'each twice': (segments) => segments.flatMap((segment) => [segment, segment]),
    'every two swapped': (segments) => [...segments.slice(0, 2), ...segments.slice(2).map((_, at, all) => all[at ^ 1] ?? all[at]!)].map((segment, at) => ({ ...segment, at: segments[at]?.at ?? segment.at })),
    'without a beginning': (segments) => segments.slice(2),
  };
  for (const [name, change] of Object.entries(ways)) {
    await t.test(name, async (t) => {
      const { wire, segments } = overTcp(new Wire(), pieces(name === 'without a beginning' ? 10_000 : 100));
      for (const { at, frames } of change(segments)) wire.put(at, frames);
      const done = await ingested(t.testdir(), [wire.pcap()]);
      await isPlainCall(t, done);
      t.strictSame(done.summary.lost, {});
    });
  }
});

t.test('several messages in one segment', async (t) => {
  const wire = speakBoth(new Wire());
  const all = [request('INVITE', { body: sdpOf(ann) }), '\r\n\r\n', request('OPTIONS', { callId: 'other' })].join('');
  const back = [response(100, 'INVITE', { toTag: '' }), response(200, 'INVITE', { body: sdpOf(bob) })].join('');
  wire.put(0, tcp('10.0.0.1:40001', bobSip, 1, tcpFlags.ack, Buffer.from(all))).put(100, tcp(bobSip, '10.0.0.1:40001', 1, tcpFlags.ack, Buffer.from(back)));
  wire.put(3_000, tcp('10.0.0.1:40001', bobSip, 1 + all.length, tcpFlags.ack, Buffer.from(request('BYE', { cseq: 2, toTag: 'b' }))));
  await isPlainCall(t, await ingested(t.testdir(), [wire.pcap()]));
});

t.test('a segment that was not captured costs its message, not the connection', async (t) => {
  const { wire, segments } = overTcp(new Wire(), pieces(10_000));
  // The ACK: nothing depends on it. The BYE comes behind the gap.
  const ack = segments.findIndex(({ frames }) => frames[0]?.includes('ACK sip:'));
  segments.forEach(({ at, frames }, n) => n !== ack && wire.put(at, frames));
  wire.put(20_000, tcp('10.0.0.1:40001', '10.0.0.2:5060', 50_000, tcpFlags.ack, Buffer.from(request('OPTIONS', { callId: 'later' }))));
  const done = await ingested(t.testdir(), [wire.pcap()]);
  await isPlainCall(t, done);
  t.match(done.summary.lost, { 'sip-gaps': Number });
});

t.test('what is no SIP on TCP is left alone', async (t) => {
  const wire = plainCall();
  wire.put(0, tcp('10.0.0.5:50000', '10.0.0.6:80', 100, tcpFlags.syn));
  for (let n = 0; n < 100; n += 1) wire.put(n, tcp('10.0.0.5:50000', '10.0.0.6:80', 101 + n * 1_000, tcpFlags.ack, Buffer.alloc(1_000, n === 0 ? 'GET / HTTP/1.1\r\n' : 0x16)));
  const done = await ingested(t.testdir(), [wire.pcap()]);
  await isPlainCall(t, done);
  t.strictSame(done.summary.lost, {});
});

t.test('messages that cannot be read are counted', async (t) => {
  const wire = plainCall();
  wire.sip(50, annSip, bobSip, 'INVITE sip:x SIP/2.0\r\nCall-ID: broken\r\n\r\n').sip(60, annSip, bobSip, 'INVITE sip:x SIP/2.0\r\n: :\r\n\r\n');
  const done = await ingested(t.testdir(), [wire.pcap()]);
  await isPlainCall(t, done);
  t.strictSame(done.summary.lost, { 'sip-malformed': 2 });
});
