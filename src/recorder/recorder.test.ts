/** The recorder as a recording client meets it: real SIP, real media, real captures. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { client as clientCertificate, edge as edgeCertificate } from '../edge/transport/test-certificates.fixture.js';
import { tlsFiles } from '../edge/transport/tls-files.fixture.js';
import { capturesAfterKill } from '../capture/after-kill.fixture.js';
import { limitFiles } from '../capture/full-disk.fixture.js';
import { readCapture, type CaptureRecord } from '../capture/index.js';
import type { CaptureEnd, Found, NewCapture } from '../ledger/index.js';
import { encodeRtp, parseCryptoLine, parseRtp } from '../media/index.js';
import { createLog, createMetrics } from '../ops/index.js';
import { connectSip, encodeMetadata, encodeMultipart, hangUp, readSdp, requestInDialog, type SdpMedia, type SipConnection, type SipDialog, type SipRequest } from '../sip/index.js';
import { freePort } from '../udp/free-port.fixture.js';
import { loadOrCreateKeys, openSecret, type VaultKeys } from '../vault/index.js';
import { openRecorder, type Recorder, type RecorderOptions } from './index.js';

type TlsSettings = ReturnType<typeof tlsFiles>['settings'];

const sessionId = '0123456789abcdef0123456789abcdef';
const inlineKey = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd';

interface Bed {
  readonly client: SipConnection;
  readonly recorder: Recorder;
  readonly keys: VaultKeys;
  readonly captureDir: string;
  readonly opened: NewCapture[];
  readonly closed: { captureId: string; end: CaptureEnd }[];
  /** Resolves when a capture is closed and entered. */
  readonly done: Promise<string>;
  metric(name: string): Promise<number>;
  open(body?: string, headers?: Record<string, string>): Promise<SipDialog>;
}

async function openSip(tls?: TlsSettings, tellTlsIdentity = false): Promise<SipConnection> {
  const port = await freePort();
  const listen = (tls === undefined ? (['udp', 'tcp'] as const) : (['tls'] as const)).map((transport) => ({ transport, host: '127.0.0.1', port }));
  return connectSip({ settings: { listen, ...(tls === undefined ? {} : { tls }) }, tellTlsIdentity, onCrash: () => undefined, onTrouble: () => undefined });
}

interface BedOptions {
  readonly sources?: string[];
  readonly ports?: [number, number];
  readonly publicAddress?: string;
  readonly webSocket?: { connectWithinMs: number };
  readonly more?: Partial<RecorderOptions['settings']>;
  /** Session IDs that the ledger knows. */
  readonly known?: readonly string[];
  /** Of client and recorder, which then speak TLS alone. */
  readonly tls?: { readonly client: TlsSettings; readonly recorder: TlsSettings };
}

async function openBed(t: Test, options: BedOptions = {}): Promise<Bed> {
  const [client, sip] = [await openSip(options.tls?.client), await openSip(options.tls?.recorder, options.tls !== undefined)];
  const metrics = createMetrics();
  const dir = t.testdir();
  const keys = await loadOrCreateKeys(join(dir, 'keys'));
  const captureDir = join(dir, 'captures');
  const opened: NewCapture[] = [];
  const closed: Bed['closed'] = [];
  let tell: (sessionId: string) => void = () => undefined;
  const done = new Promise<string>((resolve) => (tell = resolve));
  const first = 60_000 + 2 * Math.floor(Math.random() * 2_000);
  const recorder = await openRecorder({
    settings: {
      name: 'r1',
      sip: { listen: [], natDetection: true, strangersPerSecond: 20 },
      sources: options.sources ?? ['127.0.0.1'],
      media: { address: '127.0.0.1', publicAddress: options.publicAddress, ports: options.ports ?? [first, first + 99], accelerator: 'auto' },
      ...(options.webSocket === undefined ? {} : { webSocket: { host: '127.0.0.1', port: 0, mostConnections: 10, ...options.webSocket } }),
      flushMs: 20,
      syncMs: 1_000,
      keylessSrtp: 'refuse',
      staleSeconds: 300,
      minFreeMb: 0,
      ...options.more,
    },
    sip,
    captureDir,
    sealTo: keys.public,
    ledger: {
      captureOpened: (capture) => Promise.resolve(void opened.push(capture)),
      captureClosed: (captureId, end) => Promise.resolve(void closed.push({ captureId, end })),
      find: (id) => Promise.resolve(options.known?.includes(id) === true ? ({ sessionId: id } as Found) : undefined),
    },
    log: createLog({ level: 'silent', name: 'test' }),
    metrics,
    observer: { received: () => undefined, rejected: () => undefined },
    onCaptureClosed: (id) => tell(id),
  });
  t.teardown(async () => {
    await recorder.close();
    await Promise.all([client.close(), sip.close()]);
  });
  const transport = options.tls === undefined ? 'tcp' : 'tls';
  const where = sip.contacts.find((contact) => contact.startsWith(transport))?.replace(`${transport}:`, '') ?? '';
  return {
    client,
    recorder,
    keys,
    captureDir,
    opened,
    closed,
    done,
    metric: async (name) => Number((await metrics.text()).split('\n').find((line) => line.startsWith(`${name} `))?.slice(name.length + 1)),
    open: (body = offer(), headers = {}) =>
      client.srf.createUAC(`sip:rec@${where};transport=${transport}`, {
        localSdp: body,
        headers: { 'Content-Type': 'application/sdp', 'Session-ID': `${sessionId};remote=${'0'.repeat(32)}`, ...headers },
      }),
  };
}

const offer = (options: { direction?: string; secure?: boolean; labels?: readonly string[] } = {}): string => {
  const { direction = 'sendonly', secure = false, labels = ['1', '2'] } = options;
  const crypto = secure ? [`a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:${inlineKey}`] : [];
  const media = labels.flatMap((label) => [`m=audio 9 RTP/${secure ? 'SAVP' : 'AVP'} 8`, 'a=rtpmap:8 PCMA/8000', ...crypto, 'a=rtcp-mux', `a=${direction}`, `a=label:${label}`]);
  return ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', ...media, ''].join('\r\n');
};

const mediaOf = (text: string): readonly SdpMedia[] => {
  const sdp = readSdp(text);
  return typeof sdp === 'string' ? [] : sdp.media;
};

const packet = (sequenceNumber: number): Buffer =>
  encodeRtp({ marker: false, payloadType: 8, sequenceNumber, timestamp: sequenceNumber * 160, ssrc: 5, payload: Buffer.alloc(160, sequenceNumber) });

/** Sends to a port from one source; resolves when all is handed to the system. */
async function send(port: number, packets: readonly Buffer[]): Promise<void> {
  const socket = createSocket('udp4');
  for (const bytes of packets) await new Promise((resolve) => socket.send(bytes, port, '127.0.0.1', resolve));
  socket.close();
  await once(socket, 'close');
}

async function recordsOf(bed: Bed): Promise<CaptureRecord[]> {
  const copy = await mkdtemp(join(bed.captureDir, '..', 'copy-'));
  const [name = ''] = await capturesAfterKill(bed.captureDir, copy);
  const records: CaptureRecord[] = [];
  for await (const record of readCapture(join(copy, name), bed.keys)) records.push(record);
  return records;
}

const packetsIn = (records: readonly CaptureRecord[]): { stream: number; bytes: Buffer }[] =>
  records.flatMap((record) => (record.kind === 'packet' ? [{ stream: record.stream, bytes: record.bytes }] : []));

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

const statusOf = (call: Promise<SipDialog>): Promise<number> => call.then(() => 200, (error: unknown) => (error as { status: number }).status);

t.test('SRTP without a key leaves nothing behind, neither a file nor an entry; where the settings allow it, it is recorded', async (t) => {
  const keyless = offer({ secure: true }).replace(/a=crypto.*\r\n/gu, '');
  const bed = await openBed(t);
  t.equal(await statusOf(bed.open(keyless)), 488);
  t.strictSame([bed.opened, await readdir(bed.captureDir)], [[], []]);
  const half = await bed.open(keyless.replace('RTP/SAVP', 'RTP/AVP'));
  t.strictSame(mediaOf(half.remote.sdp).map(({ port }) => port !== 0), [true, false], 'a line that can be recorded is');
  await hangUp(half);
  const taking = await openBed(t, { more: { keylessSrtp: 'record' } });
  await hangUp(await taking.open(keyless));
  await taking.done;
  t.match(await recordsOf(taking), [{}, { event: { streams: [{ encrypted: true, sealedKeys: [] }, {}] } }]);
});

t.test('who may record is known by the certificate, too: of two with the same address only the one that is named', async (t) => {
  type Certificate = Parameters<typeof tlsFiles>[1];
  const tlsOf = (certificate: Certificate): TlsSettings => tlsFiles(t, certificate, { clientCertificate: 'request', verifyPeer: 'chain' }).settings;
  const bedOf = (certificate: Certificate): Promise<Bed> => openBed(t, { tls: { client: tlsOf(certificate), recorder: tlsOf(edgeCertificate) }, more: { tlsIdentities: ['Trunk.example.test'] } });
  const [named, other] = [await bedOf(clientCertificate), await bedOf(edgeCertificate)];
  const dialog = await named.open();
  t.equal(await statusOf(other.open()), 403);
  t.equal(await statusOf(other.open(offer(), { 'X-Twintrack-TLS-Identity': 'trunk.example.test' })), 403, 'whoever only says so is nobody');
  t.strictSame([other.opened, await other.metric('twintrack_sip_rejected_total{reason="unknown-source"}')], [[], 2]);
  await hangUp(dialog);
  await named.done;
});

t.test('with too little room on the disk new sessions go elsewhere, and it is told', async (t) => {
  const bed = await openBed(t, { more: { minFreeMb: 1_000_000_000 } });
  const refused = await bed.open().catch((error: unknown) => error as { status: number; res: { get(name: string): string } });
  t.match(refused, { status: 503 });
  t.match((refused as { res: { get(name: string): string } }).res.get('retry-after'), /^\d+$/u);
  t.match(bed.recorder.alarms, [/MB are free where captures are written/u]);
  t.strictSame([await bed.metric('twintrack_recorder_refused_total{reason="disk"}'), await bed.metric('twintrack_recorder_ready')], [1, 0]);
  t.strictSame([bed.opened, await readdir(bed.captureDir)], [[], []]);
});

t.test('when the folder of the captures is gone new sessions go elsewhere; those that run go on to their end', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  await rm(bed.captureDir, { recursive: true });
  t.equal(await statusOf(bed.open()), 503);
  t.match(bed.recorder.alarms, [/the capture .* cannot be written/u]);
  t.equal(bed.recorder.sessions, 1);
  await send(mediaOf(dialog.remote.sdp)[0]?.port ?? 0, [packet(1)]);
  await hangUp(dialog);
  await bed.done;
  t.match(bed.closed, [{ end: { packets: 1 } }]);
});

t.test('without free ports it is told until a session opens again', async (t) => {
  const bed = await openBed(t, { ports: [63_896, 63_899] });
  const dialog = await bed.open();
  t.equal(await statusOf(bed.open()), 503);
  t.match(bed.recorder.alarms, [/no media port is free/u]);
  t.strictSame([await bed.metric('twintrack_recorder_refused_total{reason="ports"}'), await bed.metric('twintrack_recorder_ready')], [1, 0]);
  await hangUp(dialog);
});

t.test('a call that the ledger knows by one of the halves of its Session-ID keeps that name; one that it does not know has the first', async (t) => {
  const [low, high] = ['0a'.repeat(16), 'f0'.repeat(16)];
  for (const [known, name] of [[[high], high], [[], low]] as const) {
    const bed = await openBed(t, { known });
    const dialog = await bed.open(offer(), { 'Session-ID': `${low};remote=${high}` });
    await hangUp(dialog);
    t.equal(await bed.done, name);
  }
});

t.test('a client that wants a session timer and leaves open who refreshes has to itself, if it can (RFC 4028)', async (t) => {
  const bed = await openBed(t);
  for (const [headers, expected] of [
    [{ 'Session-Expires': '1800', Supported: 'timer' }, { expires: '1800;refresher=uac', require: /timer/u }],
    [{ 'Session-Expires': '1800;refresher=uas', Supported: 'timer' }, { expires: '1800;refresher=uas', require: /siprec|^$/u }],
  ] as const) {
    const dialog = await bed.open(offer(), headers);
    const answer = (dialog as unknown as { res: { get(name: string): string | undefined } }).res;
    t.match({ expires: answer.get('session-expires'), require: answer.get('require') ?? '' }, expected);
    await hangUp(dialog);
  }
});

t.test('whatever is asked in the dialog is answered: metadata alone without an SDP, nonsense with 488, REFER not at all well', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  const ask = (method: 'UPDATE' | 'INFO' | 'OPTIONS' | 'REFER', body = '', type = 'application/rs-metadata+xml') =>
    requestInDialog(dialog, { method, headers: body === '' ? { 'Refer-To': '<sip:a@127.0.0.1>' } : { 'Content-Type': type }, body });
  const named = encodeMetadata({ dataMode: 'complete', associatedAt: 'now', sessions: [{ id: 'cw==', sipSessionIds: [] }], participants: [{ id: 'YQ==', aor: 'sip:ann@a.example', sends: ['eA=='], receives: [] }], streams: [{ id: 'eA==', label: '1', sessionId: 'cw==' }] });
  t.match(await ask('UPDATE', named), { status: 200, body: '' });
  t.match(await ask('INFO', named.replace('ann@', 'eve@')), { status: 200, body: '' });
  t.match(await ask('UPDATE'), { status: 200, body: '' }, 'nothing but a refresh');
  t.match(await ask('UPDATE', '<broken'), { status: 200, body: '' });
  t.match(await ask('UPDATE', 'nonsense', 'application/sdp'), { status: 488 });
  const changed = await ask('UPDATE', offer({ direction: 'inactive' }), 'application/sdp');
  t.strictSame([changed.status, mediaOf(changed.body).map(({ direction }) => direction)], [200, ['inactive', 'inactive']]);
  t.match(await ask('OPTIONS'), { status: 200 });
  t.match(await ask('REFER'), { status: 501 });
  t.match(await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': 'application/sdp' }, body: offer().replaceAll('m=audio 9', 'm=audio 0') }), { status: 200 }, 'all lines may end');
  await hangUp(dialog);
  await bed.done;
  const parties = (await recordsOf(bed)).flatMap((record) => (record.kind === 'event' && record.event.type === 'streams' ? [record.event.streams[0]?.party] : []));
  t.strictSame(parties, ['', 'sip:ann@a.example', 'sip:eve@a.example', 'sip:eve@a.example', undefined], 'each change stands in the capture once');
});

t.test('a sender that moves to another port is followed once a re-INVITE has said so, and not before', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  const port = mediaOf(dialog.remote.sdp)[0]?.port ?? 0;
  await send(port, [packet(1)]);
  await send(port, [packet(2)]);
  const change = async (from: string): Promise<number> => (await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': 'application/sdp' }, body: offer().replaceAll('m=audio 9 ', from) })).status;
  t.equal(await change('m=audio 9 '), 200);
  await send(port, [packet(3)]);
  t.equal(await change('m=audio 11 '), 200);
  await send(port, [packet(4)]);
  await send(port, [packet(5)]);
  await hangUp(dialog);
  await bed.done;
  t.strictSame(packetsIn(await recordsOf(bed)).map(({ bytes }) => bytes.readUInt16BE(2)), [1, 4], 'the first source, then the first other one after the change');
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
