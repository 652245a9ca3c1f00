/** The recorder as a recording client meets it: real SIP, real media, real captures. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { limitFiles } from '../capture/full-disk.fixture.js';
import { diskThread, type CaptureRecord } from '../capture/index.js';
import { parseCryptoLine, parseRtcp, parseRtp } from '../media/index.js';
import { askOptions, encodeMetadata, encodeMultipart, hangUp, parseRecorderLoad, recorderLoadHeader, requestInDialog, type SipRequest } from '../sip/index.js';
import { openSecret } from '../vault/index.js';
import { inlineKey, mediaOf, offer, openBed, packet, packetsIn, recordsOf, send, sessionId, statusOf } from './recorder-bed.fixture.js';

t.test('what arrives on each line stands in the capture byte for byte, from the first packet to the last before the BYE', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  const [left, right] = mediaOf(dialog.remote.sdp);
  t.strictSame([left?.direction, right?.direction], ['recvonly', 'recvonly']);
  await send(left?.port ?? 0, [packet(1), packet(2)]);
  await send(right?.port ?? 0, [packet(7)]);
  await hangUp(dialog);
  t.equal(await bed.done, sessionId);
  const records = await recordsOf(bed);
  t.match(records[0], { kind: 'event', event: { type: 'begin', sessionId, recorder: 'r1' } });
  t.match(records[1], { event: { type: 'streams', streams: [{ label: '1', role: 'caller', encrypted: false }, { label: '2', role: 'callee' }] } });
  t.match(records.at(-1), { event: { type: 'end' } });
  const packets = packetsIn(records);
  t.strictSame(packets.filter(({ stream }) => stream === 0).map(({ bytes }) => bytes), [packet(1), packet(2)]);
  t.strictSame(packets.filter(({ stream }) => stream === 1).map(({ bytes }) => bytes), [packet(7)]);
  t.match(bed.closed, [{ captureId: bed.opened[0]?.captureId, end: { state: 'closed', packets: 3 } }]);
  t.equal(bed.recorder.sessions, 0);
});

t.test('of the codecs of an offer the answer has those that can be heard, in their order; the capture has all, so that nothing that comes is unknown', async (t) => {
  const bed = await openBed(t);
  const lines = ['m=audio 9 RTP/AVP 4 111 0 101', 'a=rtpmap:111 opus/48000/2', 'a=rtpmap:101 telephone-event/8000', 'a=rtcp-mux', 'a=sendonly', 'a=label:1'];
  const dialog = await bed.open(['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', ...lines, ''].join('\r\n'));
  t.strictSame(mediaOf(dialog.remote.sdp)[0]?.codecs.map(({ name }) => name), ['opus', 'PCMU', 'telephone-event']);
  await hangUp(dialog);
  await bed.done;
  const streams = (await recordsOf(bed)).flatMap((record) => (record.kind === 'event' && record.event.type === 'streams' ? record.event.streams : []));
  t.strictSame(streams[0]?.codecs.map(({ name }) => name), ['G723', 'opus', 'PCMU', 'telephone-event']);
});

t.test('behind a NAT the answer names its outer address', async (t) => {
  const bed = await openBed(t, { publicAddress: '192.0.2.7' });
  const dialog = await bed.open();
  t.match(mediaOf(dialog.remote.sdp), [{ address: '192.0.2.7' }, { address: '192.0.2.7' }]);
  await hangUp(dialog);
  await bed.done;
});

t.test('SRTP: the answer has a key of its own with the offered tag; the offered key rests sealed', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open(offer({ secure: true }));
  const [media] = mediaOf(dialog.remote.sdp);
  const ours = parseCryptoLine(media?.crypto[0] ?? '');
  t.match(ours, { tag: 4, suite: 'AES_CM_128_HMAC_SHA1_80' });
  t.notMatch(dialog.remote.sdp, inlineKey);
  await hangUp(dialog);
  await bed.done;
  const streams = (await recordsOf(bed)).flatMap((record) => (record.kind === 'event' && record.event.type === 'streams' ? record.event.streams : []));
  t.ok(streams.every((stream) => stream.encrypted));
  const line = await openSecret(Buffer.from(streams[0]?.sealedKeys[0] ?? '', 'base64'), bed.keys);
  t.equal(line.toString(), `4 AES_CM_128_HMAC_SHA1_80 inline:${inlineKey}`);
});

t.test('a re-INVITE is answered on the same ports, and what it changes is written down', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  const before = mediaOf(dialog.remote.sdp).map((media) => media.port);
  const held = await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': 'application/sdp' }, body: offer({ direction: 'inactive' }) });
  t.equal(held.status, 200);
  t.strictSame(mediaOf(held.body).map((media) => [media.port, media.direction]), before.map((port) => [port, 'inactive']));
  const nonsense = await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': 'application/sdp' }, body: 'nonsense' });
  t.equal(nonsense.status, 488, 'one that cannot be read is refused');
  await send(before[0] ?? 0, [packet(3)]);
  await hangUp(dialog);
  await bed.done;
  const records = await recordsOf(bed);
  const directions = records.flatMap((record) => (record.kind === 'event' && record.event.type === 'streams' ? [record.event.streams[0]?.direction] : []));
  t.strictSame(directions, ['active', 'inactive']);
  t.equal(packetsIn(records).length, 1, 'and the session goes on');
});

t.test('multipart with metadata: parties by label', async (t) => {
  const bed = await openBed(t);
  const xml = `<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>
<session session_id="cw=="><sipSessionID>${'ab'.repeat(16)};remote=${'0'.repeat(32)}</sipSessionID></session>
<participant participant_id="YQ=="><nameID aor="sip:ann@a.example"/></participant><participant participant_id="Yg=="><nameID aor="sip:bob@b.example"/></participant>
<stream stream_id="eA==" session_id="cw=="><label>1</label></stream><stream stream_id="eQ==" session_id="cw=="><label>2</label></stream>
<participantstreamassoc participant_id="YQ=="><send>eQ==</send></participantstreamassoc><participantstreamassoc participant_id="Yg=="><send>eA==</send></participantstreamassoc></recording>`;
  const { contentType, body } = encodeMultipart([{ contentType: 'application/sdp', content: offer() }, { contentType: 'application/rs-metadata+xml', content: xml }], 'b1');
  const dialog = await bed.open(body, { 'Content-Type': contentType });
  await hangUp(dialog);
  t.equal(await bed.done, 'ab'.repeat(16), 'the ID of the communication session, not of the INVITE');
  t.match(await recordsOf(bed), [{}, { event: { streams: [{ label: '1', party: 'sip:bob@b.example' }, { label: '2', party: 'sip:ann@a.example' }] } }]);
});

t.test('who is not listed gets 403, an offer without audio 488, and nothing is opened', async (t) => {
  const closedBed = await openBed(t, { sources: ['192.0.2.1'] });
  t.equal(await statusOf(closedBed.open()), 403);
  const bed = await openBed(t);
  t.equal(await statusOf(bed.open('v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n')), 488);
  t.strictSame([...closedBed.opened, ...bed.opened], []);
  t.strictSame(await readdir(bed.captureDir), []);
});

t.test('without free ports a session is refused with 503, those that run go on', async (t) => {
  const bed = await openBed(t, { ports: [63_996, 63_999] });
  const dialog = await bed.open();
  const refused = await bed.open().then(() => 200, (error: unknown) => (error as { status: number }).status);
  t.equal(refused, 503);
  await send(mediaOf(dialog.remote.sdp)[0]?.port ?? 0, [packet(1)]);
  await hangUp(dialog);
  t.equal(bed.closed.filter(({ end }) => end.state !== 'closed').length, 0);
});

t.test('a recorder that closes hangs up and closes its captures', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  await send(mediaOf(dialog.remote.sdp)[0]?.port ?? 0, [packet(1)]);
  const bye = once(dialog, 'destroy') as Promise<[SipRequest]>;
  await bed.recorder.close();
  t.match((await bye)[0].get('reason'), /closing/);
  t.match(bed.closed, [{ end: { state: 'closed', packets: 1 } }]);
});

t.test('when the disk takes no more the client is hung up and told why; what was written is kept, and the ledger knows why it ends there', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  const port = mediaOf(dialog.remote.sdp)[0]?.port ?? 0;
  const bye = once(dialog, 'destroy') as Promise<[SipRequest]>;
  t.teardown(() => limitFiles(process.pid, undefined));
  limitFiles(process.pid, 65_536);
  await send(port, Array.from({ length: 100 }, (_, n) => Buffer.concat([packet(n), Buffer.alloc(1_000)])));
  t.match((await bye)[0].get('reason'), /SIP;cause=503;text="the recording cannot be written"/);
  await bed.done;
  limitFiles(process.pid, undefined);
  t.match(bed.closed, [{ end: { state: 'cut', reason: /could not write .*EFBIG/ } }]);
  t.equal(packetsIn(await recordsOf(bed)).length, bed.closed[0]?.end.packets, 'as far as it came');
  t.equal(bed.recorder.sessions, 0);
  t.type(await bed.open(), 'object', 'the next session is taken');
});

/** The test's own timeout bounds it. */
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** A client's socket, which is told what the recorder has written. */
async function openSource(t: Test) {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  const highest: number[] = [];
  socket.on('message', (bytes) => {
    const packets = parseRtcp(bytes);
    for (const one of typeof packets === 'string' ? [] : packets) if (one.type === 'RR') highest.push(...one.reports.map(({ extendedHighest }) => extendedHighest));
  });
  return { highest, send: (bytes: Buffer, port: number) => new Promise<void>((resolve) => socket.send(bytes, port, '127.0.0.1', () => resolve())) };
}

t.test('RFC 3550 §6.4.2: reports tell each second what is written, and after a disk that failed nothing that is not', async (t) => {
  const bed = await openBed(t, { more: { flushMs: 200 } });
  const dialog = await bed.open();
  const port = mediaOf(dialog.remote.sdp)[0]?.port ?? 0;
  const left = once(dialog, 'destroy');
  const source = await openSource(t);
  t.teardown(() => limitFiles(process.pid, undefined));
  let over = false;
  void left.then(() => (over = true));
  let [number, isFull] = [0, false];
  while (!over) {
    for (let n = 0; n < 2; n += 1) await source.send(packet((number += 1)), port);
    // From then on neither the journal nor the capture takes anything.
    if (source.highest.length >= 2 && !isFull) {
      limitFiles(process.pid, 60);
      isFull = true;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await bed.done;
  limitFiles(process.pid, undefined);
  const written = packetsIn(await recordsOf(bed)).map(({ bytes }) => bytes.readUInt16BE(2));
  t.ok(source.highest.length >= 2, `${source.highest.length} reports`);
  t.strictSame(source.highest, [...source.highest].sort((a, b) => a - b), 'they only rise');
  t.ok(Math.max(...source.highest) <= Math.max(...written), `${Math.max(...source.highest)} reported, ${Math.max(...written)} written`);
  t.match(bed.closed, [{ end: { state: 'cut', reason: /EFBIG/ } }], 'the disk did fail');
});

t.test('what was reported as written and the disk does not take at the end is said to follow, and told when it has', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  const source = await openSource(t);
  for (const n of [1, 2, 3]) await source.send(packet(n), mediaOf(dialog.remote.sdp)[0]?.port ?? 0);
  await until(() => source.highest.at(-1) === 3);
  t.teardown(() => limitFiles(process.pid, undefined));
  limitFiles(process.pid, 60);
  await hangUp(dialog);
  await bed.done;
  t.match(bed.closed, [{ end: { state: 'cut', packets: 3, moreFollows: true } }]);
  t.strictSame(bed.whole, []);
  limitFiles(process.pid, undefined);
  await until(() => bed.whole.length > 0);
  t.strictSame([packetsIn(await recordsOf(bed)).length, bed.whole], [3, bed.closed.map(({ captureId }) => captureId)]);
});

t.test('it tells in its answer to OPTIONS how loaded it is; 503 while it takes no sessions', async (t) => {
  const bed = await openBed(t, { more: { minFreeMb: 1 } });
  const dialog = await bed.open();
  const ask = async (): Promise<readonly [number | undefined, unknown]> => {
    const answer = await askOptions(bed.client, `sip:127.0.0.1:${bed.port};transport=tcp`, 2_000);
    return [answer?.status, parseRecorderLoad(answer?.header(recorderLoadHeader) ?? '')];
  };
  t.match(await ask(), [200, { sessions: 1, freePorts: 48, draining: false }]);
  const full = await openBed(t, { more: { minFreeMb: 1e9 } });
  const answer = await askOptions(full.client, `sip:127.0.0.1:${full.port};transport=tcp`, 2_000);
  t.match([answer?.status, answer?.header('retry-after'), parseRecorderLoad(answer?.header(recorderLoadHeader) ?? '')], [503, '10', { freeMb: 0 }]);
  await hangUp(dialog);
});

t.test('a recorder that is emptied takes no more, and each session gets a last report of all that came before its BYE', async (t) => {
  const bed = await openBed(t, { more: { flushMs: 200 } });
  const dialogs = await Promise.all([1, 2, 3].map(() => bed.open()));
  const byes = dialogs.map((dialog) => once(dialog, 'destroy') as Promise<[SipRequest]>);
  const source = await openSource(t);
  for (const n of [1, 2, 3]) await source.send(packet(n), mediaOf(dialogs[0]?.remote.sdp ?? '')[0]?.port ?? 0);
  await bed.seen(3);
  const drained = bed.recorder.drain();
  const [first] = await Promise.all(byes);
  t.match(first?.[0].get('reason'), /is being emptied/);
  t.equal(source.highest.at(-1), 3);
  await drained;
  t.equal(await statusOf(bed.open()), 503);
  const answer = await askOptions(bed.client, `sip:127.0.0.1:${bed.port};transport=tcp`, 2_000);
  t.match([answer?.status, parseRecorderLoad(answer?.header(recorderLoadHeader) ?? '')], [503, { sessions: 0, draining: true }]);
  t.strictSame(bed.closed.map(({ end }) => end.state), ['closed', 'closed', 'closed']);
});

t.test('a disk that hangs keeps no client of a recorder that is emptied from its BYE', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  const left = once(dialog, 'destroy') as Promise<[SipRequest]>;
  let answer: () => void = () => undefined;
  const answers = new Promise<void>((resolve) => (answer = resolve));
  const write = diskThread.writeShared.bind(diskThread);
  diskThread.writeShared = async (fd, bytes) => {
    await answers;
    return write(fd, bytes);
  };
  t.teardown(() => {
    diskThread.writeShared = write;
    answer();
  });
  await send(mediaOf(dialog.remote.sdp)[0]?.port ?? 0, [packet(1)]);
  await bed.seen(1);
  const drained = bed.recorder.drain();
  const [bye] = await left;
  t.match(bye.get('reason'), /is being emptied/);
  t.equal(bed.recorder.sessions, 1, 'its capture waits for the disk');
  answer();
  await drained;
  t.strictSame(bed.closed.map(({ end }) => [end.state, end.packets]), [['closed', 1]]);
});

t.test('a session that is being opened when the recorder is to be emptied is ended, too', async (t) => {
  const bed = await openBed(t);
  let open: () => void = () => undefined;
  const opens = new Promise<void>((resolve) => (open = resolve));
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const write = diskThread.writeShared.bind(diskThread);
  diskThread.writeShared = async (fd, bytes) => {
    begin();
    await opens;
    return write(fd, bytes);
  };
  t.teardown(() => {
    diskThread.writeShared = write;
    open();
  });
  const opened = bed.open();
  await begun;
  const drained = bed.recorder.drain();
  open();
  const left = once(await opened, 'destroy');
  await drained;
  await left;
  t.equal(bed.recorder.sessions, 0);
  t.strictSame(bed.closed.map(({ end }) => end.state), ['closed']);
});

t.test('what the client says of the recording stands in the first record, and each change in the file before it is answered', async (t) => {
  const bed = await openBed(t);
  const saying = (keep: boolean) => {
    const control = { keep, pauses: [], said: [], tags: {} };
    const metadata = { dataMode: 'complete', associatedAt: 'now', sessions: [{ id: 'cw==', sipSessionIds: [`${sessionId};remote=${'0'.repeat(32)}`] }], participants: [], streams: [], control } as const;
    return encodeMultipart([{ contentType: 'application/sdp', content: offer() }, { contentType: 'application/rs-metadata+xml', content: encodeMetadata(metadata) }], 'b1');
  };
  const first = saying(false);
  const dialog = await bed.open(first.body, { 'Content-Type': first.contentType });
  const eventsOf = async (): Promise<unknown[]> => (await recordsOf(bed)).flatMap((record) => (record.kind === 'event' ? [record.event] : []));
  t.match(await eventsOf(), [{ type: 'begin', control: { keep: false } }]);
  for (const keep of [false, true]) {
    const { contentType, body } = saying(keep);
    t.equal((await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': contentType }, body })).status, 200);
    const told = (await eventsOf()).filter((event) => (event as { type: string }).type === 'control');
    t.match(told, keep ? [{ control: { keep: true } }] : []);
    t.equal(told.length, keep ? 1 : 0, 'only what is new');
  }
  await hangUp(dialog);
  await bed.done;
});

const overWebSocket = (direction = 'sendonly', labels = ['1', '2']): string =>
  ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 0.0.0.0', 't=0 0', ...labels.flatMap((label) => ['m=audio 9 TCP/WS 96', 'a=rtpmap:96 L16/8000', 'a=setup:active', `a=${direction}`, `a=label:${label}`]), ''].join('\r\n');

async function openFork(text: string, parties = ['caller', 'callee']): Promise<WebSocket> {
  const [media] = mediaOf(text);
  const socket = new WebSocket(media?.webSocket ?? '');
  await once(socket, 'open');
  socket.send(JSON.stringify({ sessionId, parties }));
  return socket;
}

/** A frame of 20 ms in which each party has one value. */
const frame = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(320 * values.length);
  for (let at = 0; at < bytes.length; at += 2) bytes.writeInt16LE(values[(at / 2) % values.length] ?? 0, at);
  return bytes;
};

const samplesOf = (records: readonly CaptureRecord[], stream: number): number[] =>
  packetsIn(records).filter((one) => one.stream === stream).map(({ bytes }) => {
    const packet = parseRtp(bytes);
    return typeof packet === 'string' || packet.payload.length !== 320 ? Number.NaN : packet.payload.readInt16BE(0);
  });

t.test('audio over WebSocket stands in the capture as L16 of each party, across a pause and its new connection', async (t) => {
  const bed = await openBed(t, { webSocket: { connectWithinMs: 5_000 } });
  const dialog = await bed.open(overWebSocket());
  const [left, right] = mediaOf(dialog.remote.sdp);
  t.match([left, right], [{ protocol: 'TCP/WS', direction: 'recvonly', codecs: [{ payloadType: 96, name: 'L16' }] }, { direction: 'recvonly', webSocket: left?.webSocket ?? '' }]);
  t.ok((left?.port ?? 0) > 0);
  const first = await openFork(dialog.remote.sdp);
  first.send(Buffer.concat([frame(1, -1), frame(2, -2)]));
  first.close();
  await once(first, 'close');
  const change = async (direction: string): Promise<string> => {
    const { status, body } = await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': 'application/sdp' }, body: overWebSocket(direction) });
    t.equal(status, 200);
    return body;
  };
  await change('inactive');
  const second = await openFork(await change('sendonly'));
  second.send(frame(3, -3));
  await hangUp(dialog);
  t.equal(await bed.done, sessionId);
  const records = await recordsOf(bed);
  t.strictSame([samplesOf(records, 0), samplesOf(records, 1)], [[1, 2, 3], [-1, -2, -3]]);
  t.match(records[1], { event: { type: 'streams', streams: [{ label: '1', role: 'caller', codecs: [{ name: 'L16' }], encrypted: false }, { label: '2', role: 'callee' }] } });
  t.match(bed.closed, [{ end: { state: 'closed', packets: 6 } }]);
});

t.test('one party by itself comes in mono', async (t) => {
  const bed = await openBed(t, { webSocket: { connectWithinMs: 5_000 } });
  const dialog = await bed.open(overWebSocket('sendonly', ['2']));
  const socket = await openFork(dialog.remote.sdp, ['callee']);
  socket.send(frame(7));
  await hangUp(dialog);
  await bed.done;
  t.strictSame(samplesOf(await recordsOf(bed), 0), [7]);
});

t.test('a session whose audio never comes is ended, and the ledger knows why; a paused one waits', async (t) => {
  const bed = await openBed(t, { webSocket: { connectWithinMs: 500 } });
  const paused = await bed.open(overWebSocket('inactive'));
  const dialog = await bed.open(overWebSocket());
  const bye = once(dialog, 'destroy') as Promise<[SipRequest]>;
  t.match((await bye)[0].get('reason'), /no audio comes/u);
  await bed.done;
  t.match(bed.closed, [{ end: { reason: /the switch sent no audio any more, or never did/u } }]);
  t.equal(bed.recorder.sessions, 1);
  await hangUp(paused);
});

t.test('a recorder that takes no audio over WebSocket says so with 488, and one that does takes only what it can read', async (t) => {
  t.equal(await statusOf((await openBed(t)).open(overWebSocket())), 488);
  const bed = await openBed(t, { webSocket: { connectWithinMs: 5_000 } });
  t.equal(await statusOf(bed.open(overWebSocket().replaceAll('L16/8000', 'L16/44100'))), 488);
  t.equal(await statusOf(bed.open(overWebSocket().replaceAll('L16', 'opus'))), 488);
});
