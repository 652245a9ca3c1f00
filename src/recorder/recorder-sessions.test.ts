/** Whom the recorder lets in, when it lets nobody in, and what it answers inside a recording session. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import t from 'tap';
import { client as clientCertificate, edge as edgeCertificate } from '../edge/transport/test-certificates.fixture.js';
import { tlsFiles } from '../edge/transport/tls-files.fixture.js';
import { encodeMetadata, hangUp, requestInDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import { mediaOf, offer, openBed, packet, packetsIn, recordsOf, send, statusOf, type Bed, type TlsSettings } from './recorder-bed.fixture.js';

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

/** Of a client that sends one direction a session, and nothing that names the call. */
const unnamed = { 'Session-ID': `${'0'.repeat(32)};remote=${'0'.repeat(32)}` };
const fromPort = (port: number): string => offer({ labels: ['1'] }).replace('m=audio 9 ', `m=audio ${port} `);

t.test('two sessions that nothing names, from neighbouring ports, are of one call, and the capture of the second says how that is known', async (t) => {
  const bed = await openBed(t);
  const first = await bed.open(fromPort(40_000), unnamed);
  const second = await bed.open(fromPort(40_002), unnamed);
  const third = await bed.open(fromPort(40_004), unnamed);
  t.strictSame(bed.opened.map(({ sessionId }) => sessionId), [first.sip.callId, first.sip.callId, third.sip.callId]);
  t.not(first.sip.callId, second.sip.callId);
  await bed.recorder.close();
  const [one, other] = await Promise.all(bed.opened.slice(0, 2).map(({ captureId }) => recordsOf(bed, captureId)));
  t.match(one, [{ event: { type: 'begin', metadata: {} } }, { event: { streams: [{ role: 'caller' }] } }]);
  t.strictSame(one?.map((record) => record.kind === 'event' && record.event.type === 'begin' && Object.keys(record.event.metadata))[0], [], 'the first does not know of the second');
  t.match(other, [{ event: { type: 'begin', metadata: { pairedBy: 'media-address' } } }, { event: { streams: [{ role: 'callee' }] } }]);
});

t.test('a session that has ended, or was refused, takes no other half; nor does any where the settings say so', async (t) => {
  const bed = await openBed(t);
  await hangUp(await bed.open(fromPort(40_000), unnamed));
  const afterAnEnd = await bed.open(fromPort(40_002), unnamed);
  t.equal(await statusOf(bed.open(fromPort(50_000).replace('RTP/AVP', 'RTP/SAVP'), unnamed)), 488);
  const afterARefusal = await bed.open(fromPort(50_002), unnamed);
  t.strictSame(bed.opened.slice(1).map(({ sessionId }) => sessionId), [afterAnEnd.sip.callId, afterARefusal.sip.callId]);
  const apart = await openBed(t, { more: { pairUnnamed: false } });
  await apart.open(fromPort(40_000), unnamed);
  await apart.open(fromPort(40_002), unnamed);
  t.equal(new Set(apart.opened.map(({ sessionId }) => sessionId)).size, 2);
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

t.test('RFC 7866 §9.2: a client that says too little is asked for metadata in an UPDATE without an SDP, and in no other request where it takes none', async (t) => {
  const bed = await openBed(t);
  for (const methods of ['INVITE, ACK, BYE, CANCEL, UPDATE', 'INVITE, ACK, BYE, CANCEL']) {
    const dialog = await bed.open(offer(), { Supported: 'siprec', Allow: methods });
    const asked = new Set<string>();
    const isAsked = new Promise<void>((resolve) => {
      const take = (request: SipRequest, response: SipResponse): void => {
        asked.add(`${request.method} ${request.get('content-type')}`);
        response.send(200);
        resolve();
      };
      dialog.on('update', take);
      dialog.on('modify', take);
      dialog.on('info', take);
    });
    if (methods.includes('UPDATE')) await isAsked;
    // Whatever an INVITE without metadata made it ask comes before the answer to what the client sends after the ACK.
    for (const method of ['UPDATE', 'OPTIONS'] as const) t.match(await requestInDialog(dialog, { method }), { status: 200 });
    t.strictSame([...asked], methods.includes('UPDATE') ? ['UPDATE application/rs-metadata-request'] : [], methods);
    await hangUp(dialog);
  }
});

t.test('a sender that moves to another port is followed once a re-INVITE has said so, and not before', async (t) => {
  const bed = await openBed(t);
  const dialog = await bed.open();
  const port = mediaOf(dialog.remote.sdp)[0]?.port ?? 0;
  let sent = 0;
  const sendOne = async (): Promise<void> => {
    await send(port, [packet((sent += 1))]);
    await bed.seen(sent);
  };
  await sendOne();
  await sendOne();
  const change = async (from: string): Promise<number> => (await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': 'application/sdp' }, body: offer().replaceAll('m=audio 9 ', from) })).status;
  t.equal(await change('m=audio 9 '), 200);
  await sendOne();
  t.equal(await change('m=audio 11 '), 200);
  await sendOne();
  await sendOne();
  await hangUp(dialog);
  await bed.done;
  t.strictSame(packetsIn(await recordsOf(bed)).map(({ bytes }) => bytes.readUInt16BE(2)), [1, 4], 'the first source, then the first other one after the change');
});

t.test('an INVITE without a Contact, through which nobody could be reached, is refused with 400', async (t) => {
  const bed = await openBed(t);
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const final = new Promise<string>((resolve) => socket.on('message', (bytes) => /^SIP\/2\.0 [2-6]/u.test(bytes.toString()) && resolve(bytes.toString())));
  const lines = ['INVITE sip:rec@127.0.0.1 SIP/2.0', `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bKnocontact`, 'Max-Forwards: 70', 'From: <sip:a@127.0.0.1>;tag=1', 'To: <sip:rec@127.0.0.1>', 'Call-ID: no-contact', 'CSeq: 1 INVITE', 'Content-Type: application/sdp', `Content-Length: ${offer().length}`, '', offer()];
  socket.send(lines.join('\r\n'), bed.port, '127.0.0.1');
  t.match(await final, /^SIP\/2\.0 400 /u);
  t.strictSame(bed.opened, []);
});
