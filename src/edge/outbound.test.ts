import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import Srf from 'drachtio-srf';
import t, { type Test } from 'tap';
import { testCertificate, testKey } from './app/admin-tls.fixture.js';
import { openEdge } from './index.js';
import type { EdgeEnvironment } from './open-edge.js';
import { dialogsGone, failureOf, finalResponse, later, next, openParty, openQuietEdge, quick, sdp, until, type Party, type SrfApp, type SrfDialog, type SrfRequest, type SrfResponse } from './party.fixture.js';
import { isResponse, openRawUdp, rawCall } from './raw-peer.fixture.js';

interface Listener {
  readonly srf: SrfApp;
  readonly port: number;
  /** Connections open now. */
  connections(): Promise<number>;
}

/** An application that waits for the edge to connect. */
async function openListener(t: Test, secret = 'cymru', options: object = {}): Promise<Listener> {
  const srf = new Srf() as unknown as SrfApp;
  const server: Server = srf.listen({ host: '127.0.0.1', port: 0, secret, ...options });
  await once(server, 'listening');
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket));
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    srf,
    port: (server.address() as AddressInfo).port,
    connections: () => new Promise((resolve) => {
      server.getConnections((_error, count) => {
        resolve(count);
      });
    }),
  };
}

/** An edge that connects to a listener for every request, and a caller. */
async function openOutbound(t: Test, port: number, environment: EdgeEnvironment = quick, scheme = 'tcp'): Promise<{ uri: string; edge: Party['edge']; caller: Party }> {
  const [edge, caller] = await Promise.all([
    openQuietEdge(t, environment, { requestHandlers: [{ url: `${scheme}://127.0.0.1:${port}`, verifyPeer: false }] }),
    openParty(t, quick),
  ]);
  return { edge, caller, uri: `sip:x@127.0.0.1:${edge.listening[0]?.port ?? 0}` };
}

t.test('a call is answered by an application that listens; its dialog lives on that connection until the application ends the session', async (t) => {
  const listener = await openListener(t);
  const { uri, edge, caller } = await openOutbound(t, listener.port);
  const answered = later<{ dialog: SrfDialog; request: SrfRequest }>();
  listener.srf.invite((request, response) => {
    void listener.srf.createUAS(request, response, { localSdp: sdp('y') }).then((dialog) => answered.settle({ dialog, request }));
  });
  const dialog = await caller.srf.createUAC(uri, { localSdp: sdp('x') });
  const uas = await answered.value;
  const info = next(uas.dialog, 'info');
  void dialog.request({ method: 'INFO' });
  await info;
  const ended = next(uas.dialog, 'destroy');
  await dialog.destroy();
  await ended;
  t.equal(await listener.connections(), 1, 'the application closes it, nobody else');
  listener.srf.endSession(uas.request);
  await until('it is closed', async () => (await listener.connections()) === 0);
  await dialogsGone(edge);
});

t.test('an application that listens hangs up, and each request has a connection of its own', async (t) => {
  const listener = await openListener(t);
  const { uri, edge, caller } = await openOutbound(t, listener.port);
  listener.srf.invite((request, response) => void listener.srf.createUAS(request, response, { localSdp: sdp('y') }).then((dialog) => {
    dialog.once('info', (_info, answer: SrfResponse) => {
      answer.send(200);
      void dialog.destroy().then(() => listener.srf.endSession(request));
    });
  }));
  const dialogs = await Promise.all([1, 2, 3].map(() => caller.srf.createUAC(uri, { localSdp: sdp('x') })));
  t.equal(await listener.connections(), 3);
  await Promise.all(dialogs.map(async (dialog) => {
    const ended = next(dialog, 'destroy');
    await dialog.request({ method: 'INFO' });
    await ended;
  }));
  await until('all are closed', async () => (await listener.connections()) === 0);
  await dialogsGone(edge);
});

t.test('both legs of a back-to-back call live on one outbound connection', async (t) => {
  const [listener, callee] = await Promise.all([openListener(t), openParty(t, quick)]);
  const { uri, edge, caller } = await openOutbound(t, listener.port);
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: sdp('y') }));
  listener.srf.invite((request, response) => {
    void listener.srf.createB2BUA(request, response, callee.uri(), { localSdpB: request.body }).then(({ uas, uac }) => {
      uas.on('destroy', () => void uac.destroy().then(() => listener.srf.endSession(request)));
    });
  });
  const dialog = await caller.srf.createUAC(uri, { localSdp: sdp('x') });
  t.match(dialog.remote.sdp, /s=y/u);
  t.equal((await edge.stats()).dialogs, 2);
  await dialog.destroy();
  await until('it is closed', async () => (await listener.connections()) === 0);
  await Promise.all([dialogsGone(edge), dialogsGone(callee.edge)]);
});

t.test('other requests go the same way, over TLS too', async (t) => {
  const listener = await openListener(t, 'cymru', { tls: { cert: testCertificate, key: testKey } });
  const { uri, caller } = await openOutbound(t, listener.port, quick, 'tls');
  listener.srf.use('options', (request, response) => {
    response.send(200, { headers: { 'X-By': 'TLS' } });
    listener.srf.endSession(request);
  });
  const answer = await finalResponse(await caller.srf.request(uri, { method: 'OPTIONS' }));
  t.equal(answer.get('X-By'), 'TLS');
});

t.test('a certificate that nobody vouches for is refused, unless that was asked for', async (t) => {
  const listener = await openListener(t, 'cymru', { tls: { cert: testCertificate, key: testKey } });
  const edge = await openQuietEdge(t, quick, { requestHandlers: [{ url: `tls://localhost:${listener.port}` }] });
  const caller = await openParty(t, quick);
  t.equal(await failureOf(caller.srf.createUAC(`sip:x@127.0.0.1:${edge.listening[0]?.port ?? 0}`, { localSdp: sdp('x') })), 480);
});

t.test('an application that does not listen, or does not know the secret, or says nothing: 480', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const deaf = createServer();
  deaf.listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  const { port } = deaf.address() as AddressInfo;
  deaf.close();
  const wrong = await openListener(t, 'wrong');
  for (const at of [port, wrong.port, (silent.address() as AddressInfo).port]) {
    const { uri, edge, caller } = await openOutbound(t, at, { timing: { ...quick.timing, outboundMs: 200 } });
    t.equal(await failureOf(caller.srf.createUAC(uri, { localSdp: sdp('x') })), 480);
    await dialogsGone(edge);
  }
  await until('the one refused is closed', async () => (await wrong.connections()) === 0);
});

t.test('beyond the bound on open connections requests are answered 503', async (t) => {
  const listener = await openListener(t);
  const { uri, caller } = await openOutbound(t, listener.port, { ...quick, maxOutbound: 1 });
  const asked = later<SrfRequest>();
  listener.srf.use('options', (request, response) => {
    response.send(200);
    asked.settle(request);
  });
  t.equal((await finalResponse(await caller.srf.request(uri, { method: 'OPTIONS' }))).status, 200);
  t.equal((await finalResponse(await caller.srf.request(uri, { method: 'OPTIONS' }))).status, 503);
  listener.srf.endSession(await asked.value);
  await until('there is room again', async () => (await listener.connections()) === 0);
  t.equal((await finalResponse(await caller.srf.request(uri, { method: 'OPTIONS' }))).status, 200);
});

t.test('a CANCEL while the application is being reached is answered, and the attempt called off', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  const connected = once(silent, 'connection');
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const { edge } = await openOutbound(t, (silent.address() as AddressInfo).port, { timing: { ...quick.timing, outboundMs: 60_000 } });
  const [peer, port] = [await openRawUdp(t), edge.listening[0]?.port ?? 0];
  const call = rawCall(peer.port, `sip:x@127.0.0.1:${port}`);
  peer.send(call.request('INVITE'), port);
  const [socket] = (await connected) as [{ once(event: 'close', done: () => void): void; resume(): void }];
  const closed = new Promise<void>((resolve) => {
    socket.once('close', resolve);
  });
  socket.resume();
  peer.send(call.request('CANCEL'), port);
  await peer.take('200', isResponse(200, 'CANCEL'));
  await peer.take('487', isResponse(487, 'INVITE'));
  await closed;
});

t.test('an application that closes its connection in a call ends the call', async (t) => {
  const listener = await openListener(t);
  const { uri, edge, caller } = await openOutbound(t, listener.port);
  listener.srf.invite((request, response) => void listener.srf.createUAS(request, response, { localSdp: sdp('y') }).then((dialog) => {
    dialog.once('ack', () => listener.srf.endSession(request));
  }));
  const dialog = await caller.srf.createUAC(uri, { localSdp: sdp('x') });
  const bye = await next<SrfRequest>(dialog, 'destroy');
  t.match(bye.get('Reason'), /application gone/u);
  await dialogsGone(edge);
});

t.test('a handler is found by method, and what has none goes to the applications that registered', async (t) => {
  const listener = await openListener(t);
  const party = await openParty(t, quick, { requestHandlers: [{ method: 'options', url: `tcp://127.0.0.1:${listener.port}` }, { method: 'OPTIONS', url: 'tcp://127.0.0.1:1' }] });
  const caller = await openParty(t, quick);
  listener.srf.use('options', (_request, response) => response.send(486));
  for (const method of ['options', 'message']) party.srf.use(method, (_request, response) => response.send(603));
  t.equal((await finalResponse(await caller.srf.request(party.uri(), { method: 'OPTIONS' }))).status, 486);
  t.equal((await finalResponse(await caller.srf.request(party.uri(), { method: 'MESSAGE' }))).status, 603);
});

t.test('a handler without a usable url is a failure that says what is', async (t) => {
  for (const url of ['127.0.0.1:9021', 'udp://127.0.0.1:9021', 'tcp://127.0.0.1:99999', 'http://', 'tcp://a/b']) {
    await t.rejects(
      openEdge({ listen: [], admin: { host: '127.0.0.1', port: 0 }, secret: 'x', requestHandlers: [{ url }] }),
      { code: 'CONFIG_INVALID', message: /tcp:\/\/127\.0\.0\.1:9021/u }, url,
    );
  }
});
