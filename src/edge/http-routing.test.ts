import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Srf from 'drachtio-srf';
import t, { type Test } from 'tap';
import { testCertificate, testKey } from './app/admin-tls.fixture.js';
import type { RequestHandler } from './edge-options.js';
import type { EdgeEnvironment } from './open-edge.js';
import { connectApp, dialogsGone, finalResponse, openParty, openQuietEdge, quick, sdp, until, type Party, type SrfApp } from './party.fixture.js';
import { isResponse, openRawUdp, rawCall } from './raw-peer.fixture.js';

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

type Reply = (asked: Asked, response: ServerResponse) => void;

/** A routing service; answers with what `reply` sends. */
async function openService(t: Test, reply: Reply, tls = false): Promise<{ readonly url: string; readonly asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const hear = (request: IncomingMessage, response: ServerResponse): void => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    request.on('end', () => {
      const one = { method: request.method ?? '', url: new URL(request.url ?? '', 'http://x'), body, headers: request.headers };
      asked.push(one);
      reply(one, response);
    });
  };
  const server = tls ? createTlsServer({ cert: testCertificate, key: testKey }, hear) : createServer(hear);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `${tls ? 'https' : 'http'}://localhost:${(server.address() as AddressInfo).port}`, asked };
}

const says = (action: string, data: object): Reply => (_asked, response) => void response.end(JSON.stringify({ action, data }));

async function openRouted(
  t: Test, handlers: readonly RequestHandler[], environment: EdgeEnvironment = quick,
): Promise<{ uri: string; port: number; edge: Party['edge']; caller: Party }> {
  const [edge, caller] = await Promise.all([openQuietEdge(t, environment, { requestHandlers: handlers }), openParty(t, quick)]);
  const port = edge.listening[0]?.port ?? 0;
  return { edge, caller, port, uri: `sip:called@127.0.0.1:${port}` };
}

const statusOf = async (caller: Party, uri: string): Promise<number> => (await finalResponse(await caller.srf.request(uri, { method: 'OPTIONS' }))).status;

t.test('a service is asked with what drachtio-server tells it, and may reject', async (t) => {
  const service = await openService(t, says('reject', { status: 433, reason: 'Anonymity Disallowed' }));
  const { port, edge } = await openRouted(t, [{ url: `${service.url}/route` }]);
  const peer = await openRawUdp(t);
  const uri = `sip:c%20d@127.0.0.1:${port};x=1;lr`;
  peer.send(rawCall(peer.port, uri).request('INVITE', { body: sdp('ü') }), port);
  const refused = await peer.take('433', isResponse(433));
  t.equal(refused.kind === 'response' && refused.reason, 'Anonymity Disallowed');
  const [asked] = service.asked;
  t.equal(asked?.method, 'GET');
  t.equal(asked?.url.pathname, '/route/');
  t.equal(asked?.headers.accept, 'application/json');
  t.strictSame(Object.fromEntries(asked?.url.searchParams ?? []), {
    method: 'INVITE', domain: '127.0.0.1', protocol: 'udp', source_address: '127.0.0.1', fromUser: 'raw', toUser: 'c%20d', uriUser: 'c%20d',
    contentType: 'application/sdp', uri, x: '1', lr: '',
  });
  await dialogsGone(edge);
});

t.test('by POST it is given the whole message, byte for byte', async (t) => {
  const service = await openService(t, says('reject', { status: 603 }));
  const { port } = await openRouted(t, [{ url: service.url, httpMethod: 'POST' }]);
  const peer = await openRawUdp(t);
  const body = Buffer.from('grüße', 'utf8').toString('latin1');
  peer.send(rawCall(peer.port, `sip:x@127.0.0.1:${port}`).request('MESSAGE', { body }), port);
  await peer.take('603', isResponse(603));
  const [asked] = service.asked;
  t.equal(asked?.method, 'POST');
  t.match(asked?.headers['content-type'], 'text/plain');
  t.match(asked?.body, new RegExp(`^MESSAGE sip:x@[^]*\r\n\r\n${body}$`, 'u'));
});

t.test('it may redirect', async (t) => {
  const service = await openService(t, says('redirect', { contact: ['sip:a@192.0.2.1', 'sip:b@192.0.2.2'] }));
  const { uri, caller } = await openRouted(t, [{ url: service.url }]);
  const answer = await finalResponse(await caller.srf.request(uri, { method: 'OPTIONS' }));
  t.equal(answer.status, 302);
  t.match(answer.get('Contact'), /a@192\.0\.2\.1.*b@192\.0\.2\.2/u);
});

t.test('it may have a call proxied without any application, the next target after one that refuses', async (t) => {
  const [busy, free] = await Promise.all([openParty(t, quick), openParty(t, quick)]);
  busy.srf.invite((_request, response) => response.send(486));
  free.srf.invite((request, response) => void free.srf.createUAS(request, response, { localSdp: sdp('y') }));
  const service = await openService(t, says('proxy', { destination: [`127.0.0.1:${busy.port()}`, free.uri()], recordRoute: true }));
  const { uri, caller, edge } = await openRouted(t, [{ url: service.url }]);
  const dialog = await caller.srf.createUAC(uri, { localSdp: sdp('x') });
  t.match(dialog.remote.sdp, /s=y/u);
  await dialog.destroy();
  await dialogsGone(free.edge);
  t.equal((await edge.stats()).dialogs, 0);
});

t.test('it may name an application that listens, or the tag of those that are connected, in turn', async (t) => {
  const listening = new Srf() as unknown as SrfApp;
  const server = listening.listen({ host: '127.0.0.1', port: 0, secret: 'cymru' });
  await once(server, 'listening');
  t.teardown(() => server.close());
  listening.use('options', (request, response) => {
    response.send(480);
    listening.endSession(request);
  });
  const service = await openService(t, (asked, response) => {
    const user = asked.url.searchParams.get('uriUser') ?? '';
    says('route', user === 'listener' ? { uri: `127.0.0.1:${(server.address() as AddressInfo).port};transport=tcp` } : { tag: user })(asked, response);
  });
  const { caller, edge, port } = await openRouted(t, [{ url: service.url }]);
  for (const [status, tags] of [[481, ['blue']], [482, ['red', 'blue']], [483, ['red']]] as const) {
    (await connectApp(t, edge, 'cymru', tags)).use('options', (_request, response) => response.send(status));
  }
  const ask = (user: string): Promise<number> => statusOf(caller, `sip:${user}@127.0.0.1:${port}`);
  t.equal(await ask('listener'), 480);
  const blue = [await ask('blue'), await ask('blue'), await ask('blue')];
  t.strictSame(blue.slice(0, 2).sort(), [481, 482]);
  t.equal(blue[0], blue[2]);
  t.strictSame([await ask('red'), await ask('red')].sort(), [482, 483]);
  t.equal(await ask('green'), 480, 'nobody has that tag');
});

t.test('a service that answers nonsense, too much, too late or not at all: 500', async (t) => {
  const timing = { ...quick.timing, routingMs: 300 };
  const services = await Promise.all([
    openService(t, (_asked, response) => void response.end('<html>')),
    openService(t, (_asked, response) => void response.end(`${JSON.stringify({ action: 'reject', data: { status: 486 } })}${' '.repeat(100_000)}`)),
    openService(t, () => undefined),
    openService(t, (_asked, response) => void response.destroy()),
    openService(t, (_asked, response) => void response.writeHead(302, { location: 'ftp://127.0.0.1/' }).end()),
    openService(t, (asked, response) => void response.writeHead(302, { location: `/more${asked.url.pathname}` }).end()),
  ]);
  for (const url of [...services.map((each) => each.url), 'http://127.0.0.1:1']) {
    const { uri, caller } = await openRouted(t, [{ url }], { timing });
    t.equal(await statusOf(caller, uri), 500, url);
  }
});

t.test('redirects of the service are followed', async (t) => {
  const service = await openService(t, (asked, response) => {
    if (asked.url.pathname === '/there') says('reject', { status: 604 })(asked, response);
    else response.writeHead(302, { location: '/there' }).end();
  });
  const { uri, caller } = await openRouted(t, [{ url: service.url }]);
  t.equal(await statusOf(caller, uri), 604);
});

t.test('a certificate is checked, unless that was not asked for', async (t) => {
  const service = await openService(t, says('reject', { status: 604 }), true);
  const checked = await openRouted(t, [{ url: service.url }]);
  t.equal(await statusOf(checked.caller, checked.uri), 500);
  const trusting = await openRouted(t, [{ url: service.url, verifyPeer: false }]);
  t.equal(await statusOf(trusting.caller, trusting.uri), 604);
});

t.test('a slow service holds up nobody else, and many questions are open at once', async (t) => {
  const held: (() => void)[] = [];
  const slow = await openService(t, (asked, response) => held.push(() => says('reject', { status: 486 })(asked, response)));
  const fast = await openService(t, says('reject', { status: 604 }));
  const { uri, caller } = await openRouted(t, [{ method: 'MESSAGE', url: slow.url }, { url: fast.url }]);
  const waiting = Promise.all(Array.from({ length: 50 }, async () => {
    const { status } = await finalResponse(await caller.srf.request(uri, { method: 'MESSAGE' }));
    return status;
  }));
  t.equal(await statusOf(caller, uri), 604);
  await until('all fifty are open', () => held.length === 50);
  for (const release of held) release();
  t.strictSame(new Set(await waiting), new Set([486]));
});

t.test('a CANCEL while the service thinks is answered, and its late answer ignored', async (t) => {
  const held: (() => void)[] = [];
  const service = await openService(t, (asked, response) => held.push(() => says('reject', { status: 486 })(asked, response)));
  const { port, edge } = await openRouted(t, [{ url: service.url }]);
  const peer = await openRawUdp(t);
  const call = rawCall(peer.port, `sip:x@127.0.0.1:${port}`);
  peer.send(call.request('INVITE'), port);
  await until('it is asked', () => held.length === 1);
  peer.send(call.request('CANCEL'), port);
  await peer.take('200', isResponse(200, 'CANCEL'));
  await peer.take('487', isResponse(487, 'INVITE'));
  for (const release of held) release();
  peer.send(rawCall(peer.port, `sip:x@127.0.0.1:${port}`).request('OPTIONS'), port);
  await until('it is asked again', () => held.length === 2);
  held[1]?.();
  await peer.take('486', isResponse(486, 'OPTIONS'));
  t.notOk(peer.left.some(isResponse(486)));
  await dialogsGone(edge);
});
