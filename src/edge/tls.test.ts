import { readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { Failure } from '../errors/index.js';
import type { TlsSettings } from './edge-options.js';
import { openEdge, spawnEdge, type Edge, type EdgeOptions } from './index.js';
import { headerOf } from './message/sip-message.js';
import type { EdgeEnvironment } from './open-edge.js';
import { dialogsGone, failureOf, finalResponse, later, next, openParty, sdp, until, type Party, type SrfDialog, type SrfRequest, type SrfResponse } from './party.fixture.js';
import { isRequest, isResponse, openRawTls, openRawUdp, rawCall, rawResponse } from './raw-peer.fixture.js';
import { authority, client, edge as edgeCertificate, renewed, stranger, wrongName, type TestCertificate } from './transport/test-certificates.fixture.js';
import { tlsFiles } from './transport/tls-files.fixture.js';

const listen: EdgeOptions['listen'] = [{ transport: 'udp', host: '127.0.0.1', port: 0 }, { transport: 'tls', host: '127.0.0.1', port: 0 }];

/** A party that listens on UDP and TLS. */
function openSecure(t: Test, certificate: TestCertificate = edgeCertificate, changes: Partial<TlsSettings> = {}, environment: EdgeEnvironment = {}): Promise<Party> {
  return openParty(t, environment, { listen, tls: tlsFiles(t, certificate, changes).settings });
}

const tlsOf = async (edge: Edge) => (await edge.stats()).tls;

t.test('a call over TLS: Via, Contact and what applications are told name it, and one connection carries it all', async (t) => {
  const files = tlsFiles(t, edgeCertificate);
  const [caller, callee] = await Promise.all([openParty(t, {}, { listen, tls: files.settings }), openParty(t, {}, { listen, tls: files.settings })]);
  const answered = later<SrfDialog>();
  callee.srf.invite((request, response) => {
    t.equal(request.protocol, 'tls');
    t.match(request.get('Via'), /^SIP\/2\.0\/TLS 127\.0\.0\.1:/u);
    t.match(request.get('Contact'), `<sip:127.0.0.1:${caller.port('tls')};transport=tls>`);
    t.match(request.server.hostport, `tls/127.0.0.1:${callee.port('tls')}`);
    void callee.srf.createUAS(request, response, { localSdp: sdp('callee') }).then(answered.settle);
  });
  const dialog = await caller.srf.createUAC(callee.uri('tls'), { localSdp: sdp('caller') });
  const far = await answered.value;
  t.equal(far.local.contact, `<sip:127.0.0.1:${callee.port('tls')};transport=tls>`);
  far.on('modify', (_request: SrfRequest, response: SrfResponse) => response.send(200, { body: sdp('callee-2') }));
  t.equal(await dialog.modify(sdp('caller-2')), sdp('callee-2'));
  const ended = next(dialog, 'destroy');
  await far.destroy();
  await ended;
  await Promise.all([dialogsGone(caller.edge), dialogsGone(callee.edge)]);
});

for (const [inward, outward] of [['udp', 'tls'], ['tls', 'udp'], ['tls', 'tls']] as const) {
  t.test(`a call proxied with Record-Route from ${inward} to ${outward} runs through to its end`, async (t) => {
    const { settings: tls } = tlsFiles(t, edgeCertificate);
    const [caller, middle, callee] = await Promise.all([openParty(t, {}, { listen, tls }), openParty(t, {}, { listen, tls }), openParty(t, {}, { listen, tls })]);
    middle.srf.invite((request) => void middle.srf.proxyRequest(request, callee.uri(outward), { recordRoute: true }));
    const answered = later<SrfDialog>();
    callee.srf.invite((request, response) => {
      if (outward === 'tls') t.match(request.get('Record-Route'), `<sip:127.0.0.1:${middle.port('tls')};transport=tls;lr>`);
      void callee.srf.createUAS(request, response, { localSdp: sdp('callee') }).then(answered.settle);
    });
    const dialog = await caller.srf.createUAC(middle.uri(inward), { localSdp: sdp('caller') });
    const far = await answered.value;
    const ended = next(dialog, 'destroy');
    await far.destroy();
    await ended;
    await Promise.all([dialogsGone(caller.edge), dialogsGone(callee.edge)]);
  });
}

t.test('a sips URI goes by TLS and by nothing else, whatever the route says (RFC 3261 §8.1.2, §26.2.2)', async (t) => {
  const { settings: tls } = tlsFiles(t, edgeCertificate);
  const [secure, plain, callee] = await Promise.all([openParty(t, {}, { listen, tls }), openParty(t), openParty(t, {}, { listen, tls })]);
  callee.srf.use('options', (request, response) => response.send(request.protocol === 'tls' ? 200 : 403));
  const sips = `sips:x@127.0.0.1:${callee.port('tls')}`;
  t.equal((await finalResponse(await secure.srf.request(sips, { method: 'OPTIONS' }))).status, 200);
  await t.rejects(plain.srf.request(sips, { method: 'OPTIONS' }), /transport not available/u);
  await t.rejects(secure.srf.request(`${sips};transport=udp`, { method: 'OPTIONS' }), /transport not available/u);
  const routed = await secure.srf.request('sips:x@example.test', { method: 'OPTIONS', proxy: `sip:127.0.0.1:${callee.port('tls')}` });
  t.equal((await finalResponse(routed)).status, 200);
});

/** A server that takes TLS connections and notes what is said on them. */
async function openListener(t: Test, certificate: TestCertificate): Promise<{ port: number; said: string[]; settled(): Promise<unknown> }> {
  const said: string[] = [];
  const ended = later<undefined>();
  const server = createServer({ cert: certificate.cert, key: certificate.key }, (socket) => {
    socket.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => ended.settle(undefined));
  });
  server.on('tlsClientError', () => ended.settle(undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const at = server.address();
  return { port: typeof at === 'object' && at !== null ? at.port : 0, said, settled: () => ended.value };
}

t.test('a server whose certificate is not of the one asked for, or of nobody we trust, is told nothing at all (RFC 5922 §7.3)', async (t) => {
  for (const [what, certificate] of [['wrong name', wrongName], ['other authority', stranger]] as const) {
    const party = await openSecure(t, edgeCertificate);
    const listener = await openListener(t, certificate);
    const status = await failureOf(party.srf.createUAC(`sip:x@127.0.0.1:${listener.port};transport=tls`, { localSdp: sdp('secret') }));
    t.equal(status, 503, what);
    await listener.settled();
    t.strictSame(listener.said, [], what);
    t.match(await tlsOf(party.edge), { peersNotTrusted: 1 }, what);
  }
});

t.test('verifyPeer chain takes any name of a trusted authority, off takes everyone', async (t) => {
  for (const [verifyPeer, certificate, status] of [['chain', wrongName, 486], ['chain', stranger, 503], ['off', stranger, 486]] as const) {
    const [party, callee] = await Promise.all([openSecure(t, edgeCertificate, { verifyPeer }), openSecure(t, certificate)]);
    callee.srf.invite((_request, response) => response.send(486));
    t.equal(await failureOf(party.srf.createUAC(callee.uri('tls'), { localSdp: sdp('x') })), status, `${verifyPeer} ${status}`);
  }
});

t.test('clientCertificate require: only peers of a trusted authority are let in; request: all are', async (t) => {
  const [strict, asking] = await Promise.all([openSecure(t, edgeCertificate, { clientCertificate: 'require' }), openSecure(t, edgeCertificate, { clientCertificate: 'request' })]);
  for (const [certificate, strictly] of [[undefined, false], [stranger, false], [client, true]] as const) {
    for (const [party, letIn] of [[strict, strictly], [asking, true]] as const) {
      const peer = await openRawTls(t, party.port('tls'), certificate);
      peer.send(rawCall(peer.port, party.uri('tls'), 'TLS').request('OPTIONS'));
      const answered = await Promise.race([peer.take('503', isResponse(503)).then(() => true), peer.closed.then(() => false)]);
      t.equal(answered, letIn);
    }
  }
  t.match(await tlsOf(strict.edge), { peersNotTrusted: 2 });
});

t.test('a peer that begins a handshake and stalls is cut, and so is one that says nothing', async (t) => {
  const party = await openSecure(t, edgeCertificate, {}, { connections: { connectMs: 60, partialMs: 60 } });
  const stalled = connect(party.port('tls'), '127.0.0.1');
  stalled.on('error', () => undefined);
  const cut = once(stalled, 'close');
  await once(stalled, 'connect');
  stalled.write(Buffer.from([0x16, 0x03, 0x01, 0x02]));
  const silent = await openRawTls(t, party.port('tls'));
  await Promise.all([cut, silent.closed]);
  t.match(await tlsOf(party.edge), { handshakesFailed: 1 });
});

t.test('old versions of TLS, and plain SIP on the TLS port, are refused', async (t) => {
  const party = await openSecure(t);
  const old = connectTls({ port: party.port('tls'), host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' });
  const [refusal] = (await once(old, 'error')) as [Error];
  t.ok(refusal);
  const plain = connect(party.port('tls'), '127.0.0.1');
  plain.on('error', () => undefined);
  plain.write('OPTIONS sip:x SIP/2.0\r\n\r\n');
  await once(plain, 'close');
  await until('both are counted', async () => (await tlsOf(party.edge))?.handshakesFailed === 2);
});

t.test('a double CRLF is answered on TLS as on TCP (RFC 5626 §3.5.1)', async (t) => {
  const party = await openSecure(t);
  const socket = connectTls({ port: party.port('tls'), host: '127.0.0.1', ca: authority });
  t.teardown(() => socket.destroy());
  socket.write('\r\n\r\n');
  const [pong] = (await once(socket, 'data')) as [Buffer];
  t.equal(pong.toString(), '\r\n');
});

/** The name that an edge shows to whoever connects. */
async function shownBy(port: number): Promise<string> {
  const socket: TLSSocket = connectTls({ port, host: '127.0.0.1', ca: authority });
  await once(socket, 'secureConnect');
  const name = String(socket.getPeerCertificate().subject.CN);
  socket.destroy();
  return name;
}

t.test('certificates are renewed without a restart, and connections outlive it', async (t) => {
  const files = tlsFiles(t, edgeCertificate);
  const party = await openParty(t, {}, { listen, tls: files.settings });
  const peer = await openRawTls(t, party.port('tls'));
  peer.send(rawCall(peer.port, party.uri('tls'), 'TLS').request('OPTIONS'));
  await peer.take('503', isResponse(503));
  t.equal(await shownBy(party.port('tls')), 'edge.example.test');
  files.renew(renewed);
  await party.edge.reloadTls();
  t.equal(await shownBy(party.port('tls')), 'renewed.example.test');
  peer.send(rawCall(peer.port, party.uri('tls'), 'TLS').request('OPTIONS'));
  await peer.take('503', isResponse(503));
});

t.test('files that do not belong together change nothing, and no word of a key is told', async (t) => {
  const files = tlsFiles(t, edgeCertificate);
  const party = await openParty(t, {}, { listen, tls: files.settings });
  files.renew({ cert: renewed.cert, key: client.key });
  const failure: unknown = await party.edge.reloadTls().then(() => undefined, (thrown: unknown) => thrown);
  t.ok(failure instanceof Failure);
  t.match(failure, { code: 'EDGE_TLS', message: /cert\.pem and .*key\.pem .*belongs/u });
  t.notMatch(JSON.stringify(failure) + String(failure), client.key.split('\n')[1] ?? 'none');
  t.equal(await shownBy(party.port('tls')), 'edge.example.test');
  t.match(await tlsOf(party.edge), { reloadsFailed: 1 });
  files.renew(renewed);
  await party.edge.reloadTls();
  t.equal(await shownBy(party.port('tls')), 'renewed.example.test');
});

t.test('an edge with files that are missing or no certificates does not open, in a thread or without, and says which', async (t) => {
  const { settings } = tlsFiles(t, edgeCertificate);
  const base = { listen, admin: { host: '127.0.0.1', port: 0 }, secret: 'x' };
  for (const open of [openEdge, spawnEdge]) {
    for (const [setting, file] of [['certFile', '/none/cert.pem'], ['keyFile', '/none/key.pem'], ['caFile', '/none/ca.pem'], ['caFile', settings.keyFile], ['certFile', settings.keyFile]] as const) {
      await t.rejects(open({ ...base, tls: { ...settings, [setting]: file } }), { code: 'EDGE_TLS', message: file });
    }
    await t.rejects(open(base), { code: 'EDGE_TLS', message: /sip\.tls/u });
  }
});

t.test('an edge in a thread of its own renews its certificates, too', async (t) => {
  const files = tlsFiles(t, edgeCertificate);
  const edge = await spawnEdge({ listen, admin: { host: '127.0.0.1', port: 0 }, secret: 'x', tls: files.settings });
  t.teardown(() => edge.close());
  const port = edge.listening[1]?.port ?? 0;
  t.equal(await shownBy(port), 'edge.example.test');
  files.renew(renewed);
  await edge.reloadTls();
  t.equal(await shownBy(port), 'renewed.example.test');
  writeFileSync(files.settings.keyFile, 'no key');
  await t.rejects(edge.reloadTls(), { code: 'EDGE_TLS' });
  t.equal(readFileSync(files.settings.keyFile, 'utf8'), 'no key');
  t.equal(await shownBy(port), 'renewed.example.test');
});

t.test('a request is not sent on a connection whose peer has not proved to be the one asked for (RFC 5923 §4)', async (t) => {
  const { settings } = tlsFiles(t, edgeCertificate, { clientCertificate: 'request' });
  const party = await openParty(t, {}, { listen, tls: settings });
  const peer = await openRawTls(t, party.port('tls'));
  peer.send(rawCall(peer.port, party.uri('tls'), 'TLS').request('OPTIONS'));
  await peer.take('503', isResponse(503));
  const request: SrfRequest = await party.srf.request(`sip:x@127.0.0.1:${peer.port};transport=tls`, { method: 'OPTIONS' });
  t.equal((await finalResponse(request)).status, 503, 'nobody else listens there');
  t.notOk(peer.left.some(isRequest('OPTIONS')));
});

t.test('inside its dialog a peer that listens nowhere is reached on the connection it opened', async (t) => {
  const party = await openSecure(t);
  const peer = await openRawTls(t, party.port('tls'));
  const answered = later<SrfDialog>();
  party.srf.invite((request, response) => void party.srf.createUAS(request, response, { localSdp: sdp('y') }).then(answered.settle));
  const call = rawCall(peer.port, party.uri('tls'), 'TLS');
  peer.send(call.request('INVITE', { body: sdp('x') }));
  const ok = await peer.take('200', isResponse(200));
  peer.send(call.request('ACK', { to: `To: ${headerOf(ok, 'to') ?? ''}`, branch: 'z9hG4bKa' }));
  const dialog = await answered.value;
  void dialog.destroy();
  peer.send(rawResponse(await peer.take('BYE', isRequest('BYE')), 200, 'OK'));
  await dialogsGone(party.edge);
});

t.test('UDP peers of an edge with TLS go on as before', async (t) => {
  const [party, peer] = await Promise.all([openSecure(t), openRawUdp(t)]);
  peer.send(rawCall(peer.port, party.uri()).request('OPTIONS'), party.port());
  await peer.take('503', isResponse(503));
});
