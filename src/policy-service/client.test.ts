/** The client against real HTTP servers, those that misbehave above all. */
import { once } from 'node:events';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createTcp, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { ANSWER_BYTES, openClient, type Client } from './client.js';

const LIMIT_MS = 100;

async function serve(t: Test, server: Server | TcpServer, options: { timeoutMs?: number; token?: string } = {}): Promise<Client> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = openClient({ url: `http://127.0.0.1:${port}/decide?x=1`, timeoutMs: options.timeoutMs ?? 5_000, inFlight: 4 }, options.token);
  t.teardown(() => {
    client.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return client;
}
const json = { 'Content-Type': 'application/json' };

t.test('a question is posted as JSON with the token, and the body of the answer comes back', async (t) => {
  const seen: unknown[] = [];
  const client = await serve(t, createHttp((request, response) => {
    const { method, url, headers } = request;
    void request.setEncoding('utf8').toArray().then((parts: string[]) => {
      seen.push([method, url, headers['content-type'], headers.authorization, headers['content-length'], parts.join('')]);
      response.writeHead(200, { 'Content-Type': 'Application/JSON; charset=utf-8' }).end('{"ü":1}');
    });
  }), { token: 'abc' });
  t.strictSame(await client.ask('{"q":"ö"}'), { body: '{"ü":1}' });
  t.strictSame(seen, [['POST', '/decide?x=1', 'application/json', 'Bearer abc', '10', '{"q":"ö"}']]);
});

t.test('a connection is used again', async (t) => {
  let connections = 0;
  const server = createHttp((_request, response) => response.writeHead(200, json).end('{}'));
  server.on('connection', () => (connections += 1));
  const client = await serve(t, server);
  for (let n = 0; n < 3; n += 1) t.strictSame(await client.ask('{}'), { body: '{}' });
  t.equal(connections, 1);
});

t.test('a connection that the server closed while it was idle costs no answer', async (t) => {
  let asked = 0;
  const server = createTcp((socket) => {
    let first = true;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      asked += 1;
      if (first) socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}');
      else socket.resetAndDestroy();
      first = false;
    });
  });
  const client = await serve(t, server);
  t.strictSame(await client.ask('{}'), { body: '{}' });
  t.strictSame(await client.ask('{}'), { body: '{}' });
  t.equal(asked, 3, 'the second question went out twice');
});

t.test('what a server can do wrong, and how it is called', async (t) => {
  const big = 'x'.repeat(ANSWER_BYTES + 1);
  const rows: [what: string, reason: string, listener: RequestListener][] = [
    ['500', 'status', (_request, response) => response.writeHead(500, json).end('{}')],
    ['204', 'status', (_request, response) => response.writeHead(204).end()],
    ['401', 'status', (_request, response) => response.writeHead(401, json).end('{}')],
    ['a redirect', 'redirect', (_request, response) => response.writeHead(307, { ...json, Location: '/other' }).end('{}')],
    ['HTML', 'content-type', (_request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('{}')],
    ['a type that only begins like JSON', 'content-type', (_request, response) => response.writeHead(200, { 'Content-Type': 'application/jsonx' }).end('{}')],
    ['no type', 'content-type', (_request, response) => response.writeHead(200).end('{}')],
    ['a length beyond the bound', 'too-large', (_request, response) => response.writeHead(200, { ...json, 'Content-Length': big.length }).write('{')],
    ['a body beyond the bound, in chunks', 'too-large', (_request, response) => response.writeHead(200, json).write(big)],
    ['a connection broken off before the answer', 'connection', (request) => request.socket.destroy()],
    ['a connection broken off in the answer', 'connection', (_request, response) => void response.writeHead(200, { ...json, 'Content-Length': 9 }).write('{', () => response.destroy())],
  ];
  for (const [what, reason, listener] of rows) {
    const urls: (string | undefined)[] = [];
    const client = await serve(t, createHttp((request, response) => {
      urls.push(request.url);
      listener(request, response);
    }));
    t.equal(await client.ask('{}'), reason, what);
    t.strictSame(urls, ['/decide?x=1'], `${what}: nothing else is asked`);
  }
});

t.test('no HTTP, and no server at all', async (t) => {
  const client = await serve(t, createTcp((socket) => socket.on('error', () => undefined).end('SSH-2.0-x\r\n')));
  t.equal(await client.ask('{}'), 'connection');
  const gone = createTcp();
  gone.listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await once(gone, 'close');
  const nobody = openClient({ url: `http://127.0.0.1:${port}/`, timeoutMs: 5_000, inFlight: 1 }, undefined);
  t.teardown(() => nobody.close());
  t.equal(await nobody.ask('{}'), 'connection');
});

t.test('an answer of exactly the bound is taken', async (t) => {
  const client = await serve(t, createHttp((_request, response) => response.writeHead(200, json).end('x'.repeat(ANSWER_BYTES))));
  const reply = await client.ask('{}');
  t.equal(typeof reply === 'string' ? reply : reply.body.length, ANSWER_BYTES);
});

t.test('who is slow is given up after the time, whichever part is missing, and the connection is closed', async (t) => {
  const rows: [what: string, listener: RequestListener][] = [
    ['no answer', () => undefined],
    ['a head without a body', (_request, response) => response.writeHead(200, json).flushHeaders()],
    ['a body that trickles', (_request, response) => {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(timer));
    }],
  ];
  for (const [what, listener] of rows) {
    const server = createHttp(listener);
    const closed = new Promise<void>((resolve) => server.on('connection', (socket: Socket) => socket.on('error', () => undefined).on('close', () => resolve())));
    const client = await serve(t, server, { timeoutMs: LIMIT_MS });
    const askedAt = performance.now();
    t.equal(await client.ask('{}'), 'timeout', what);
    const tookMs = performance.now() - askedAt;
    t.ok(tookMs > LIMIT_MS - 5 && tookMs < LIMIT_MS + 2_000, `${what}: ${tookMs} ms`);
    await closed;
  }
});

t.test('a question is withdrawn by its signal, before and while it is under way, and by closing', async (t) => {
  let arrived: () => void = () => undefined;
  const client = await serve(t, createHttp(() => arrived()));
  t.equal(await client.ask('{}', AbortSignal.abort()), 'abandoned');
  const withdrawn = new AbortController();
  const [asked, there] = [client.ask('{}', withdrawn.signal), new Promise<void>((resolve) => (arrived = resolve))];
  await there;
  withdrawn.abort();
  t.equal(await asked, 'abandoned');
  const [open, again] = [client.ask('{}'), new Promise<void>((resolve) => (arrived = resolve))];
  await again;
  client.close();
  t.equal(await open, 'abandoned');
  t.equal(await client.ask('{}'), 'abandoned');
});
